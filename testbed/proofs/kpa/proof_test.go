// Package kpa answers scripts with what Knative's own autoscaler packages say.
//
// One JSON script a line comes in on stdin, one line of answers goes out on stdout. Every script runs in its
// own testing/synctest bubble, so that time.Now() in the upstream code is the script's clock: it starts on
// 2000-01-01 and moves only when the script says so. Seconds in scripts count from then.
package kpa

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

// sleepUntil moves the bubble's clock; it never moves back.
func sleepUntil(seconds float64) {
	time.Sleep(time.Until(at(seconds)))
}

func since(t time.Time) float64 {
	return t.Sub(epoch).Seconds()
}

func TestProof(t *testing.T) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<28)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var script struct{ Kind string }
		if err := json.Unmarshal(in.Bytes(), &script); err != nil {
			t.Fatal(err)
		}
		line := append([]byte(nil), in.Bytes()...)
		var answer any
		if script.Kind == "bench" { // the only one that needs a real clock
			answer = bench(parse[benchScript](t, line))
		} else {
			synctest.Test(t, func(t *testing.T) {
				switch script.Kind {
				case "windows":
					answer = windows(parse[windowScript](t, line))
				case "scale":
					answer = scale(parse[scaleScript](t, line))
				case "scaler":
					answer = scaleToTarget(t, parse[scalerScript](t, line))
				case "config":
					answer = configure(parse[configScript](t, line))
				default:
					t.Fatal("unknown kind ", script.Kind)
				}
			})
		}
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(out, string(text))
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

func parse[T any](t *testing.T, line []byte) (script T) {
	if err := json.Unmarshal(line, &script); err != nil {
		t.Fatal(err)
	}
	return script
}

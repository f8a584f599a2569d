package kpa

import (
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/serving/pkg/autoscaler/aggregation"
	"knative.dev/serving/pkg/autoscaler/scaling"
)

// buckets is what the metric collector asks of either kind of window.
type buckets interface {
	Record(time.Time, float64)
	ResizeWindow(time.Duration)
	WindowAverage(time.Time) float64
	IsEmpty(time.Time) bool
}

func newBuckets(weighted bool, seconds float64) buckets {
	window := time.Duration(seconds) * time.Second
	if weighted {
		return aggregation.NewWeightedFloat64Buckets(window, time.Second)
	}
	return aggregation.NewTimedFloat64Buckets(window, time.Second)
}

type windowScript struct {
	Weighted bool
	Seconds  float64
	// Each op is [code, second, value]: 0 record, 1 average, 2 resize.
	Ops [][3]float64
}

// windows answers [average, empty as 0 or 1] for each average asked for.
func windows(script windowScript) [][2]float64 {
	b := newBuckets(script.Weighted, script.Seconds)
	answers := [][2]float64{}
	for _, op := range script.Ops {
		switch now := at(op[1]); op[0] {
		case 0:
			b.Record(now, op[2])
		case 1:
			empty := 0.
			if b.IsEmpty(now) {
				empty = 1
			}
			answers = append(answers, [2]float64{b.WindowAverage(now), empty})
		case 2:
			sleepUntil(op[1]) // resizing looks at the clock
			b.ResizeWindow(time.Duration(op[2]) * time.Second)
		}
	}
	return answers
}

// metrics and pods are what Scale sees of the world.
type metrics struct{ stable, panic float64 }

func (m *metrics) StableAndPanicConcurrency(types.NamespacedName, time.Time) (float64, float64, error) {
	return m.stable, m.panic, nil
}

func (m *metrics) StableAndPanicRPS(types.NamespacedName, time.Time) (float64, float64, error) {
	return m.stable, m.panic, nil
}

type pods struct{ ready int }

func (p *pods) ReadyCount() (int, error)    { return p.ready, nil }
func (p *pods) NotReadyCount() (int, error) { return 0, nil }

type scaleScript struct {
	Spec  scaling.DeciderSpec
	Start float64
	Ready int
	Steps []struct {
		Now, Stable, Panic float64
		Ready              int
		Spec               *scaling.DeciderSpec
	}
}

// scale answers [desired, excess burst capacity] for each step.
func scale(script scaleScript) [][2]int32 {
	sleepUntil(script.Start)
	m, p := &metrics{}, &pods{ready: script.Ready}
	a := scaling.New(attribute.NewSet(), noop.NewMeterProvider(), "ns", "rev", m, p, &script.Spec)
	logger := zap.NewNop().Sugar()
	answers := [][2]int32{}
	for _, step := range script.Steps {
		if step.Spec != nil {
			a.Update(step.Spec)
		}
		m.stable, m.panic, p.ready = step.Stable, step.Panic, step.Ready
		result := a.Scale(logger, at(step.Now))
		answers = append(answers, [2]int32{result.DesiredPodCount, result.ExcessBurstCapacity})
	}
	return answers
}

type benchScript struct {
	Spec    scaling.DeciderSpec
	Demand  []float64
	Repeats int
}

// bench records Demand (one value a second) Repeats times over and scales every two seconds; the replicas
// asked for are ready at once. It answers the CPU seconds it took and the sum of all desired counts.
func bench(script benchScript) map[string]float64 {
	m, p := &metrics{}, &pods{ready: 1}
	a := scaling.New(attribute.NewSet(), noop.NewMeterProvider(), "ns", "rev", m, p, &script.Spec)
	stable, panicky := newBuckets(false, 60), newBuckets(false, 6)
	logger := zap.NewNop().Sugar()
	begin, now, sum := cpuTime(), epoch, 0.
	for range script.Repeats {
		for i, value := range script.Demand {
			stable.Record(now, value)
			panicky.Record(now, value)
			if i%2 == 1 {
				m.stable, m.panic = stable.WindowAverage(now), panicky.WindowAverage(now)
				p.ready = int(a.Scale(logger, now).DesiredPodCount)
				sum += float64(p.ready)
			}
			now = now.Add(time.Second)
		}
	}
	return map[string]float64{"seconds": (cpuTime() - begin).Seconds(), "sum": sum}
}

// cpuTime is what this process has used, so that a busy machine does not count against it.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

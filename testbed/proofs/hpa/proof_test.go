// Package hpa answers scripts with what Kubernetes' own HorizontalPodAutoscaler controller says.
//
// One JSON script a line comes in on stdin, one line of answers goes out on stdout. Every script runs in its
// own testing/synctest bubble with its own controller, so that time.Now() in the upstream code is the script's
// clock: it starts on 2000-01-01 and moves only when the script says so. Seconds in scripts count from then.
package hpa

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/go-logr/logr"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	eventclient "k8s.io/client-go/kubernetes/typed/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/klog/v2"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	_ "k8s.io/kubernetes/pkg/features"
)

// One sync of one HPA, as a worker of the controller does it. It is not exported, so it is reached by its
// link name; the queue and its rate limiter, which only say when, are left out.
//
//go:linkname reconcileKey k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).reconcileKey
func reconcileKey(*podautoscaler.HorizontalController, context.Context, string) (bool, error)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

type pod struct {
	Name     string
	Phase    v1.PodPhase
	Deleting bool
	Ready    *bool // nil: no such condition
	Changed  float64
	Started  *float64
	Requests map[string]int64 // milli-units by "container/resource"
}

// sample is [value in milli-units, second of the sample, window in seconds].
type sample [3]float64

type reading struct {
	Error  bool
	Pods   map[string]sample
	Values []int64
}

type step struct {
	Now      float64
	Spec     *autoscalingv2.HorizontalPodAutoscalerSpec // nil: as before
	Replicas int32
	Status   int32
	Pods     []pod
	Readings []reading // by the number of the metric in the spec
}

type script struct {
	ScaleToZero bool
	Steps       []step
}

// world is everything the controller reads and writes.
type world struct {
	// The interfaces' other methods are never called; a nil pointer would tell.
	autoscalingclient.HorizontalPodAutoscalerInterface
	apimeta.RESTMapper

	hpa  *autoscalingv2.HorizontalPodAutoscaler
	step step
}

func (w *world) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return w
}

func (w *world) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	w.hpa.Status = hpa.Status
	return hpa, nil
}

func (w *world) RESTMappings(gk schema.GroupKind, _ ...string) ([]*apimeta.RESTMapping, error) {
	return []*apimeta.RESTMapping{{Resource: schema.GroupVersionResource{Group: gk.Group, Version: "v1", Resource: "deployments"}}}, nil
}

// events takes the controller's Events and forgets them.
type events struct{ eventclient.EventInterface }

func (e events) Events(string) eventclient.EventInterface { return e }

func (events) CreateWithEventNamespace(event *v1.Event) (*v1.Event, error) { return event, nil }

func (events) PatchWithEventNamespace(event *v1.Event, _ []byte) (*v1.Event, error) {
	return event, nil
}

// nobody is the API server behind the informers, which are never started: their stores are filled by hand.
var nobody = fake.NewSimpleClientset()

// scales is the scale subresource.
type scales struct {
	scaleclient.ScaleInterface
	world *world
}

func (s scales) Scales(string) scaleclient.ScaleInterface { return s }

func (s scales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return &autoscalingv1.Scale{
		Spec:   autoscalingv1.ScaleSpec{Replicas: s.world.step.Replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: s.world.step.Status, Selector: "app=web"},
	}, nil
}

func (s scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.world.step.Replicas = scale.Spec.Replicas
	return scale, nil
}

// The metrics: every metric of a script is named after its number, resources after theirs.

type client struct{ *world }

var errNoMetric = errors.New("no such metric")

func (c client) reading(match func(autoscalingv2.MetricSpec) bool) (reading, error) {
	for i, spec := range c.hpa.Spec.Metrics {
		if match(spec) {
			if c.step.Readings[i].Error {
				return reading{}, errNoMetric
			}
			return c.step.Readings[i], nil
		}
	}
	return reading{}, errNoMetric
}

func (r reading) info() metrics.PodMetricsInfo {
	info := metrics.PodMetricsInfo{} // the calculator empties it, so it is made anew
	for name, s := range r.Pods {
		info[name] = metrics.PodMetric{Value: int64(s[0]), Timestamp: at(s[1]), Window: time.Duration(s[2] * float64(time.Second))}
	}
	return info
}

func (c client) GetResourceMetric(_ context.Context, name v1.ResourceName, _ string, _ labels.Selector, container string) (metrics.PodMetricsInfo, time.Time, error) {
	r, err := c.reading(func(m autoscalingv2.MetricSpec) bool {
		if container != "" {
			return m.ContainerResource != nil && m.ContainerResource.Name == name && m.ContainerResource.Container == container
		}
		return m.Resource != nil && m.Resource.Name == name
	})
	return r.info(), time.Now(), err
}

func (c client) GetRawMetric(name, _ string, _, _ labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	r, err := c.reading(func(m autoscalingv2.MetricSpec) bool { return m.Pods != nil && m.Pods.Metric.Name == name })
	return r.info(), time.Now(), err
}

func (c client) GetObjectMetric(name, _ string, _ *autoscalingv2.CrossVersionObjectReference, _ labels.Selector) (int64, time.Time, error) {
	r, err := c.reading(func(m autoscalingv2.MetricSpec) bool { return m.Object != nil && m.Object.Metric.Name == name })
	if err != nil {
		return 0, time.Time{}, err
	}
	return r.Values[0], time.Now(), nil
}

func (c client) GetExternalMetric(name, _ string, _ labels.Selector) ([]int64, time.Time, error) {
	r, err := c.reading(func(m autoscalingv2.MetricSpec) bool { return m.External != nil && m.External.Metric.Name == name })
	return r.Values, time.Now(), err
}

func (p pod) object() *v1.Pod {
	out := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: p.Name, Labels: map[string]string{"app": "web"}},
		Status:     v1.PodStatus{Phase: p.Phase},
	}
	if p.Deleting {
		out.DeletionTimestamp = &metav1.Time{Time: epoch}
	}
	if p.Ready != nil {
		status := v1.ConditionFalse
		if *p.Ready {
			status = v1.ConditionTrue
		}
		out.Status.Conditions = []v1.PodCondition{
			{Type: v1.PodReady, Status: status, LastTransitionTime: metav1.Time{Time: at(p.Changed)}},
		}
	}
	if p.Started != nil {
		out.Status.StartTime = &metav1.Time{Time: at(*p.Started)}
	}
	containers := map[string]v1.ResourceList{}
	for key, milli := range p.Requests {
		var container, name string
		for i := range key {
			if key[i] == '/' {
				container, name = key[:i], key[i+1:]
			}
		}
		if containers[container] == nil {
			containers[container] = v1.ResourceList{}
		}
		containers[container][v1.ResourceName(name)] = *resource.NewMilliQuantity(milli, resource.DecimalSI)
	}
	for _, container := range []string{"main", "side"} {
		if requests, ok := containers[container]; ok {
			out.Spec.Containers = append(out.Spec.Containers, v1.Container{
				Name: container, Resources: v1.ResourceRequirements{Requests: requests},
			})
		}
	}
	return out
}

// run answers the replicas after each step.
func run(t *testing.T, script script) []int32 {
	if err := utilfeature.DefaultMutableFeatureGate.Set(fmt.Sprintf("HPAScaleToZero=%v", script.ScaleToZero)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := &world{hpa: &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}}}
	factory := informers.NewSharedInformerFactory(nobody, 0)
	hpas, pods := factory.Autoscaling().V2().HorizontalPodAutoscalers(), factory.Core().V1().Pods()
	controller := podautoscaler.NewHorizontalController(
		ctx, events{}, scales{world: w}, w, w, client{w}, hpas, pods,
		15*time.Second, 300*time.Second, 0.1, 300*time.Second, 30*time.Second,
	)
	if err := hpas.Informer().GetIndexer().Add(w.hpa); err != nil {
		t.Fatal(err)
	}
	// Under a cancelled context Run only shuts down the queue, which is not used here: its tickers would fire
	// all through the fake time.
	over, end := context.WithCancel(ctx)
	end()
	controller.Run(over, 0)
	answers := []int32{}
	for _, step := range script.Steps {
		time.Sleep(time.Until(at(step.Now)))
		if !time.Now().Equal(at(step.Now)) {
			t.Fatal("the clock is not where the script is: ", time.Now())
		}
		w.step = step
		if step.Spec != nil {
			w.hpa.Spec = *step.Spec.DeepCopy()
			w.hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
			defaults.SetDefaults_HorizontalPodAutoscaler(w.hpa)
		}
		objects := []any{}
		for _, p := range step.Pods {
			objects = append(objects, p.object())
		}
		if err := pods.Informer().GetIndexer().Replace(objects, ""); err != nil {
			t.Fatal(err)
		}
		// An error only says that some metric was not to be had; the replicas say what was made of it.
		reconcileKey(controller, ctx, "ns/web")
		answers = append(answers, w.step.Replicas)
	}
	return answers
}

func TestProof(t *testing.T) {
	klog.SetLogger(logr.Discard())
	// One of the handlers holds errors apart by sleeping since the last one. That one lies in the real time of
	// the program's start, so the first error would let 26 years pass in its bubble.
	utilruntime.ErrorHandlers = nil
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<28)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var s script
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		var answers []int32
		synctest.Test(t, func(t *testing.T) { answers = run(t, s) })
		text, err := json.Marshal(answers)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(out, string(text))
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

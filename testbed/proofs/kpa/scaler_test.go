package kpa

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	sksv1alpha1 "knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/serving/pkg/apis/autoscaling"
	pav1alpha1 "knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	asconfig "knative.dev/serving/pkg/autoscaler/config"
	"knative.dev/serving/pkg/deployment"
	"knative.dev/serving/pkg/reconciler/autoscaling/config"
	_ "knative.dev/serving/pkg/reconciler/autoscaling/kpa"
	kparesources "knative.dev/serving/pkg/reconciler/autoscaling/kpa/resources"
	"knative.dev/serving/pkg/reconciler/autoscaling/resources"
)

// The scaler and the Active condition are not exported. The two functions are reached by their link names,
// and the two structs below have the fields of those in kpa/scaler.go and kpa/kpa.go, in their order.

type scaler struct {
	listerFactory  func(schema.GroupVersionResource) (cache.GenericLister, error)
	dynamicClient  dynamic.Interface
	transport      http.RoundTripper
	activatorProbe func(*pav1alpha1.PodAutoscaler, http.RoundTripper) (bool, error)
	probeManager   interface {
		Offer(context.Context, string, interface{}, time.Duration, time.Duration, ...interface{}) bool
	}
	enqueueCB func(interface{}, time.Duration)
}

type podCounts struct{ want, ready, notReady, pending, terminating int }

//go:linkname scaleTarget knative.dev/serving/pkg/reconciler/autoscaling/kpa.(*scaler).scale
func scaleTarget(*scaler, context.Context, *pav1alpha1.PodAutoscaler, *sksv1alpha1.ServerlessService, int32) (int32, error)

//go:linkname computeActiveCondition knative.dev/serving/pkg/reconciler/autoscaling/kpa.computeActiveCondition
func computeActiveCondition(context.Context, *pav1alpha1.PodAutoscaler, podCounts)

// target is a Deployment of which only the replicas exist.
type target struct {
	dynamic.NamespaceableResourceInterface
	replicas int32
}

func (d *target) Resource(schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return d
}
func (d *target) Namespace(string) dynamic.ResourceInterface { return d }

func (d *target) Patch(_ context.Context, _ string, _ types.PatchType, data []byte, _ metav1.PatchOptions, _ ...string) (*unstructured.Unstructured, error) {
	var ops []struct{ Value int32 }
	err := json.Unmarshal(data, &ops)
	d.replicas = ops[0].Value
	return nil, err
}

// lister is the other face of the target: the method names of lister and client collide.
type lister struct{ *target }

func (l lister) List(labels.Selector) ([]runtime.Object, error)  { return nil, nil }
func (l lister) ByNamespace(string) cache.GenericNamespaceLister { return l }
func (l lister) Get(string) (runtime.Object, error) {
	replicas := l.replicas
	return &pav1alpha1.PodScalable{Spec: pav1alpha1.PodScalableSpec{Replicas: &replicas}}, nil
}

type configScript struct {
	Annotations          map[string]string
	Cluster              map[string]string
	ContainerConcurrency int64
}

func (s configScript) podAutoscaler() *pav1alpha1.PodAutoscaler {
	annotations := map[string]string{}
	for key, value := range s.Annotations {
		annotations[key] = value
	}
	return &pav1alpha1.PodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "rev", Annotations: annotations},
		Spec: pav1alpha1.PodAutoscalerSpec{
			ContainerConcurrency: s.ContainerConcurrency,
			ScaleTargetRef:       corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "rev-deployment"},
		},
	}
}

// configure answers what the annotations come to, or null if the cluster or the webhook refuses them.
func configure(script configScript) any {
	cluster, err := asconfig.NewConfigFromMap(script.Cluster)
	if err != nil {
		return nil
	}
	if autoscaling.ValidateAnnotations(context.Background(), cluster, script.Annotations) != nil {
		return nil
	}
	pa := script.podAutoscaler()
	d := kparesources.MakeDecider(pa, cluster).Spec
	metric := resources.MakeMetric(pa, "", cluster)
	minimum, maximum := pa.ScaleBounds(cluster)
	retention, ok := pa.ScaleToZeroPodRetention()
	if !ok {
		retention = cluster.ScaleToZeroPodRetentionPeriod
	}
	return map[string]any{
		"metric": d.ScalingMetric, "target_value": d.TargetValue, "total_value": d.TotalValue,
		"target_burst_capacity": d.TargetBurstCapacity, "panic_threshold_ratio": d.PanicThreshold,
		"max_scale_up_rate": d.MaxScaleUpRate, "max_scale_down_rate": d.MaxScaleDownRate,
		"initial_scale": d.InitialScale, "activation_scale": d.ActivationScale,
		"stable_window_seconds":    metric.Spec.StableWindow.Seconds(),
		"panic_window_seconds":     metric.Spec.PanicWindow.Seconds(),
		"scale_down_delay_seconds": d.ScaleDownDelay.Seconds(),
		"weighted":                 metric.AggregationAlgorithm() == autoscaling.MetricAggregationAlgorithmWeightedExponential,
		"min_scale":                minimum, "max_scale": maximum,
		"enable_scale_to_zero":  cluster.EnableScaleToZero,
		"grace_period_seconds":  cluster.ScaleToZeroGracePeriod.Seconds(),
		"pod_retention_seconds": retention.Seconds(),
	}
}

type scalerScript struct {
	configScript
	Reachable bool
	Replicas  int32
	Steps     []struct {
		Now             float64
		Desired, Excess int32
		Ready           int
		MinScale        *int
	}
}

// scaleToTarget answers [replicas, Active, seconds of its last change, initialized] for each step. What is
// between the two upstream functions, the choice between the modes Proxy and Serve and the network that
// follows it, is written out as in kpa.go and serverlessservice.go.
func scaleToTarget(t *testing.T, script scalerScript) [][4]any {
	sleepUntil(script.Steps[0].Now)
	cluster, err := asconfig.NewConfigFromMap(script.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	ctx := config.ToContext(context.Background(), &config.Config{
		Autoscaler: cluster, Deployment: &deployment.Config{ProgressDeadline: 600 * time.Second},
	})
	pa, sks := script.podAutoscaler(), &sksv1alpha1.ServerlessService{}
	pa.Spec.Reachability = pav1alpha1.ReachabilityReachable
	if !script.Reachable {
		pa.Spec.Reachability = pav1alpha1.ReachabilityUnreachable
	}
	pa.Status.InitializeConditions()
	pa.Status.ServiceName = "rev"
	sks.Status.InitializeConditions()
	sks.Status.MarkActivatorEndpointsPopulated()
	goal := &target{replicas: script.Replicas}
	ks := &scaler{
		listerFactory:  func(schema.GroupVersionResource) (cache.GenericLister, error) { return lister{goal}, nil },
		dynamicClient:  goal,
		activatorProbe: func(*pav1alpha1.PodAutoscaler, http.RoundTripper) (bool, error) { return true, nil },
		enqueueCB:      func(interface{}, time.Duration) {},
	}
	answers := [][4]any{}
	for _, step := range script.Steps {
		sleepUntil(step.Now)
		if step.MinScale != nil {
			pa.Annotations[autoscaling.MinScaleAnnotationKey] = strconv.Itoa(*step.MinScale)
		}
		want, err := scaleTarget(ks, ctx, pa, sks, step.Desired)
		if err != nil {
			t.Fatal(err)
		}
		sks.Spec.Mode = sksv1alpha1.SKSOperationModeProxy
		if want > 0 && step.Excess >= 0 {
			sks.Spec.Mode = sksv1alpha1.SKSOperationModeServe
		}
		if step.Ready == 0 || sks.Spec.Mode == sksv1alpha1.SKSOperationModeProxy {
			sks.Status.MarkActivatorEndpointsPopulated()
		} else {
			sks.Status.MarkActivatorEndpointsRemoved()
		}
		computeActiveCondition(ctx, pa, podCounts{want: int(want), ready: step.Ready})
		active := pa.Status.GetCondition(pav1alpha1.PodAutoscalerConditionActive)
		answers = append(answers, [4]any{
			goal.replicas, active.Status, since(active.LastTransitionTime.Inner.Time), pa.Status.IsScaleTargetInitialized(),
		})
	}
	return answers
}

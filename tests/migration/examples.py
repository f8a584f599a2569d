"""Objects of other autoscalers, as their own documentation has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from ahpa.migration.kinds import migrate
from ahpa.migration.migrated import Migrated

CPU = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 40}}}"
AHPA = f"""
apiVersion: autoscaling.alibabacloud.com/v1beta1
kind: AdvancedHorizontalPodAutoscaler
metadata: {{name: order, namespace: shop, labels: {{team: shop}}}}
spec:
  scaleStrategy: auto
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: order}}
  minReplicas: 2
  maxReplicas: 50
  metrics: [{CPU}]
  stabilizationWindowSeconds: 300
  prediction: {{quantile: 95, scaleUpForward: 180}}
  instanceBounds:
  - startTime: "2023-06-01 00:00:00"
    endTime: "2123-06-01 00:00:00"
    bounds: [{{cron: '* 7-9 ? * MON-FRI', maxReplicas: 50, minReplicas: 10}}]
"""
TEMPLATE = """
apiVersion: autoscaling.alibabacloud.com/v1beta1
kind: AdvancedHorizontalPodAutoscalerTemplate
metadata: {name: ahpa-demo}
spec:
  metrics: [{type: Resource, resource: {name: rps, target: {type: Utilization, averageUtilization: 10}}}]
  maxReplicas: 50
  minReplicas: 0
  prediction: {quantile: 95, scaleUpForward: 180}
"""
CCE = f"""
apiVersion: autoscaling.cce.io/v1alpha1
kind: AdvancedHorizontalPodAutoscaler
metadata: {{name: hamster, namespace: default}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: hamster}}
  minReplicas: 2
  maxReplicas: 10
  metrics: [{CPU}]
  predictConfig: {{predictWindowSeconds: 1800, stabilizationWindowSeconds: 600, quantile: "0.97"}}
  effectiveTime: ['* * 11-22 ? * MON-FRI']
"""
PHPA = f"""
apiVersion: jamiethompson.me/v1alpha1
kind: PredictiveHorizontalPodAutoscaler
metadata: {{name: simple-linear}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: php-apache}}
  minReplicas: 1
  maxReplicas: 10
  behavior: {{scaleDown: {{stabilizationWindowSeconds: 0}}}}
  metrics: [{CPU}]
  models: [{{type: Linear, name: simple-linear, linear: {{lookAhead: 10000, historySize: 6}}}}]
  decisionType: maximum
  syncPeriod: 10000
"""
CRANE = f"""
apiVersion: autoscaling.crane.io/v1alpha1
kind: EffectiveHorizontalPodAutoscaler
metadata: {{name: php-apache}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: php-apache}}
  minReplicas: 1
  maxReplicas: 10
  scaleStrategy: Auto
  metrics: [{CPU}]
  prediction:
    predictionWindowSeconds: 3600
    predictionAlgorithm: {{algorithmType: dsp, dsp: {{sampleInterval: 60s}}}}
  crons:
  - {{name: day, timezone: Europe/Berlin, start: "0 8 ? * *", end: "0 20 ? * *", targetReplicas: 5}}
"""
KAPACITY = f"""
apiVersion: autoscaling.kapacitystack.io/v1alpha1
kind: IntelligentHorizontalPodAutoscaler
metadata: {{name: cart, namespace: shop}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: StatefulSet, name: cart}}
  minReplicas: 1
  maxReplicas: 10
  scaleMode: Preview
  portraitProviders:
  - {{type: Static, priority: 0, static: {{replicas: 2}}}}
  - type: Cron
    priority: 1
    cron: {{crons: [{{name: noon, start: "0 11 * * *", end: "0 14 * * *", replicas: 6}}]}}
  - type: Dynamic
    priority: 2
    dynamic:
      portraitType: Reactive
      metrics: [{{name: load, {CPU[1:]}]
      algorithm: {{type: KubeHPA, kubeHPA: {{tolerance: "0.1"}}}}
  - type: Dynamic
    priority: 3
    dynamic: {{portraitType: Predictive, algorithm: {{type: ExternalJob}}}}
"""
KEDA = """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker, namespace: shop}
spec:
  scaleTargetRef: {name: worker}
  minReplicaCount: 2
  maxReplicaCount: 30
  triggers:
  - type: cron
    metadata: {timezone: Europe/Berlin, start: "30 8 * * 1-5", end: "0 18 * * 1-5", desiredReplicas: "10"}
  - {type: cpu, metricType: Utilization, metadata: {value: "60"}}
"""
KNATIVE = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: chat, namespace: shop, annotations: {team: chat}}
spec:
  template:
    metadata:
      labels: {app: chat}
      annotations:
        autoscaling.knative.dev/class: ahpa.autoscaling.knative.dev
        autoscaling.knative.dev/metric: rps
        autoscaling.knative.dev/target: "50"
        autoscaling.knative.dev/minScale: "1"
        autoscaling.knative.dev/maxScale: "30"
        autoscaling.alibabacloud.com/scaleStrategy: observer
    spec: {containerConcurrency: 4, containers: [{image: model}]}
"""
HPAS = {"AHPA": AHPA, "CCE": CCE, "PHPA": PHPA, "Crane": CRANE, "Kapacity": KAPACITY}
"""What becomes an HPA."""
ALL = {**HPAS, "KEDA": KEDA, "template": TEMPLATE, "Knative": KNATIVE}


def item_of(text: str) -> dict[str, Any]:
    (item,) = yaml.safe_load_all(text)
    assert isinstance(item, dict)
    return item


def moved(text: str) -> Migrated:
    out = migrate(item_of(text))
    assert out is not None
    return out


def at(node: object, path: str) -> object:
    """What stands at `spec/metrics/0/type`; None if nothing does."""
    for key in path.split("/"):
        if isinstance(node, Mapping):
            node = node.get(key)
        elif isinstance(node, list) and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node


def told(out: Migrated, field: str) -> str:
    """What the notes say of a field, all together."""
    return " | ".join(note.became for note in out.notes if note.field == field)


def short(value: object) -> str:
    """The name of a test's argument: of a whole object nothing."""
    text = str(value)
    return "yaml" if "\n" in text or callable(value) else text[:40]

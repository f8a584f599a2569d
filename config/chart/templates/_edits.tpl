{{/* Each takes (dict "root" $ "object" OBJECT) and prints the object as JSON, changed as the values say. */}}

{{- define "ahpa.labelled" -}}
{{- $labels := dict "app.kubernetes.io/name" "ahpa" "app.kubernetes.io/part-of" "ahpa" }}
{{- $ours := dict "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version) "app.kubernetes.io/managed-by" .root.Release.Service "app.kubernetes.io/instance" .root.Release.Name }}
{{- $_ := set .object.metadata "labels" (merge (.object.metadata.labels | default dict) $labels $ours) }}
{{- .object | toJson }}
{{- end }}

{{- define "ahpa.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The image of a Deployment or Job, and from where it may be pulled. */}}
{{- define "ahpa.with-image" -}}
{{- $pod := .object.spec.template.spec }}
{{- range $container := $pod.containers }}
{{- $_ := set $container "image" (include "ahpa.image" $.root) }}
{{- with $.root.Values.image.pullPolicy }}{{ $_ := set $container "imagePullPolicy" . }}{{ end }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}{{ $_ := set $pod "imagePullSecrets" . }}{{ end }}
{{- .object | toJson }}
{{- end }}

{{/* Where its pods may run: `from` are the values that say so. */}}
{{- define "ahpa.placed" -}}
{{- $pod := .object.spec.template.spec }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" }}
{{- with get $.from $field }}{{ $_ := set $pod $field . }}{{ end }}
{{- end }}
{{- .object | toJson }}
{{- end }}

{{/* The service itself. */}}
{{- define "ahpa.service" -}}
{{- $values := .root.Values }}
{{- $spec := .object.spec }}
{{- $pod := $spec.template.spec }}
{{- $main := first $pod.containers }}
{{- $_ := set $spec "replicas" $values.replicas }}
{{- $_ := set $main "resources" $values.resources }}
{{- $_ := set $main "env" (concat $main.env $values.extraEnv) }}
{{- $text := printf "%s%s" (include "ahpa.settings" .root) (include "ahpa.queries" .root) }}
{{- $noted := merge (dict "checksum/settings" (sha256sum $text)) $values.podAnnotations $spec.template.metadata.annotations }}
{{- $_ := set $spec.template.metadata "annotations" $noted }}
{{- $_ := set $spec.template.metadata "labels" (merge $spec.template.metadata.labels $values.podLabels) }}
{{- $volumes := concat $pod.volumes $values.extraVolumes }}
{{- $mounts := concat $main.volumeMounts $values.extraVolumeMounts }}
{{- if $values.history.enabled }}{{/* as source/components/history patches it */}}
{{- $_ := set $pod.securityContext "fsGroup" $pod.securityContext.runAsGroup }}
{{- $volume := $values.history.volume | default (dict "emptyDir" (dict "sizeLimit" $values.history.sizeLimit)) }}
{{- $volumes = append $volumes (merge (dict "name" "history") $volume) }}
{{- $mounts = append $mounts (dict "name" "history" "mountPath" (include "ahpa.settings" .root | fromJson).AHPA_SERVE_STATE) }}
{{- end }}
{{- if $values.dask.enabled }}{{/* as source/components/dask patches it */}}
{{- $volumes = append $volumes (dict "name" "dask-tls" "secret" (dict "secretName" "ahpa-dask-client")) }}
{{- $mounts = append $mounts (dict "name" "dask-tls" "mountPath" "/etc/ahpa-dask" "readOnly" true) }}
{{- end }}
{{- $_ := set $pod "volumes" $volumes }}
{{- $_ := set $main "volumeMounts" $mounts }}
{{- include "ahpa.placed" (dict "object" .object "from" $values) }}
{{- end }}

{{/* The Job that puts back what owners had, before anything is deleted. */}}
{{- define "ahpa.uninstaller" -}}
{{- $main := first .object.spec.template.spec.containers }}
{{- range $main.env }}
{{- if eq .name "AHPA_RESTORE_KINDS" }}{{ $_ := set . "value" (join "," $.root.Values.serve.kinds) }}{{ end }}
{{- end }}
{{- with .root.Values.serve.namespace }}
{{- $_ := set $main "env" (append $main.env (dict "name" "AHPA_RESTORE_NAMESPACE" "value" .)) }}
{{- end }}
{{- include "ahpa.placed" (dict "object" .object "from" (omit .root.Values "affinity" "topologySpreadConstraints")) }}
{{- end }}

{{/* Where only one namespace is served: its Role instead of a ClusterRole; that of Knative's settings, where it is named. */}}
{{- define "ahpa.narrowed" -}}
{{- $to := .root.Values.serve.namespace }}
{{- if eq .object.metadata.name "ahpa-knative-settings" }}{{ $to = .root.Values.knative.settingsNamespace }}{{ end }}
{{- if $to }}
{{- $_ := set .object "kind" (trimPrefix "Cluster" .object.kind) }}
{{- $_ := set .object.metadata "namespace" $to }}
{{- if .object.roleRef }}{{ $_ := set .object.roleRef "kind" "Role" }}{{ end }}
{{- end }}
{{- .object | toJson }}
{{- end }}

{{/* Every object goes through here; nothing is printed for one that is not wanted. */}}
{{- define "ahpa.edited" -}}
{{- $values := .root.Values }}
{{- $object := include "ahpa.labelled" . | fromJson }}
{{- $kind := $object.kind }}
{{- $name := $object.metadata.name }}
{{- $given := dict "root" .root "object" $object }}
{{- $wanted := true }}
{{- if eq $kind "Namespace" }}{{ $wanted = $values.createNamespace }}
{{- else if eq $kind "PodDisruptionBudget" }}{{ $wanted = $values.podDisruptionBudget.enabled }}
{{- else if has $kind (list "ClusterRole" "ClusterRoleBinding") }}{{ $object = include "ahpa.narrowed" $given | fromJson }}
{{- else if eq $kind "ServiceAccount" }}
{{- with $values.serviceAccount.annotations }}{{ $_ := set $object.metadata "annotations" . }}{{ end }}
{{- else if and (eq $kind "NetworkPolicy") (eq $name "ahpa") }}
{{- with $values.networkPolicy.egressPorts }}
{{- $ports := list }}{{ range . }}{{ $ports = append $ports (dict "port" .) }}{{ end }}
{{- $_ := set $object.spec "egress" (append $object.spec.egress (dict "ports" $ports)) }}
{{- end }}
{{- else if eq $kind "ServiceMonitor" }}{{ $wanted = $values.serviceMonitor.enabled }}
{{- $_ := set $object.metadata "labels" (merge (deepCopy $values.serviceMonitor.labels) $object.metadata.labels) }}
{{- else if eq $kind "PrometheusRule" }}{{ $wanted = $values.prometheusRule.enabled }}
{{- $_ := set $object.metadata "labels" (merge (deepCopy $values.prometheusRule.labels) $object.metadata.labels) }}
{{- else if has $kind (list "Deployment" "Job") }}
{{- $object = include "ahpa.with-image" $given | fromJson }}
{{- $given = dict "root" .root "object" $object }}
{{- if eq $kind "Job" }}{{ $object = include "ahpa.uninstaller" $given | fromJson }}
{{- else if eq $name "ahpa" }}{{ $object = include "ahpa.service" $given | fromJson }}
{{- else }}
{{- $part := get $values.dask (trimPrefix "ahpa-dask-" $name) }}
{{- with $part.replicas }}{{ $_ := set $object.spec "replicas" . }}{{ end }}
{{- with $part.resources }}{{ $_ := set (first $object.spec.template.spec.containers) "resources" . }}{{ end }}
{{- $object = include "ahpa.placed" (dict "object" $object "from" $part) | fromJson }}
{{- end }}
{{- end }}
{{- if $wanted }}{{ $object | toYaml }}{{ end }}
{{- end }}

{{/*
The chart holds no manifests of its own. `source/` links to the folders that `kubectl apply -k` reads; here they are read,
and values change what they say. docs/decisions/0085-a-chart-of-the-same-source.md
*/}}

{{/* The folders of `source/` whose objects and settings are wanted, as a JSON list. */}}
{{- define "ahpa.folders" -}}
{{- $folders := list "base" }}
{{- range .Values.serve.kinds }}{{ $folders = append $folders (printf "components/%s" .) }}{{ end }}
{{- if .Values.knative.before121 }}{{ $folders = append $folders "components/knative-1.20" }}{{ end }}
{{- if or .Values.serviceMonitor.enabled .Values.prometheusRule.enabled }}{{ $folders = append $folders "components/monitoring" }}{{ end }}
{{- if .Values.networkPolicy.enabled }}{{ $folders = append $folders "components/network-policy" }}{{ end }}
{{- if .Values.history.enabled }}{{ $folders = append $folders "components/history" }}{{ end }}
{{- if .Values.dask.enabled }}{{ $folders = append $folders "components/dask" }}{{ end }}
{{- if and .Values.dask.enabled .Values.dask.certManager }}{{ $folders = append $folders "components/dask-cert-manager" }}{{ end }}
{{- $folders | toJson }}
{{- end }}

{{/* What the kustomization of `folder` says, as JSON. */}}
{{- define "ahpa.kustomization" -}}
{{- .root.Files.Get (printf "source/%s/kustomization.yaml" .folder) | fromYaml | toJson }}
{{- end }}

{{/* The objects of the files that the kustomization of `folder` names, as a JSON list. */}}
{{- define "ahpa.objects" -}}
{{- $objects := list }}
{{- range $file := (include "ahpa.kustomization" . | fromJson).resources }}
{{- range splitList "\n---\n" ($.root.Files.Get (printf "source/%s/%s" $.folder $file)) }}
{{- with fromYaml . }}{{ $objects = append $objects . }}{{ end }}
{{- end }}
{{- end }}
{{- $objects | toJson }}
{{- end }}

{{/* The settings of all folders, then those of `values.serve`, as one JSON object of strings. */}}
{{- define "ahpa.settings" -}}
{{- $lines := splitList "\n" (.Files.Get "source/base/settings.env") }}
{{- range $folder := include "ahpa.folders" . | fromJsonArray }}
{{- range (include "ahpa.kustomization" (dict "root" $ "folder" $folder) | fromJson).configMapGenerator }}
{{- if eq .name "ahpa-settings" }}{{ $lines = concat $lines (.literals | default list) }}{{ end }}
{{- end }}
{{- end }}
{{- $settings := dict }}
{{- range $lines }}
{{- if regexMatch "^[A-Z]" . }}{{ $pair := splitn "=" 2 . }}{{ $_ := set $settings $pair._0 $pair._1 }}{{ end }}
{{- end }}
{{- range $option, $value := .Values.serve }}
{{- $name := regexReplaceAll "([A-Z])" $option "_${1}" | upper | printf "AHPA_SERVE_%s" }}
{{- if kindIs "slice" $value }}{{ $_ := set $settings $name (join "," $value) }}
{{- else if kindIs "string" $value }}{{ $_ := set $settings $name $value }}
{{- else if not (kindIs "invalid" $value) }}{{ $_ := set $settings $name (toJson $value) }}{{/* toString writes 1e+06 */}}
{{- end }}
{{- end }}
{{- $settings | toJson }}
{{- end }}

{{/* The operator's own demand queries, as the text of a file. */}}
{{- define "ahpa.queries" -}}
{{- if .Values.queries }}{{ toYaml .Values.queries }}{{ else }}{{ .Files.Get "source/base/queries.yaml" }}{{ end }}
{{- end }}

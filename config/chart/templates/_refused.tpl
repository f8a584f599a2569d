{{/* What no schema can say of values that do not go together. */}}
{{- define "ahpa.refused" -}}
{{- if ne .Release.Namespace "ahpa-system" }}
{{- fail (printf "ahpa is installed into the namespace ahpa-system, once in a cluster, as its fences name the account by it; this is %s: add -n ahpa-system" .Release.Namespace) }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (eq (toString .Values.serve.leaderElect) "false") }}
{{- fail "serve.leaderElect: false with more than one replica: each would write; set replicas: 1" }}
{{- end }}
{{- if and (or .Values.knative.before121 .Values.knative.settingsNamespace) (not (has "knative" .Values.serve.kinds)) }}
{{- fail "knative.before121 or knative.settingsNamespace without knative in serve.kinds: add it" }}
{{- end }}
{{- if and .Values.queries .Values.serve.queries }}
{{- fail "queries and serve.queries: only one of them is read; leave the other out" }}
{{- end }}
{{- if and .Values.dask.certManager (not .Values.dask.enabled) }}
{{- fail "dask.certManager without dask.enabled: there would be nothing that uses the certificates" }}
{{- end }}
{{- end }}

{{/* The labels of every object, beside its own name and component. */}}
{{- define "ai-agent.labels" -}}
app.kubernetes.io/part-of: ai-agent
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* An image by digest, or by tag where it was loaded by hand. */}}
{{- define "ai-agent.image" -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ required "an image needs a digest, or a tag if it was loaded by hand" .tag }}
{{- end -}}
{{- end }}

{{- define "ai-agent.amqpPort" -}}
{{ ternary 5671 5672 .Values.broker.tls }}
{{- end }}

{{- define "ai-agent.amqpUrl" -}}
{{ ternary "amqps" "amqp" .Values.broker.tls }}://{{ .Values.broker.host }}:{{ include "ai-agent.amqpPort" . }}/agents
{{- end }}

{{/* A value as text. Helm reads every number of a file as a float, and writes a large one with an exponent. */}}
{{- define "ai-agent.setting" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . | quote }}
{{- else -}}
{{ . | quote }}
{{- end -}}
{{- end }}

{{/* What all programs must agree on. */}}
{{- define "ai-agent.agentSettings" -}}
AGENT_AMQP_URL: {{ include "ai-agent.amqpUrl" . }}
{{- range $name, $value := .Values.settings.agent }}
{{ $name }}: {{ include "ai-agent.setting" $value }}
{{- end }}
{{- end }}

{{/* What ingest reads beside that, when it starts. */}}
{{- define "ai-agent.ingestSettings" -}}
{{- range $name, $value := .Values.settings.ingest }}
{{ $name }}: {{ include "ai-agent.setting" $value }}
{{- end }}
{{- end }}

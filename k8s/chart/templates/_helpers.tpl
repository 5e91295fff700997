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

{{- define "ai-agent.brokerHost" -}}
{{- if .Values.broker.host -}}
{{ .Values.broker.host }}
{{- else if eq .Values.broker.kind "external" -}}
{{ fail "broker.host is empty; say where the broker is" }}
{{- else -}}
rabbitmq.{{ .Release.Namespace }}.svc
{{- end -}}
{{- end }}

{{- define "ai-agent.amqpPort" -}}
{{ .Values.broker.port | default (ternary 5671 5672 .Values.broker.tls) }}
{{- end }}

{{- define "ai-agent.amqpUrl" -}}
{{ ternary "amqps" "amqp" .Values.broker.tls }}://{{ include "ai-agent.brokerHost" . }}:{{ include "ai-agent.amqpPort" . }}/agents
{{- end }}

{{/* Not empty if the broker's certificate is checked against the secret `secrets.brokerCa`. */}}
{{- define "ai-agent.brokerCa" -}}
{{- if and .Values.broker.tls .Values.broker.privateCa -}}yes{{- end -}}
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
{{- with .Values.telemetry.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
{{- end }}

{{/* What ingest reads beside that, when it starts. */}}
{{- define "ai-agent.ingestSettings" -}}
{{- range $name, $value := .Values.settings.ingest }}
{{ $name }}: {{ include "ai-agent.setting" $value }}
{{- end }}
{{- end }}

{{/* Variables of one's own for a container. */}}
{{- define "ai-agent.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ include "ai-agent.setting" $value }}
{{- end }}
{{- end }}

{{/* Where a pod may run, and how its images are fetched: of a dictionary with `pod` and `images`. */}}
{{- define "ai-agent.placement" -}}
{{- with .images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The class of runs and sweeps. It belongs to the whole cluster, so its name is that of the namespace. */}}
{{- define "ai-agent.priorityClass" -}}
{{ .Values.priorityClass.name | default (printf "%s-batch" .Release.Namespace) }}
{{- end }}

{{/* Addresses that are not of a private network. */}}
{{- define "ai-agent.world" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
- ipBlock:
    cidr: "::/0"
    except: ["fc00::/7", "fe80::/10", "::1/128", "64:ff9b::/96"]
{{- end }}

{{- define "notice-pipeline.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "notice-pipeline.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "notice-pipeline.labels" -}}
{{ include "notice-pipeline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "notice-pipeline.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The consumer group: as configured, else the namespace and the release's name, which no other release of the cluster has. */ -}}
{{- define "notice-pipeline.group" -}}
{{- dig "kafka" "group_id" "" .Values.config | default (printf "%s-%s" .Release.Namespace .Release.Name) -}}
{{- end -}}

{{- /* pipeline.yaml: what is configured, with the folders, the port and the consumer group of this chart. */ -}}
{{- define "notice-pipeline.config" -}}
{{- $ours := dict "rules" "/etc/notice-pipeline/rules" "http" (dict "port" .Values.http.port) "kafka" (dict "group_id" (include "notice-pipeline.group" .)) -}}
{{- if .Values.schemasConfigMap -}}
{{- $_ := set $ours "schemas" (dict "directory" "/etc/notice-pipeline/schemas") -}}
{{- end -}}
{{- mustMergeOverwrite (deepCopy .Values.config) $ours | toYaml -}}
{{- end -}}

{{- define "notice-pipeline.rulesConfigMap" -}}
{{- .Values.rules.configMap | default (printf "%s-rules" (include "notice-pipeline.name" .)) -}}
{{- end -}}

{{- define "notice-pipeline.name" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "notice-pipeline.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "notice-pipeline.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | required "serviceAccount.create is false: give serviceAccount.name" -}}
{{- end -}}
{{- end -}}

{{- define "notice-pipeline.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "notice-pipeline.labels" -}}
{{ include "notice-pipeline.selector" . }}
{{ include "notice-pipeline.commonLabels" . }}
{{- end -}}

{{- define "notice-pipeline.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* Another name: nothing that selects members must select the processes `history`. */ -}}
{{- define "notice-pipeline.historySelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-history
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "notice-pipeline.historyLabels" -}}
{{ include "notice-pipeline.historySelector" . }}
{{ include "notice-pipeline.commonLabels" . }}
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

{{- /* Names of the ConfigMaps with rules, the chart's own first; they are one folder in the pod. */ -}}
{{- define "notice-pipeline.rulesConfigMaps" -}}
{{- $names := list -}}
{{- if .Values.rules.files -}}
{{- $names = append $names (printf "%s-rules" (include "notice-pipeline.name" .)) -}}
{{- end -}}
{{- if .Values.rules.configMap -}}
{{- $names = append $names .Values.rules.configMap -}}
{{- end -}}
{{- concat $names .Values.rules.configMaps | uniq | toJson -}}
{{- end -}}

{{- /* A quantity of processor (in thousandths) or memory (in bytes) as a whole number. */ -}}
{{- define "notice-pipeline.number" -}}
{{- $text := toString .quantity -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- if eq .name "cpu" -}}
{{- $units = dict "" 1000 "m" 1 -}}
{{- end -}}
{{- $unit := regexReplaceAll "^[0-9]+([.][0-9]+)?" $text "" -}}
{{- if or (not (hasKey $units $unit)) (not (regexMatch "^[0-9]" $text)) -}}
{{- fail (printf "resources: %s %q: write a number with one of these units: %s" .name $text (keys $units | sortAlpha | join " " | trim)) -}}
{{- end -}}
{{- mulf (trimSuffix $unit $text | float64) (get $units $unit) | ceil | int64 -}}
{{- end -}}

{{- /* `resources` for all workers of a pod: processor and memory times their number, and 60Mi for the supervisor. */ -}}
{{- define "notice-pipeline.resources" -}}
{{- $workers := int (dig "workers" 1 .Values.config) -}}
{{- $resources := deepCopy .Values.resources -}}
{{- if gt $workers 1 -}}
{{- range $kind := list "requests" "limits" -}}
{{- $given := get $resources $kind | default dict -}}
{{- range $name := list "cpu" "memory" -}}
{{- if hasKey $given $name -}}
{{- $one := include "notice-pipeline.number" (dict "name" $name "quantity" (get $given $name)) | int64 -}}
{{- if eq $name "cpu" -}}
{{- $_ := set $given $name (printf "%dm" (mul $one $workers)) -}}
{{- else -}}
{{- $bytes := add (mul $one $workers) 62914560 -}}
{{- $_ := set $given $name (ternary (printf "%dMi" (div $bytes 1048576)) (toString $bytes) (eq (mod $bytes 1048576) 0)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

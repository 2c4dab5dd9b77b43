{{- /* A pod's spec: `run` and `history` differ in command, account, port, time to end, resources, variables and secrets. */ -}}
{{- define "notice-pipeline.pod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
# They are not used, and a Service called notice-pipeline would add some that look like settings.
enableServiceLinks: false
# Longer than the drain of `run`: a rolling restart then makes no duplicates.
terminationGracePeriodSeconds: {{ .graceSeconds }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.initContainers }}
initContainers: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .container }}
    image: {{ include "notice-pipeline.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: [{{ .command }}, --config, /etc/notice-pipeline/config/pipeline.yaml]
    {{- with .env }}
    env: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .root.Values.envFrom }}
    envFrom: {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      - {name: http, containerPort: {{ .port }}, protocol: TCP}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    # It answers once Kafka, schemas and rules (`history`: Kafka and the database) were found.
    startupProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 2
      failureThreshold: 45
    # The service itself reports this after 25 s without progress.
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 3
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 5
      timeoutSeconds: 3
    resources: {{- .resources | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/notice-pipeline/config, readOnly: true}
      - {name: rules, mountPath: /etc/notice-pipeline/rules, readOnly: true}
      {{- if .root.Values.schemasConfigMap }}
      - {name: schemas, mountPath: /etc/notice-pipeline/schemas, readOnly: true}
      {{- end }}
      {{- range $index, $mount := .secretFiles }}
      - {name: secret-{{ $index }}, mountPath: {{ $mount.mountPath | quote }}, readOnly: true}
      {{- end }}
      {{- with .root.Values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- with .root.Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: config
    configMap: {name: {{ include "notice-pipeline.name" .root }}}
  - name: rules
    # One folder of all ConfigMaps; the kubelet exchanges it as a whole.
    projected:
      sources:
        {{- range include "notice-pipeline.rulesConfigMaps" .root | fromJsonArray }}
        - configMap: {name: {{ . | quote }}}
        {{- end }}
  {{- with .root.Values.schemasConfigMap }}
  - name: schemas
    configMap: {name: {{ . }}}
  {{- end }}
  {{- range $index, $mount := .secretFiles }}
  - name: secret-{{ $index }}
    secret: {secretName: {{ $mount.secret | quote }}, defaultMode: 0440}
  {{- end }}
  {{- with .root.Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- .selector | nindent 8 }}
{{- end -}}

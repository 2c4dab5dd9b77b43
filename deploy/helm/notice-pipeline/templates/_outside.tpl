{{- /* What `run` and `history` both have: who reaches their pods, and whom these reach. */ -}}
{{- define "notice-pipeline.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels: {{- .labels | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- .selector | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - {port: http, protocol: TCP}
      {{- with .root.Values.networkPolicy.ingressFrom }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
  egress:
    - ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
    - ports:
        {{- range .ports }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
      {{- with .root.Values.networkPolicy.egressTo }}
      to: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}

{{- define "notice-pipeline.ingress" -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  labels: {{- .labels | nindent 4 }}
  {{- with .values.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .values.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  rules:
    - host: {{ .host | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service: {name: {{ .name }}, port: {name: http}}
  {{- with .values.tlsSecret }}
  tls:
    - hosts: [{{ $.host | quote }}]
      secretName: {{ . | quote }}
  {{- end }}
{{- end -}}

{{- define "notice-pipeline.serviceMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
    {{- with .root.Values.serviceMonitor.labels }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  # The alerts look for a job whose name has `notice-pipeline` in it.
  jobLabel: app.kubernetes.io/name
  selector:
    matchLabels: {{- .selector | nindent 6 }}
  endpoints:
    - port: http
      path: /metrics
      interval: {{ .root.Values.serviceMonitor.interval }}
      # Alerts and dashboards distinguish the releases of a namespace by it.
      relabelings:
        - {targetLabel: release, replacement: {{ .root.Release.Name | quote }}}
{{- end -}}

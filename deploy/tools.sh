#!/usr/bin/env bash
# Installs the tools that some tests require beyond `make setup`: a browser for the pages, Prometheus for alerts and
# dashboards, PostgreSQL for the history, nginx for `make bench`, helm, Kubernetes' schemas and the types of custom resources for the chart, and Kafka clients of other languages. A tool that cannot be installed is reported
# on standard error, and its tests are skipped. Every step has a time limit.
set -euo pipefail
cd "$(dirname "$0")/.."
tools="$PWD/.cache/tools"
mkdir -p "$tools/bin"
export PATH="$tools/bin:$PATH:/usr/local/go/bin"

have() { command -v "$1" >/dev/null; }
left_out() { echo "tools: $1: its tests will be skipped" >&2; }

# Debian and its descendants, by root only: a make target must not ask for a password.
wanted=()
have chromium || have chromium-browser || have google-chrome || wanted+=(chromium)
have promtool && have prometheus || wanted+=(prometheus)
have amtool || wanted+=(prometheus-alertmanager)
have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || wanted+=(postgresql)
have nginx || wanted+=(nginx-light libnginx-mod-http-echo)
if [ "${#wanted[@]}" -gt 0 ]; then
  if have apt-get && [ "$(id -u)" = 0 ]; then
    # RUNLEVEL: no service of theirs is started.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    { timeout 120 apt-get update -qq &&
      timeout 480 apt-get install -qq --no-install-recommends "${wanted[@]}" >/dev/null; } ||
      left_out "apt-get did not install ${wanted[*]}"
  else
    left_out "not here: ${wanted[*]} (as root: apt-get install ${wanted[*]})"
  fi
fi

if ! have helm; then
  if have go; then
    GOBIN="$tools/bin" timeout 600 go install helm.sh/helm/v3/cmd/helm@v3.22.0 || left_out "helm could not be built"
  else
    left_out "neither helm nor go is here"
  fi
fi

if ! have kubernetes-validate; then
  {
    "${PYTHON:-python3}" -m venv "$tools/python" &&
      timeout 300 "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check kubernetes-validate==1.37.0 &&
      ln -sf "$tools/python/bin/kubernetes-validate" "$tools/bin/kubernetes-validate"
  } || left_out "kubernetes-validate could not be installed"
fi

# Kafka clients for the programs of docs/guide-events-clients.md, and the types of the chart's custom resources.
if have npm; then
  mkdir -p "$tools/node" && cp tests/clients/package*.json "$tools/node/"
  timeout 300 npm ci --prefix "$tools/node" --silent --no-audit --no-fund || left_out "kafkajs and the types of custom resources could not be installed"
else
  left_out "npm is not here, which installs kafkajs and the types of custom resources"
fi
if have go; then
  (cd tests/clients/go && timeout 300 go mod download) || left_out "franz-go could not be downloaded"
fi

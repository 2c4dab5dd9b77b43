#!/usr/bin/env bash
# Gets what the chart's tests need beyond `make setup` into .cache/tools/bin: helm (built by Go, some minutes) and
# kubernetes-validate (it carries Kubernetes' own schemas). Tests that miss them are skipped and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
tools="$PWD/.cache/tools"
mkdir -p "$tools/bin"

if ! command -v helm >/dev/null && [ ! -x "$tools/bin/helm" ]; then
  if command -v go >/dev/null; then
    GOBIN="$tools/bin" go install helm.sh/helm/v3/cmd/helm@v3.22.0
  else
    echo "neither helm nor go is here: the chart's tests will be skipped" >&2
  fi
fi

if [ ! -x "$tools/bin/kubernetes-validate" ]; then
  "${PYTHON:-python3}" -m venv "$tools/python"
  "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check kubernetes-validate==1.37.0
  ln -sf "$tools/python/bin/kubernetes-validate" "$tools/bin/kubernetes-validate"
fi

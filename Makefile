# `make help` lists the targets. CI calls `make tools`, `make test` and `make release`.
PYTHON ?= python3
WORKERS ?= 4
BIN := .venv/bin
SBOM_TOOL := cyclonedx-bom==7.5.0
AUDIT_TOOL := pip-audit==2.10.1
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' pipeline/__init__.py)
# helm and kubernetes-validate are put there by `make tools`.
export PATH := $(CURDIR)/.cache/tools/bin:$(PATH)
# Without byte code on disk, every process that the tests start would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup tools demo test quick check-code model chaos game-day bench generated pictures editor lock release clean sbom audit

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.ready ## Create the development environment in .venv.

.venv/.ready: requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is required; this is " + sys.version.split()[0] + ". Choose another one: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode --python $(BIN)/python -r requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

demo: setup ## Run the whole pipeline on this machine, with an embedded broker and a sandbox API.
	@$(BIN)/notice-pipeline demo $(ARGS)

test: setup check-code ## Run every check and every test, on a real Kafka if one is available; WORKERS=4 processes.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

quick: setup ## Run the unit and property tests, the latter with fewer examples (under a minute).
	@$(BIN)/python -m pytest -n 2 --dist loadfile --hypothesis-profile quick tests/unit tests/property $(ARGS)

check-code: setup ## Check style, types and the direction of imports.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

tools: ## Install Chromium, Prometheus and helm if possible; tests that need a missing one are skipped.
	@deploy/tools.sh

model: setup ## Explore every order of steps of recipient care, deeper than the tests do; DEPTH=12 steps (minutes).
	@$(BIN)/python -m tests.unit.care.exploration $(or $(DEPTH),12)

chaos: setup ## Break everything around the service and check that no promise is broken; ARGS=--list lists the scenarios.
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: setup ## Measure the standard workload on a real Kafka and nginx; ARGS=--profile for each stage, --peers for a comparison.
	@$(BIN)/python -m bench $(ARGS)

game-day: setup ## Break the whole stack, on three Kafka nodes, in eighteen ways and check which alerts fire (30 minutes).
	@$(BIN)/python -m tests.gameday $(ARGS)

generated: setup ## Write the references and JSON Schemas from their declarations.
	@$(BIN)/python -m docs.generate

editor: ## Bundle CodeMirror for Studio from deploy/editor (npm; users need none).
	@cd deploy/editor && npm ci --silent --no-audit --no-fund && npx esbuild bundle.js --bundle --minify --format=iife \
	  --global-name=CodeMirror --target=es2022 --legal-comments=none --log-level=warning \
	  --outfile=../../pipeline/web/static/codemirror.min.js
	@cd deploy/editor && node licenses.js > ../../pipeline/web/static/codemirror.LICENSE && rm -rf node_modules

lock: setup ## Pin new dependencies of pyproject.toml; ARGS=--upgrade pins the newest version of every package.
	@sed '1,2d' requirements.lock > requirements.lock.new
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --extra authors --extra history --extra pyreqwest --extra tracing --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --output-file requirements.lock.new $(ARGS)
	@{ sed -n '1,2p' requirements.lock; cat requirements.lock.new; } > requirements.lock.whole
	@mv requirements.lock.whole requirements.lock && rm requirements.lock.new

pictures: setup ## Photograph the pages of a real run for README and guides (needs Chromium: make tools).
	@$(BIN)/python -m docs.photograph

release: setup sbom ## Build wheel, sdist, Helm chart and bill of materials in dist/.
	@command -v helm >/dev/null || { echo "helm is not installed: make tools installs it" >&2; exit 1; }
	@$(BIN)/uv build --quiet --build-constraints requirements.lock --require-hashes --out-dir dist .
	@log=$$(helm package deploy/helm/notice-pipeline --version $(VERSION) --app-version $(VERSION) --destination dist 2>&1) || \
	  { echo "$$log" >&2; exit 1; }
	@rm -f dist/.gitignore
	@ls -1 dist

sbom: setup ## Write a bill of materials of the locked packages (CycloneDX) to dist/sbom.json.
	@mkdir -p dist
	@$(BIN)/uvx --quiet --from $(SBOM_TOOL) cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
	  --mc-type application --output-reproducible --of JSON --output-file dist/sbom.json 2>/dev/null
	@$(BIN)/python -c 'import json, pathlib, pipeline; f = pathlib.Path("dist/sbom.json"); s = json.loads(f.read_text()); \
	  s["metadata"]["component"]["version"] = pipeline.__version__; f.write_text(json.dumps(s, indent=2) + "\n")'
	@echo "written: dist/sbom.json"

audit: setup ## Check the locked packages for known vulnerabilities (asks PyPI, so not part of make test).
	@$(BIN)/uvx --quiet $(AUDIT_TOOL) --strict --progress-spinner off --disable-pip --require-hashes --requirement requirements.lock

clean: ## Remove the environment and the tools' caches.
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

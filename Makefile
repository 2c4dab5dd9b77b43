# The words a newcomer needs. CI calls `make test` and nothing else.
PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
SBOM_TOOL := cyclonedx-bom==7.5.0
AUDIT_TOOL := pip-audit==2.10.1

.PHONY: help setup tools demo test check-code chaos game-day bench generated lock clean sbom audit

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.ready ## Make the project's own environment in .venv.

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which to use: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode --python $(BIN)/python -r requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

demo: setup ## Run the whole main job here, on an embedded broker and a sandbox API.
	@$(BIN)/notice-pipeline demo $(ARGS)

test: setup check-code ## Run every check and every test, on a real Kafka where one can be had.
	@$(BIN)/python -m pytest

check-code: setup ## Style, types, and the direction of imports.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

tools: ## Get Chromium, Prometheus and helm, where they can be had; without them some tests are skipped.
	@deploy/tools.sh

chaos: setup ## Break everything around the service and judge what came of it; ARGS=--list shows how.
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: setup ## Measure the standard workload on a real Kafka and nginx; ARGS=--profile for each stage, --peers for another engine beside it.
	@$(BIN)/python -m bench $(ARGS)

game-day: setup ## Break the whole stack in eight ways; see which alert tells of each (Kafka, Prometheus, Alertmanager; 20 minutes).
	@$(BIN)/python -m tests.gameday $(ARGS)

generated: setup ## Make references and JSON Schemas anew from their declarations.
	@$(BIN)/python -m docs.generate

lock: setup ## Pin what pyproject.toml has come to ask for; ARGS=--upgrade pins every package anew.
	@sed '1,2d' requirements.lock > requirements.lock.new
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --extra tracing --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --output-file requirements.lock.new $(ARGS)
	@{ sed -n '1,2p' requirements.lock; cat requirements.lock.new; } > requirements.lock.whole
	@mv requirements.lock.whole requirements.lock && rm requirements.lock.new

sbom: setup ## A bill of materials of the locked packages (CycloneDX), in dist/sbom.json.
	@mkdir -p dist
	@$(BIN)/uvx --quiet --from $(SBOM_TOOL) cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
	  --mc-type application --output-reproducible --of JSON --output-file dist/sbom.json 2>/dev/null
	@echo "written: dist/sbom.json"

audit: setup ## Known vulnerabilities of the locked packages; asks PyPI, so it is no part of make test.
	@$(BIN)/uvx --quiet $(AUDIT_TOOL) --strict --progress-spinner off --disable-pip --require-hashes --requirement requirements.lock

clean: ## Remove the environment and what tools left behind.
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

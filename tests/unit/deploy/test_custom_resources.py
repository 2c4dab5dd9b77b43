"""The chart's custom resources against the types that are made of KEDA's and the Prometheus operator's own definitions.

Kubernetes' schemas do not know them, and the API server drops a field that a definition lacks without a word. The
TypeScript compiler finds such a field at any depth, as well as a wrong type and a value that an enumeration lacks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "helm" / "notice-pipeline"
EVERYTHING = CHART / "ci" / "everything-values.yaml"
TOOLS = ROOT / ".cache" / "tools"
MODELS = TOOLS / "node" / "node_modules" / "@kubernetes-models"
COMPILER = TOOLS / "node" / "node_modules" / "typescript" / "bin" / "tsc"
TYPES = {
    "ScaledObject": "keda/keda.sh/v1alpha1",
    "ServiceMonitor": "prometheus-operator/monitoring.coreos.com/v1",
    "PrometheusRule": "prometheus-operator/monitoring.coreos.com/v1",
}

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def custom_resources() -> list[Manifest]:
    """What the chart makes of KEDA's and the operator's kinds with every part on."""
    helm = shutil.which("helm") or shutil.which("helm", path=TOOLS / "bin")
    if helm is None:
        pytest.skip("helm is not installed (make tools gets it)")
    command = [helm, "template", "shop", str(CHART), "--kube-version", "1.31.0", "-f", str(EVERYTHING)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [found for found in YAML(typ="safe").load_all(text) if found and found["kind"] in TYPES]


def _refusals(folder: Path, manifests: list[Manifest]) -> list[str]:
    """What the compiler says of manifests as values of their kinds, a line each."""
    node = shutil.which("node")
    if node is None or not COMPILER.exists() or not MODELS.exists():
        pytest.skip("the types of custom resources are not installed (make tools gets them)")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "@kubernetes-models").symlink_to(MODELS)
    lines = [f'import type {{ I{kind} }} from "@kubernetes-models/{path}/{kind}";' for kind, path in TYPES.items()]
    lines += [f"export const m{number}: I{one['kind']} = {json.dumps(one)};" for number, one in enumerate(manifests)]
    source = folder / "manifests.ts"
    source.write_text("\n".join(lines), encoding="utf-8")
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--preserveSymlinks"]
    done = subprocess.run(
        [node, str(COMPILER), *options, str(source)], cwd=folder, capture_output=True, text=True, check=False
    )
    found = [line for line in done.stdout.splitlines() if ": error " in line]
    assert bool(found) == (done.returncode != 0), done.stdout + done.stderr
    return found


def test_the_definitions_of_keda_and_the_prometheus_operator_take_every_custom_resource(
    tmp_path: Path, custom_resources: list[Manifest]
) -> None:
    """Two groups of rules, the monitors of members and of the history, and what scales."""
    kinds = sorted(one["kind"] for one in custom_resources)
    assert kinds == ["PrometheusRule", "PrometheusRule", "ScaledObject", "ServiceMonitor", "ServiceMonitor"]
    assert _refusals(tmp_path, custom_resources) == []


def test_a_field_that_a_definition_lacks_is_found(tmp_path: Path, custom_resources: list[Manifest]) -> None:
    """One mistake in each kind, each deep within: the test above could not fail otherwise."""
    wrong = {one["kind"]: json.loads(json.dumps(one)) for one in custom_resources}
    wrong["ScaledObject"]["spec"]["advanced"]["scalingModifiers"]["formulae"] = "1"
    wrong["ServiceMonitor"]["spec"]["endpoints"][0]["intervall"] = "30s"
    wrong["PrometheusRule"]["spec"]["groups"][0]["rules"][0]["form"] = "5m"
    found = _refusals(tmp_path, list(wrong.values()))
    assert len(found) == 3
    for field in ("formulae", "intervall", "form"):
        assert any(f"'{field}'" in line.replace('"', "") for line in found), found

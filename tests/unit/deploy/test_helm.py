"""The Helm chart, rendered by the real helm and checked against Kubernetes' own schemas."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "helm" / "notice-pipeline"
EVERYTHING = CHART / "ci" / "everything-values.yaml"
LEAST = ("--set", "rules.configMap=notice-rules")

Manifest = dict[str, Any]


def _tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=ROOT / ".cache" / "tools" / "bin")
    if found is None:
        pytest.skip(f"{name} is not installed (make tools gets it)")
    return found


def _helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([_tool("helm"), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def _text(*arguments: str) -> str:
    done = _helm("template", "shop", str(CHART), "--kube-version", "1.31.0", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _render(*arguments: str) -> dict[str, Manifest]:
    """Kind/name to manifest."""
    documents = YAML(typ="safe").load_all(_text(*arguments))
    return {f"{found['kind']}/{found['metadata']['name']}": found for found in documents if found}


@pytest.fixture(scope="module")
def everything() -> dict[str, Manifest]:
    """All optional parts on."""
    return _render("-f", str(EVERYTHING))


@pytest.fixture(scope="module")
def pod(everything: dict[str, Manifest]) -> Manifest:
    """The members' pod."""
    spec: Manifest = everything["Deployment/shop-notice-pipeline"]["spec"]["template"]["spec"]
    return spec


def test_helm_lints_the_chart() -> None:
    """No fault, with the example values that switch every part on."""
    done = _helm("lint", "--strict", str(CHART), "-f", str(EVERYTHING))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_kubernetes_schemas_take_every_manifest(tmp_path: Path, version: str) -> None:
    """Strictly: an unknown field is a fault. Custom resources have no schema there and are left out."""
    custom = ("apiVersion: monitoring.coreos.com/", "apiVersion: keda.sh/")
    manifests = [part for part in _text("-f", str(EVERYTHING)).split("\n---\n") if not any(c in part for c in custom)]
    file = tmp_path / "manifests.yaml"
    file.write_text("\n---\n".join(manifests), encoding="utf-8")
    done = subprocess.run(
        [_tool("kubernetes-validate"), "--strict", "-k", version, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed ") == 7


def test_only_what_is_switched_on_is_installed() -> None:
    """Custom resources of KEDA and of the Prometheus operator are not there unless requested."""
    kinds = {name.partition("/")[0] for name in _render(*LEAST)}
    assert kinds == {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"}


def test_the_configuration_in_the_chart_is_one_that_the_service_takes(
    everything: dict[str, Manifest], tmp_path: Path
) -> None:
    """pipeline.yaml as mounted passes the service's own check."""
    file = tmp_path / "pipeline.yaml"
    file.write_text(everything["ConfigMap/shop-notice-pipeline"]["data"]["pipeline.yaml"], encoding="utf-8")
    settings = load_settings(file, {})
    assert settings.rules == Path("/etc/notice-pipeline/rules")
    assert settings.kafka.drain_seconds == 30
    assert settings.schemas.directory == Path("/etc/notice-pipeline/schemas")


def test_kubernetes_waits_longer_than_the_drain(pod: Manifest) -> None:
    """A kill within the drain would send what is in flight twice. The service may take drain + 15 s to its end."""
    assert pod["terminationGracePeriodSeconds"] >= 30 + 15


def test_the_pod_may_do_nothing_it_need_not(pod: Manifest) -> None:
    """Non-root, read-only root, no capabilities, no service account token."""
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_probes_ask_what_they_mean(pod: Manifest) -> None:
    """Liveness never requests readiness: an API that is down must not restart members."""
    (container,) = pod["containers"]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_scaling_follows_the_lag_of_each_topic(everything: dict[str, Manifest]) -> None:
    """One trigger a topic, for the service's own group; the deployment leaves the number to KEDA."""
    scaled = everything["ScaledObject/shop-notice-pipeline"]["spec"]
    assert [trigger["metadata"]["topic"] for trigger in scaled["triggers"]] == ["trade.order.events", "coupon.events"]
    assert {trigger["metadata"]["consumerGroup"] for trigger in scaled["triggers"]} == {"default-shop"}
    assert "replicas" not in everything["Deployment/shop-notice-pipeline"]["spec"]


@pytest.mark.parametrize(
    ("arguments", "group"),
    [
        ((), "default-shop"),
        (("--namespace", "staging"), "staging-shop"),
        (("--namespace", "staging", "--set", "config.kafka.group_id=shop-notices"), "shop-notices"),
    ],
)
def test_the_consumer_group_is_namespace_and_release_unless_given(
    tmp_path: Path, arguments: tuple[str, ...], group: str
) -> None:
    """Two releases do not share a group by accident, also not in two namespaces. The scaler watches the same group."""
    found = _render("-f", str(EVERYTHING), *arguments)
    file = tmp_path / "pipeline.yaml"
    file.write_text(found["ConfigMap/shop-notice-pipeline"]["data"]["pipeline.yaml"], encoding="utf-8")
    assert load_settings(file, {}).kafka.group_id == group
    triggers = found["ScaledObject/shop-notice-pipeline"]["spec"]["triggers"]
    assert {trigger["metadata"]["consumerGroup"] for trigger in triggers} == {group}


def _reopened(scope: re.Match[str]) -> str:
    """What is left of a selector without the matchers of the release."""
    return "" if scope[1] else "{"


def test_the_alerts_in_the_chart_are_the_alerts_of_the_repository(everything: dict[str, Manifest]) -> None:
    """The same rules, with the runbook's address put in, and every metric limited to the release."""
    for name in ("alerts", "recording"):
        text = (ROOT / "deploy" / "prometheus" / f"{name}.yaml").read_text(encoding="utf-8")
        text = text.replace("https://runbooks.example.com/notice-pipeline", "https://wiki.example.org/notices")
        spec = everything[f"PrometheusRule/shop-notice-pipeline-{name}"]["spec"]
        rules = [rule for group in spec["groups"] for rule in group["rules"]]
        for rule in rules:
            scoped = re.findall(r"\b(?:notice_pipeline[_:][\w:]+|up)\b(.{0,60})", rule["expr"])
            assert scoped
            assert all(re.match(r'{namespace="\w+",release="shop"[,}]', after) for after in scoped), rule["expr"]
            rule["expr"] = re.sub(r'{namespace="\w+",release="shop"(?:,|(}))', _reopened, rule["expr"])
        assert spec == YAML(typ="safe").load(text)


def test_changed_rules_do_not_restart_members_but_a_changed_configuration_does() -> None:
    """Rules are taken while running; the configuration is read at start alone."""

    def pod_template(*arguments: str) -> str:
        deployment = _render(*LEAST, *arguments)["Deployment/shop-notice-pipeline"]
        return json.dumps(deployment["spec"]["template"], sort_keys=True)

    before = pod_template()
    assert pod_template("--set", "rules.files.a\\.yaml=x") == before
    assert pod_template("--set", "config.environment=staging") != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no rules"),
        ((*LEAST, "--set", "config.notices.token=visible"), "/config/notices/token"),
        ((*LEAST, "--set", "config.kafka.topics=null"), "topics"),
        ((*LEAST, "--set", "replica=2"), "replica"),
        ((*LEAST, "--set", "terminationSlackSeconds=1"), "terminationSlackSeconds"),
        ((*LEAST, "--set", "image.digest=latest"), "digest"),
        ((*LEAST, "--set", "http.port=70000"), "port"),
    ],
)
def test_values_that_cannot_work_are_refused_before_anything_is_installed(
    arguments: tuple[str, ...], message: str
) -> None:
    """A typing error, a secret in the open, a bound passed."""
    done = _helm("template", "shop", str(CHART), "--kube-version", "1.31.0", *arguments)
    assert done.returncode != 0
    assert message in done.stderr

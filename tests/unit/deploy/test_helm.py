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
    assert (done.stdout + done.stderr).count(" passed ") == 13


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
    """Non-root, read-only root, no capabilities, no service account token, no mount to write to but those given."""
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["scratch"]


def test_probes_ask_what_they_mean(pod: Manifest) -> None:
    """Liveness never requests readiness: an API that is down must not restart members."""
    container = pod["containers"][0]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_scaling_follows_the_lag_of_each_topic(everything: dict[str, Manifest]) -> None:
    """One trigger a topic, for the service's own group; the deployment leaves the number to KEDA."""
    scaled = everything["ScaledObject/shop-notice-pipeline"]["spec"]
    lags = [trigger["metadata"] for trigger in scaled["triggers"] if trigger["type"] == "kafka"]
    assert [lag["topic"] for lag in lags] == ["trade.order.events", "coupon.events", "notice.intents"]
    assert {lag["consumerGroup"] for lag in lags} == {"default-shop"}
    assert "replicas" not in everything["Deployment/shop-notice-pipeline"]["spec"]


def test_scaling_follows_intents_only_where_recipient_care_is_configured() -> None:
    """Messages are sent from there; without it the topic does not exist, and KEDA would report a fault."""
    off = ("--set", "config.recipient_care.enabled=false")
    named = ("--set", "config.recipient_care.intents_topic=ours")
    for arguments, topics in (
        ((), ["trade.order.events"]),
        (off, ["trade.order.events"]),
        (named, ["trade.order.events", "ours"]),
    ):
        found = _render(*LEAST, "--set", "keda.enabled=true", *arguments)
        triggers = found["ScaledObject/shop-notice-pipeline"]["spec"]["triggers"]
        assert [one["metadata"]["topic"] for one in triggers if one["type"] == "kafka"] == topics


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
    assert {trigger["metadata"]["consumerGroup"] for trigger in triggers if trigger["type"] == "kafka"} == {group}


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
        found = _render("--set", "rules.files.a\\.yaml=x", *arguments)["Deployment/shop-notice-pipeline"]
        return json.dumps(found["spec"]["template"], sort_keys=True)

    before = pod_template()
    assert pod_template("--set", "rules.files.a\\.yaml=y", "--set", "rules.files.b\\.yaml=z") == before
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
        ((*LEAST, "--set", "config.workers=0"), "workers"),
        ((*LEAST, "--set", "config.workers=2", "--set", "resources.limits.memory=lots"), "write a number with one"),
        ((*LEAST, "--set", "ingress.enabled=true"), "give ingress.host"),
        ((*LEAST, "--set", "serviceAccount.create=false"), "give serviceAccount.name"),
        ((*LEAST, "--set", "history.enabled=true"), "give history.urlSecret.name"),
        ((*LEAST, "--set", "config.history.url=postgresql://a:b@c/d"), "/config/history/url"),
        ((*LEAST, "--set", "config.history.http.password=visible"), "/config/history/http/password"),
        ((*LEAST, "--set", "fullnameOverride=Shop_Notices"), "fullnameOverride"),
        ((*LEAST, "--set", "env[0].name=A,env[0].value=1"), "/env/0/value"),
        (("--set", "rules.configMap=Bad_Name"), "/rules/configMap"),
        (("--set", "rules.configMaps={Bad_Name}"), "/rules/configMaps/0"),
    ],
)
def test_values_that_cannot_work_are_refused_before_anything_is_installed(
    arguments: tuple[str, ...], message: str
) -> None:
    """A typing error, a secret in the open, a bound passed."""
    done = _helm("template", "shop", str(CHART), "--kube-version", "1.31.0", *arguments)
    assert done.returncode != 0
    assert message in done.stderr


def test_files_of_rules_that_one_configmap_cannot_hold_are_refused(tmp_path: Path) -> None:
    """The message names the way out; the API server would refuse the ConfigMap in the middle of an upgrade."""
    (tmp_path / "large.yaml").write_text("#" * 1_000_001, encoding="utf-8")
    large = ("--set-file", f"rules.files.large\\.yaml={tmp_path / 'large.yaml'}")
    done = _helm("template", "shop", str(CHART), "--kube-version", "1.31.0", *large)
    assert done.returncode != 0
    assert "rules.configMaps" in done.stderr


def test_rules_of_several_configmaps_are_one_folder(pod: Manifest) -> None:
    """A ConfigMap holds 1 MiB, some 2,000 rules; the kubelet exchanges a projected volume as a whole."""
    (rules,) = [volume for volume in pod["volumes"] if volume["name"] == "rules"]
    names = [source["configMap"]["name"] for source in rules["projected"]["sources"]]
    assert names == ["shop-notice-pipeline-rules", "notice-rules", "coupon-rules", "trade-rules"]


def test_pods_get_what_the_values_add(everything: dict[str, Manifest], pod: Manifest) -> None:
    """Volumes and mounts, containers before and beside, variables of Secrets, annotations of the identity."""
    container = pod["containers"][0]
    assert {"name": "scratch", "emptyDir": {}} in pod["volumes"]
    assert {"name": "scratch", "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108 - a path in the pod
    assert [one["name"] for one in pod["initContainers"]] == ["agent"]
    assert [one["name"] for one in pod["containers"]] == ["pipeline", "proxy"]
    assert container["envFrom"] == [{"secretRef": {"name": "notice-settings"}}]
    account = everything["ServiceAccount/shop-notice-pipeline"]["metadata"]
    assert list(account["annotations"]) == ["eks.amazonaws.com/role-arn"]


def test_a_service_account_of_ones_own_is_used() -> None:
    """The chart then makes none."""
    found = _render(*LEAST, "--set", "serviceAccount.create=false", "--set", "serviceAccount.name=notices")
    assert not any(name.startswith("ServiceAccount/") for name in found)
    assert found["Deployment/shop-notice-pipeline"]["spec"]["template"]["spec"]["serviceAccountName"] == "notices"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--set", "nameOverride=messages"), "shop-messages"),
        (("--set", "nameOverride=shop"), "shop"),
        (("--set", "fullnameOverride=notices"), "notices"),
    ],
)
def test_names_can_be_chosen_without_a_change_of_labels(arguments: tuple[str, ...], name: str) -> None:
    """Alerts find the scrape job by the label with the chart's name; selectors of a deployment cannot change."""
    found = _render("-f", str(EVERYTHING), *arguments)
    endings = {one.partition("/")[2].removeprefix(name) for one in found}
    assert endings == {"", "-rules", "-alerts", "-recording", "-history"}
    deployment = found[f"Deployment/{name}"]
    labels = {"app.kubernetes.io/name": "notice-pipeline", "app.kubernetes.io/instance": "shop"}
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    pod = deployment["spec"]["template"]["spec"]
    configs = [volume["configMap"]["name"] for volume in pod["volumes"] if volume["name"] == "config"]
    assert configs == [name]
    assert f"ServiceAccount/{pod['serviceAccountName']}" in found
    backend = found[f"Ingress/{name}"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert f"Service/{backend['name']}" in found
    assert found[f"ScaledObject/{name}"]["spec"]["scaleTargetRef"]["name"] == name


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}),
        (
            ("--set", "config.workers=3"),
            {"requests": {"cpu": "1500m", "memory": "828Mi"}, "limits": {"memory": "1596Mi"}},
        ),
        (
            ("--set", "config.workers=2", "--set", "resources.requests.cpu=1.5", "--set", "resources.limits.memory=1G"),
            {"requests": {"cpu": "3000m", "memory": "572Mi"}, "limits": {"memory": "2062914560"}},
        ),
    ],
)
def test_resources_follow_the_number_of_workers(arguments: tuple[str, ...], expected: Manifest) -> None:
    """The values are those of one worker; the supervisor needs 60Mi more."""
    pod = _render(*LEAST, *arguments)["Deployment/shop-notice-pipeline"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == expected


def test_the_ingress_serves_the_page_of_one_host_by_tls(everything: dict[str, Manifest]) -> None:
    """Off by default; `affinity` keeps a browser at one member, which has a page of its own."""
    ingress = everything["Ingress/shop-notice-pipeline"]
    assert ingress["metadata"]["annotations"] == {"nginx.ingress.kubernetes.io/affinity": "cookie"}
    assert ingress["spec"]["tls"] == [{"hosts": ["notices.example.org"], "secretName": "notices-tls"}]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["notices.example.org"]


def test_the_history_is_a_deployment_of_its_own(everything: dict[str, Manifest], tmp_path: Path) -> None:
    """Its database's URL comes from a Secret; settings are those of the members, by the service's own check."""
    spec = everything["Deployment/shop-notice-pipeline-history"]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert container["args"][0] == "history"
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    secrets = {one["name"]: one["secret"]["secretName"] for one in spec["volumes"] if "secret" in one}
    assert secrets[mounts["/run/secrets/notice-history"]] == "notice-history"
    assert secrets[mounts["/run/secrets/search"]] == "search-page"
    assert secrets[mounts["/run/secrets/notices"]] == "notice-pipeline"
    file = tmp_path / "pipeline.yaml"
    file.write_text(everything["ConfigMap/shop-notice-pipeline"]["data"]["pipeline.yaml"], encoding="utf-8")
    history = load_settings(file, {one["name"]: one["value"] for one in container["env"]}).history
    assert history.url_file == Path("/run/secrets/notice-history/url")
    assert (history.days, history.http.port) == (30, container["ports"][0]["containerPort"])
    assert not load_settings(file, {}).history.is_on, "a change of the history would restart the members"


def test_what_selects_members_selects_no_history(everything: dict[str, Manifest]) -> None:
    """Service, budget, network policy and scraping of each have labels that only its pods have."""
    pods = {
        name: everything[f"Deployment/{name}"]["spec"]["template"]["metadata"]["labels"]
        for name in ("shop-notice-pipeline", "shop-notice-pipeline-history")
    }
    selectors = {
        name: spec.get("podSelector", spec.get("selector", {}))
        for name, spec in ((name, found["spec"]) for name, found in everything.items() if "spec" in found)
        if name.partition("/")[0] in {"Service", "NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor", "Deployment"}
    }
    assert len(selectors) == 9
    for name, selector in selectors.items():
        labels = selector.get("matchLabels", selector).items()
        chosen = [pod for pod, given in pods.items() if labels <= given.items()]
        assert chosen == [name.partition("/")[2]], name
    egress = everything["NetworkPolicy/shop-notice-pipeline-history"]["spec"]["egress"][1]["ports"]
    members = everything["NetworkPolicy/shop-notice-pipeline"]["spec"]["egress"][1]["ports"]
    assert [port for port in egress if port not in members] == [{"port": 5432, "protocol": "TCP"}]


def _formula(text: str, **values: float) -> float:
    """The value of a formula `A ? B : C`; the rest of its language reads like Python."""
    condition, _, branches = text.partition(" ? ")
    then, _, otherwise = branches.partition(" : ")
    known = {"min": min, "max": max, **values}
    return float(eval(then if eval(condition, known) else otherwise, known))  # noqa: S307 - our own chart


def test_members_are_not_added_while_every_api_is_halted(everything: dict[str, Manifest]) -> None:
    """KEDA adds members for `formula / target`, rounded up: with a halt, at most as many as there are."""
    spec = everything["ScaledObject/shop-notice-pipeline"]["spec"]
    modifiers = spec["advanced"]["scalingModifiers"]
    assert modifiers["target"] == "5000"
    assert {trigger["name"] for trigger in spec["triggers"]} == {"lag_0", "lag_1", "lag_2", "halted", "members"}

    def wanted(**values: float) -> float:
        return _formula(modifiers["formula"], **{"lag_2": 0, **values}) / float(modifiers["target"])

    assert wanted(lag_0=40_000, lag_1=0, halted=0, members=2) == 8
    assert wanted(lag_0=40_000, lag_1=0, halted=1, members=2) == 2
    assert wanted(lag_0=0, lag_1=40_000, halted=0.25, members=4) == 8, "one member's breaker does not count"
    assert wanted(lag_0=0, lag_1=1_000, halted=1, members=2) <= 1, "fewer members are possible"
    assert wanted(lag_0=0, lag_1=0, lag_2=15_000, halted=0, members=1) == 3, "intents count as well"
    assert wanted(lag_0=0, lag_1=15_000, halted=0, members=0) == 3, "without metrics the lag decides"


def test_the_query_of_the_scaler_tells_a_halt_of_all_from_a_halt_of_some(
    everything: dict[str, Manifest], tmp_path: Path
) -> None:
    """Two members with two APIs and several reasons, evaluated by Prometheus' own engine."""
    triggers = everything["ScaledObject/shop-notice-pipeline"]["spec"]["triggers"]
    queries = {one["name"]: one["metadata"]["query"] for one in triggers if one["type"] == "prometheus"}

    def series(member: str, api: str, reason: str, value: int) -> dict[str, str]:
        labels = f'namespace="default",release="shop",instance="{member}",api="{api}",reason="{reason}"'
        return {"series": f"notice_pipeline_halted{{{labels}}}", "values": f"{value}x5"}

    def case(halted: dict[tuple[str, str], int], share: float) -> dict[str, Any]:
        found = [series(*where, "breaker_open", value) for where, value in halted.items()]
        found += [series(*where, "quota", 0) for where in halted]
        up = [
            {"series": f'up{{namespace="default",release="shop",job="{job}",instance="{m}"}}', "values": "1x5"}
            for m, job in (("a", "notice-pipeline"), ("b", "notice-pipeline"), ("c", "notice-pipeline-history"))
        ]
        expected = {"halted": share, "members": 2.0}
        return {
            "interval": "1m",
            "input_series": [*found, *up],
            "promql_expr_test": [
                {"expr": queries[name], "eval_time": "1m", "exp_samples": [{"labels": "{}", "value": value}]}
                for name, value in expected.items()
            ],
        }

    both = [("a", "notices"), ("a", "life"), ("b", "notices"), ("b", "life")]
    cases = [
        case(dict.fromkeys(both, 1), 1.0),
        case({where: int(where[1] == "life") for where in both}, 0.0),
        case({where: int(where[0] == "a") for where in both}, 0.5),
    ]
    file = tmp_path / "cases.yaml"
    YAML(typ="safe").dump({"tests": cases}, file)
    done = subprocess.run([_tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

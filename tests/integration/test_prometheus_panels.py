"""A real Prometheus scrapes our real registry, and every panel, rule and alert finds its data there."""

from __future__ import annotations

import json
import math
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import start_http_server

from deploy.grafana.generate import DASHBOARDS
from pipeline import metrics
from pipeline.adapters.prometheus import PrometheusTelemetry
from pipeline.adapters.rule_files import read_rules
from pipeline.adapters.schema_files import read_schemas
from pipeline.delivery.breaker import BreakerState
from pipeline.delivery.halt import Halt
from pipeline.metrics import Metric
from pipeline.model.event import Position
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.verdict import Verdict
from pipeline.rules.check import load
from pipeline.rules.ruleset import RuleSet

ROOT = Path(__file__).resolve().parents[2]
TOPIC = "trade.order.events"
TICKS = 24
TICK_SECONDS = 0.5
VARIABLES = {"$namespace": ".*", "$job": ".*", "$rule": ".*", "$__rate_interval": "10s", "$__range": "1m"}


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """A Prometheus with our rules that scrapes `target` (host:port) every half second; gives its address."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (make tools gets it on Debian)")
    configuration = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(ROOT / "deploy/prometheus" / name) for name in ("recording.yaml", "alerts.yaml")],
        "scrape_configs": [{"job_name": "notice-pipeline", "static_configs": [{"targets": [target]}]}],
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _until_ready(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "prometheus ended at its start"
        try:
            if httpx.get(f"{address}/-/ready", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("prometheus was not ready within 30 s")


def ask(address: str, query: str) -> list[dict[str, Any]]:
    """The samples of an instant query whose values are numbers."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, trust_env=False).json()
    assert answer["status"] == "success", f"{query}: {answer}"
    samples: list[dict[str, Any]] = answer["data"]["result"]
    return [sample for sample in samples if not math.isnan(float(sample["value"][1]))]


def panels_without_data(address: str) -> list[str]:
    """`dashboard: panel: query` of every query that gives nothing."""
    return [
        f"{board.name}: {panel.title}: {query.expr}"
        for board in DASHBOARDS
        for row in board.rows
        for panel in row.panels
        for query in panel.queries
        if not ask(address, query.expr)
    ]


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """The example catalogue."""
    return load(read_rules(ROOT / "rules"), read_schemas(ROOT / "schemas" / "events"), environment="production")


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, rules: RuleSet) -> Iterator[str]:
    """A Prometheus that has watched our registry for a dozen seconds of work, one rule suspended among it."""
    telemetry = PrometheusTelemetry("1.2.3", [TOPIC])
    telemetry.rules_loaded(rules, time.time())  # noqa: TID251 - Prometheus compares it with its own clock
    telemetry.read_at_scrape(_gauges)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=telemetry.registry)
    try:
        with prometheus(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{server.server_port}") as address:
            for tick in range(TICKS):
                _work(telemetry, rules, tick)
                time.sleep(TICK_SECONDS)
            yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _gauges() -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    where = {"topic": TOPIC, "partition": "0"}
    yield metrics.IN_FLIGHT, {}, 40
    yield metrics.CONCURRENCY_LIMIT, {}, 64
    yield metrics.LANES, {}, 51
    yield metrics.LANES_WAITING, {}, 3
    yield metrics.BUFFERED, {}, 70
    yield metrics.RETRY_BUDGET, {}, 480
    yield metrics.CONSUMER_LAG, where, 120
    yield metrics.FRONTIER_AGE, where, 2.5
    yield metrics.LAST_POLL, {}, time.time()  # noqa: TID251 - Prometheus compares it with its own clock
    for state in BreakerState:
        yield metrics.BREAKER, {"state": state}, float(state is BreakerState.CLOSED)
    for halt in Halt:
        yield metrics.HALTED, {"reason": halt}, 0.0


def _work(telemetry: PrometheusTelemetry, rules: RuleSet, tick: int) -> None:
    """Half a second of a service's life: most is accepted, a few fail, an event or two are odd."""
    telemetry.consumed(TOPIC, 20)
    telemetry.unmatched("com.example.unknown")
    telemetry.undecodable(TOPIC, Reason.MALFORMED_AVRO)
    for number, rule in enumerate(rules.rules):
        telemetry.matched(rule.id)
        telemetry.attempted(Verdict.ACCEPTED, 0.02 * (1 + number))
        telemetry.attempted(Verdict.RETRY, 0.3)
        telemetry.ended(_outcome(rule.id, rule.template, OutcomeKind.ACCEPTED, Reason.OK, tick), 1000.2)
        failed = _outcome(rule.id, rule.template, OutcomeKind.REJECTED, Reason.CONTENT, tick)
        telemetry.ended(failed._replace(redelivered=True), 1000.4)
    telemetry.token_refreshed(ok=True)
    telemetry.committed("ok", 1)
    telemetry.replayed(3)


def _outcome(rule: str, template: str, kind: OutcomeKind, reason: Reason, offset: int) -> Outcome:
    return Outcome(
        id=f"{rule}-{kind}-{offset}",
        kind=kind,
        reason=reason,
        position=Position(TOPIC, 0, offset),
        event_type=None,
        event_id=None,
        event_source=None,
        event_time=999.0,
        rule=rule,
        rules_version="v1",
        template=template,
        recipient=None,
        attempts=1,
        status=200,
        code=200,
        received_at=1000.0,
        first_attempt_at=1000.0,
        finished_at=1000.2,
        redelivered=False,
        detail="",
    )


def test_every_panel_has_data(scraped: str) -> None:
    """Each query of each dashboard, run as Grafana would, finds series with numbers."""
    assert panels_without_data(scraped) == []


def test_the_variables_above_the_dashboards_have_values(scraped: str, rules: RuleSet) -> None:
    """The rule can be chosen by its id."""
    found = {sample["metric"]["rule"] for sample in ask(scraped, "notice_pipeline_rule_matches_total")}
    assert found == {rule.id for rule in rules.rules}


def test_every_recording_rule_is_recorded(scraped: str) -> None:
    """No recording rule fails or stays empty on real series."""
    groups = httpx.get(f"{scraped}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    recorded = [rule for group in groups for rule in group["rules"] if rule["type"] == "recording"]
    assert recorded
    assert [rule["name"] for rule in recorded if rule["health"] != "ok" or not ask(scraped, rule["name"])] == []


def test_alerts_are_evaluated_and_speak_in_numbers_and_names(scraped: str) -> None:
    """Dead letters arrive: that alert fires, its words are filled in, and no alert fails to evaluate."""
    groups = httpx.get(f"{scraped}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    alerts = {rule["name"]: rule for group in groups for rule in group["rules"] if rule["type"] == "alerting"}
    assert [name for name, rule in alerts.items() if rule["health"] != "ok"] == []
    firing = alerts["NoticeDeadLettersArriving"]["alerts"]
    assert [alert["annotations"]["summary"] for alert in firing] == ["Dead letters: rejected_content (notice-pipeline)"]
    assert alerts["NoticePipelineAbsent"]["state"] == "inactive"
    assert alerts["NoticeSendingUnauthorised"]["state"] == "inactive"


def test_the_delivery_objective_counts_what_failed(scraped: str) -> None:
    """Half of the notices were refused, and so says the ratio."""
    (sample,) = ask(scraped, "notice_pipeline:delivery_bad:ratio_rate5m")
    assert float(sample["value"][1]) == pytest.approx(0.5, abs=0.02)

"""A real Prometheus scrapes our real registry, and every panel, rule and alert finds its data there."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import start_http_server

from deploy.grafana.generate import DASHBOARDS
from pipeline import metrics
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.rule_files import read_rules
from pipeline.adapters.telemetry.history import HistoryMetrics
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.delivery.breaker import BreakerState
from pipeline.metrics import Metric
from pipeline.model.event import Position
from pipeline.model.halt import Halt
from pipeline.model.notice import DEFAULT_API
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.verdict import Verdict
from pipeline.rules.compile import load
from pipeline.rules.ruleset import RuleSet
from pipeline.status.condition import ConditionName
from tests.broker.handle import Unavailable
from tests.fakes.outcomes import an_outcome
from tests.observability.prometheus import Prometheus, Scraping, prometheus

ROOT = Path(__file__).resolve().parents[2]
TOPIC = "trade.order.events"
TICK_SECONDS = 0.5
WATCHED_SECONDS = 12
"""Before the first question: as long as the longest interval that it looks back."""
# Only a failing test ever waits so long: on a busy machine the dozen seconds are not enough.
PATIENT_SECONDS = 60.0
VARIABLES = {
    "$namespace": ".*",
    "$release": ".*",
    "$job": ".*",
    "$rule": ".*",
    "$__rate_interval": "10s",
    "$__range": "1m",
}


RULE_FILES = tuple(ROOT / "deploy/prometheus" / name for name in ("recording.yaml", "alerts.yaml"))


def requested(server: Prometheus, query: str) -> list[dict[str, Any]]:
    """The samples of a dashboard's query."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return server.ask(query)


def panels_without_data(server: Prometheus) -> list[str]:
    """`dashboard: panel: query` of every query that gives nothing."""
    return [
        f"{board.name}: {panel.title}: {query.expr}"
        for board in DASHBOARDS
        for row in board.rows
        for panel in row.panels
        for query in panel.queries
        if not requested(server, query.expr)
    ]


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """The example catalogue."""
    return load(read_rules(ROOT / "rules"), read_schemas(ROOT / "schemas" / "events"), environment="production")


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, rules: RuleSet) -> Iterator[Prometheus]:
    """A Prometheus that has watched our registry for a dozen seconds of work, one rule suspended among it."""
    telemetry = PrometheusTelemetry("1.2.3", [TOPIC])
    telemetry.rules_loaded(rules, time.time())  # noqa: TID251 - Prometheus compares it with its own clock
    telemetry.read_at_scrape(_gauges)
    history = HistoryMetrics()
    servers = [start_http_server(0, addr="127.0.0.1", registry=one) for one in (telemetry.registry, history._registry)]
    try:
        scraping = Scraping([f"127.0.0.1:{server.server_port}" for server, _ in servers], RULE_FILES)
        with prometheus(tmp_path_factory.mktemp("prometheus"), scraping) as watching:
            ended = threading.Event()
            worker = threading.Thread(target=_work_until, args=(ended, telemetry, history, rules))
            worker.start()
            try:
                time.sleep(WATCHED_SECONDS)
                yield watching
            finally:
                ended.set()
                worker.join(timeout=5)
    except Unavailable as reason:
        pytest.skip(str(reason))
    finally:
        for server, thread in servers:
            server.shutdown()
            server.server_close()
            thread.join(timeout=5)


def _gauges() -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    where = {"topic": TOPIC, "partition": "0"}
    yield metrics.IN_FLIGHT, {}, 40
    yield metrics.RECIPIENT_NOTICES, {}, 2
    yield metrics.CONCURRENCY_LIMIT, {}, 64
    yield metrics.LANES, {}, 51
    yield metrics.LANES_WAITING, {}, 3
    yield metrics.BUFFERED, {}, 70
    yield metrics.RETRY_BUDGET, {}, 480
    yield metrics.CONSUMER_LAG, where, 120
    yield metrics.FRONTIER_AGE, where, 2.5
    yield metrics.LAST_POLL, {}, time.time()  # noqa: TID251 - Prometheus compares it with its own clock
    yield metrics.KAFKA_BROKERS, {}, 3
    yield metrics.KAFKA_ROUND_TRIP, {}, 0.004
    yield metrics.CREDENTIALS_RELOADED, {"setting": "notices"}, 1
    yield metrics.UNACKNOWLEDGED, {}, 12
    yield metrics.UNACKNOWLEDGED_AGE, {}, 0.02
    yield metrics.INTENTS_WAITING, {}, 5
    yield metrics.INTENTS_UNACKNOWLEDGED, {}, 1
    yield metrics.CARE_RECIPIENTS, {}, 900
    yield metrics.CARE_UNWRITTEN, {}, 7
    for name in ConditionName:
        yield metrics.CONDITION, {"condition": name}, float(name is ConditionName.RULE_FAILING)
    for state in BreakerState:
        yield metrics.BREAKER, {"state": state}, float(state is BreakerState.CLOSED)
    for halt in Halt:
        yield metrics.HALTED, {"reason": halt}, 0.0


def _work_until(
    ended: threading.Event, telemetry: PrometheusTelemetry, history: HistoryMetrics, rules: RuleSet
) -> None:
    """Work on while questions are asked: on a slow machine they take longer than a rate looks back."""
    for tick in itertools.count():
        _work(telemetry, rules, tick)
        history.stored(20, 18)
        history.lag(2)
        history.answering(None)
        history.looked_up()
        if ended.wait(TICK_SECONDS):
            return


def _work(telemetry: PrometheusTelemetry, rules: RuleSet, tick: int) -> None:
    """Half a second of a service's life: most is accepted, a few fail, an event or two are odd."""
    telemetry.consumed(TOPIC, 20)
    telemetry.unmatched("com.example.unknown")
    telemetry.undecodable(TOPIC, Reason.MALFORMED_AVRO)
    for number, rule in enumerate(rules.rules):
        telemetry.matched(rule.id)
        telemetry.attempted(DEFAULT_API, Verdict.ACCEPTED, 0.02 * (1 + number))
        telemetry.attempted(DEFAULT_API, Verdict.RETRY, 0.3)
        telemetry.ended(_outcome(rule.id, rule.template, OutcomeKind.ACCEPTED, Reason.OK, tick), 1000.2)
        failed = _outcome(rule.id, rule.template, OutcomeKind.REJECTED, Reason.CONTENT, tick)
        telemetry.ended(failed._replace(redelivered=True), 1000.4)
    telemetry.token_refreshed(DEFAULT_API, ok=True)
    telemetry.committed("ok", 1)
    telemetry.replayed(3)


def _outcome(rule: str, template: str, kind: OutcomeKind, reason: Reason, offset: int) -> Outcome:
    plain = an_outcome(Position(TOPIC, 0, offset), kind, name=f"{rule}-{kind}-{offset}")
    return plain._replace(
        reason=reason,
        rule=rule,
        template=template,
        event_time=999.0,
        received_at=1000.0,
        first_attempt_at=1000.0,
        finished_at=1000.2,
    )


def test_every_panel_has_data(scraped: Prometheus) -> None:
    """Each query of each dashboard, run as Grafana would, finds series with numbers."""
    deadline = time.monotonic() + PATIENT_SECONDS
    while (missing := panels_without_data(scraped)) and time.monotonic() < deadline:
        time.sleep(1)
    assert missing == []


def test_the_variables_above_the_dashboards_have_values(scraped: Prometheus, rules: RuleSet) -> None:
    """The rule can be chosen by its id."""
    found = {sample["metric"]["rule"] for sample in scraped.ask("notice_pipeline_rule_matches_total")}
    assert found == {rule.id for rule in rules.rules}


def test_every_recording_rule_is_recorded(scraped: Prometheus) -> None:
    """No recording rule fails or stays empty on real series."""
    recorded = scraped.rules("recording")
    assert recorded
    assert [rule["name"] for rule in recorded if rule["health"] != "ok" or not scraped.ask(rule["name"])] == []


def test_alerts_are_evaluated_and_speak_in_numbers_and_names(scraped: Prometheus) -> None:
    """Dead letters arrive: that alert fires, its words are filled in, and no alert fails to evaluate."""
    alerts = {rule["name"]: rule for rule in scraped.rules("alerting")}
    assert [name for name, rule in alerts.items() if rule["health"] != "ok"] == []
    firing = alerts["NoticeDeadLettersArriving"]["alerts"]
    assert [alert["annotations"]["summary"] for alert in firing] == ["Dead letters: rejected_content (notice-pipeline)"]
    assert alerts["NoticePipelineAbsent"]["state"] == "inactive"
    assert alerts["NoticeSendingUnauthorised"]["state"] == "inactive"


def test_the_delivery_objective_counts_what_failed(scraped: Prometheus) -> None:
    """Half of the notices were refused, and so says the ratio."""
    (sample,) = scraped.ask("notice_pipeline:delivery_bad:ratio_rate5m")
    assert float(sample["value"][1]) == pytest.approx(0.5, abs=0.02)

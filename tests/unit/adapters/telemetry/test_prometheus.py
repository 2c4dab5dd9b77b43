"""What `/metrics` answers, against the catalogue that declares it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline import metrics
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.rule_files import read_rules
from pipeline.adapters.telemetry.cells import LINES_IN_PART
from pipeline.adapters.telemetry.prometheus import MOST_UNKNOWN_TYPES, READ_AT_SCRAPE, PrometheusTelemetry
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.verdict import Verdict
from pipeline.rules.compile import load
from pipeline.rules.ruleset import RuleSet
from tests.fakes.outcomes import an_outcome

ROOT = Path(__file__).resolve().parents[4]


def test_the_page_holds_the_catalogue_and_nothing_else() -> None:
    """Each metric under its declared name and kind; no series beside them that the library makes by itself."""
    page = b"".join(PrometheusTelemetry("1.0", ["orders"]).exposition()[0])
    found = text_string_to_metric_families(page.decode())
    families = {family.name: family for family in found if not family.name.startswith("process_")}
    declared = {metric.full_name.removesuffix("_total"): metric for metric in metrics.CATALOGUE}
    always = {
        name
        for name, metric in declared.items()
        if metric not in READ_AT_SCRAPE | metrics.OF_SUPERVISOR | metrics.OF_HISTORY
    }
    assert always <= set(families) <= set(declared)
    assert {name: families[name].type for name in always} == {name: declared[name].kind.value for name in always}
    assert b"_created" not in page


def test_a_thousand_rules_and_any_number_of_recipients_keep_the_page_small() -> None:
    """Series grow with the rules and never with recipients, events or what the API answers."""
    telemetry = PrometheusTelemetry("1.0", ["orders"])
    before = len(series(telemetry))
    rules = a_rule_set(1_000)
    telemetry.rules_loaded(rules, 0.0)
    loaded = len(series(telemetry))
    per_rule = len(metrics.END_TO_END.buckets) + 1 + 2 + 2  # its histogram, `rule_matches_total`, accepted notices
    once = len(rules.event_types) + 2  # and `other` types, and the version
    assert loaded - before == 1_000 * per_rule + once
    for number in range(20_000):
        telemetry.ended(
            an_outcome()._replace(
                id=f"id-{number}",
                rule=f"rule-{number % 1_000}",
                template=rules.rules[0].template,
                recipient=f"recipient-{number}",
                event_type=f"type-{number}",
                code=number,
                status=200 + number % 400,
                detail=f"detail {number}",
            ),
            0.0,
        )
        telemetry.unmatched(f"unknown-type-{number}")
        telemetry.consumed("orders", 1)
    assert len(series(telemetry)) == loaded + MOST_UNKNOWN_TYPES
    assert len(b"".join(telemetry.exposition()[0])) < 3_000_000


def test_each_outcome_is_counted_where_it_belongs() -> None:
    """Accepted ones by their latency from the moment their rule is known, failed ones by their dead letter."""
    telemetry = PrometheusTelemetry("1.0", ["orders"])
    rules = a_rule_set(1)
    rule = rules.rules[0]
    accepted = an_outcome()._replace(rule=rule.id, template=rule.template, redelivered=False)
    telemetry.ended(accepted, accepted.finished_at)
    telemetry.rules_loaded(rules, 0.0)
    telemetry.ended(accepted, accepted.finished_at)
    telemetry.ended(accepted._replace(redelivered=True), accepted.finished_at)
    telemetry.ended(accepted._replace(event_time=None), accepted.finished_at)
    rejected = accepted._replace(kind=OutcomeKind.REJECTED, reason=Reason.CONTENT)
    telemetry.ended(rejected, accepted.finished_at)
    telemetry.ended(rejected, accepted.finished_at)
    page = b"".join(telemetry.exposition()[0]).decode()
    samples = {
        (s.name, *sorted(s.labels.values())): s.value for f in text_string_to_metric_families(page) for s in f.samples
    }
    assert samples[metrics.NOTICES.full_name, *sorted((rule.id, rule.template, "accepted", "ok"))] == 4
    assert samples[metrics.NOTICES.full_name, *sorted((rule.id, rule.template, "rejected", "rejected_content"))] == 2
    assert samples[metrics.DEAD_LETTERS.full_name, "rejected_content"] == 2
    assert samples[f"{metrics.END_TO_END.full_name}_count", rule.id] == 2
    assert samples[f"{metrics.PIPELINE.full_name}_count",] == 6
    assert samples[metrics.OUTCOMES_PUBLISHED.full_name, "ok"] == 6
    assert samples[metrics.REDELIVERED.full_name,] == 1


def test_the_page_of_many_rules_is_made_in_small_slices() -> None:
    """No slice holds the loop for long, and together they are what the library writes at once."""
    telemetry = PrometheusTelemetry("1.0", ["orders"])
    telemetry.rules_loaded(a_rule_set(1_000), 0.0)
    telemetry.matched("rule-7")
    slices = list(telemetry.exposition()[0])
    most_lines = LINES_IN_PART + 2
    assert max(one.count(b"\n") for one in slices) <= most_lines
    lines = [line for line in b"".join(slices).splitlines() if b"process_" not in line]
    headers = [line for line in lines if line.startswith(b"#")]
    assert len(headers) == len(set(headers))
    parts = generate_latest(telemetry.registry).splitlines()
    assert lines == list(dict.fromkeys(line for line in parts if b"process_" not in line))


def test_the_delays_of_all_rules_can_be_one_histogram() -> None:
    """Thousands of rules have as many series of buckets otherwise; what is summed over rules stays the same."""
    telemetry = PrometheusTelemetry("1.0", ["orders"], rule_histograms=False)
    telemetry.rules_loaded(a_rule_set(3), 0.0)
    for number in range(3):
        telemetry.ended(an_outcome()._replace(rule=f"rule-{number}", event_time=1.0, finished_at=3.0), 4.0)
    page = b"".join(telemetry.exposition()[0]).decode()
    delays = [line for line in page.splitlines() if line.startswith("notice_pipeline_end_to_end_seconds_count")]
    assert delays == ['notice_pipeline_end_to_end_seconds_count{rule=""} 3.0']
    assert 'notice_pipeline_rule_matches_total{rule="rule-2"}' in page


def series(telemetry: PrometheusTelemetry) -> set[str]:
    """Every series on the page."""
    lines = b"".join(telemetry.exposition()[0]).decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def a_rule_set(count: int) -> RuleSet:
    """So many rules for one event type."""
    shipped = load(read_rules(ROOT / "rules"), read_schemas(ROOT / "schemas" / "events"), environment="production")
    rules = [replace(shipped.rules[0], id=f"rule-{number}") for number in range(count)]
    return RuleSet("1", rules, shipped.templates, shipped.environment)


def test_several_apis_are_values_of_a_label_and_one_has_no_label() -> None:
    """Each series of an API exists from the start; what is not about an API has no such label."""
    alone = b"".join(PrometheusTelemetry("1", ["orders"]).exposition()[0]).decode()
    assert 'api="' not in alone
    telemetry = PrometheusTelemetry("1", ["orders"], apis=["notices", "sms"])
    telemetry.attempted("sms", Verdict.ACCEPTED, 0.02)
    telemetry.token_refreshed("sms", ok=False)
    page = b"".join(telemetry.exposition()[0]).decode()
    for line in (
        'notice_pipeline_attempts_total{api="sms",verdict="accepted"} 1.0',
        'notice_pipeline_attempts_total{api="notices",verdict="accepted"} 0.0',
        'notice_pipeline_attempt_duration_seconds_count{api="sms",verdict="accepted"} 1.0',
        'notice_pipeline_token_refreshes_total{api="sms",result="error"} 1.0',
        'notice_pipeline_token_refreshes_total{api="notices",result="error"} 0.0',
    ):
        assert f"\n{line}\n" in page
    assert not [line for line in page.splitlines() if "commits_total{" in line and "api=" in line]


def test_the_process_is_measured() -> None:
    """Processor time, memory and open files, under the names that every client library gives them."""
    exposed = b"".join(PrometheusTelemetry("1", []).exposition()[0]).decode()
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
        assert re.search(rf"^{name} [1-9]|^{name} 0\.\d*[1-9]", exposed, re.MULTILINE)

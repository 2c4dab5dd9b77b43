"""The alerts hold together: rules, runbook, dashboards, and the catalogue of metrics."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.grafana.generate import DASHBOARDS
from pipeline.metrics import AGE_BUCKETS, CATALOGUE, PREFIX, Kind
from pipeline.model.halt import Halt
from pipeline.model.outcome import Reason

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")
NO_NOTICE = {
    Reason.TOMBSTONE,
    Reason.NOT_FRAMED,
    Reason.UNKNOWN_SCHEMA,
    Reason.UNSUPPORTED_SCHEMA,
    Reason.MALFORMED_AVRO,
    Reason.MALFORMED_JSON,
    Reason.MALFORMED_CLOUDEVENT,
    Reason.MALFORMED_HEADERS,
    Reason.NO_TYPE,
    Reason.SCHEMA_MISMATCH,
    Reason.TOO_LARGE,
}
"""Reasons of records that are not events: they are dead letters, but not failed notices."""


STOP_NOW = "Stop now"


def _rules(name: str) -> list[dict[str, Any]]:
    document = YAML(typ="safe").load(PROMETHEUS / name)
    return [rule for group in document["groups"] for rule in group["rules"]]


ALERTS = _rules("alerts.yaml")
RECORDED = _rules("recording.yaml")
QUERIES = [query.expr for board in DASHBOARDS for row in board.rows for panel in row.panels for query in panel.queries]
EXPRESSIONS = [*(rule["expr"] for rule in (*ALERTS, *RECORDED)), *QUERIES]
PANELS = {panel.title for board in DASHBOARDS for row in board.rows for panel in row.panels}


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """No alert goes untested in either direction."""
    firing: set[str] = set()
    still: set[str] = set()
    files = [YAML(typ="safe").load(PROMETHEUS / name) for name in ("alerts_test.yaml", "alerts_long_test.yaml")]
    for case in (case for file in files for case in file["tests"]):
        for check in case["promql_expr_test"]:
            name = re.search(r'alertname="(\w+)"', check["expr"])
            assert name is not None
            (firing if check["exp_samples"] else still).add(name.group(1))
    names = {alert["alert"] for alert in ALERTS}
    assert (firing, still) == (names, names)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_tells_the_one_who_is_paged_what_to_do(alert: dict[str, Any]) -> None:
    """Severity, summary, description, and the runbook section of the alert's own name."""
    assert alert["labels"]["severity"] in {"page", "ticket"}
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert len(re.sub(r"{{ with .*?{{ end }}", "", notes["summary"])) <= 100
    assert notes["runbook_url"].partition("#")[2] == alert["alert"].lower()


def test_the_runbook_has_one_section_for_each_alert_and_no_other() -> None:
    """Each section says what it means, how to diagnose, how to fix and how to verify; before them is how to stop."""
    first, *sections = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]
    assert first.split("\n", 1)[0] == STOP_NOW
    assert {section.split("\n", 1)[0] for section in sections} == {alert["alert"] for alert in ALERTS}
    for section in sections:
        assert "**What it means to customers.**" in section
        assert "**Verify.**" in section
        assert re.search(r"\*\*Diagnose(\.| and fix\.)\*\*", section), section[:60]
        assert re.search(r"\*\*Fix|fix\.\*\*", section), section[:60]


def test_every_link_inside_the_runbook_leads_somewhere() -> None:
    """Anchors are the lower-case names of alerts."""
    anchors = {alert["alert"].lower() for alert in ALERTS} | {STOP_NOW.lower().replace(" ", "-")}
    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK)) <= anchors


def test_sections_of_the_operations_guide_that_the_runbook_points_to_exist() -> None:
    """At night no one searches for a heading that was renamed."""
    guide = (ROOT / "docs" / "guide-operations.md").read_text(encoding="utf-8")
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", guide, flags=re.MULTILINE)}
    named = set(re.findall(r"guide-operations\.md#([\w-]+)", RUNBOOK))
    assert named
    assert named <= headings


def test_panels_that_alerts_and_runbook_name_exist() -> None:
    """A panel named to someone at night is there under that name."""
    reported = " ".join(alert["annotations"]["description"] for alert in ALERTS)
    named = set(re.findall(r'[Pp]anels? "([^"]+)"', f"{reported} {RUNBOOK}"))
    assert named
    assert named <= PANELS


def test_every_metric_in_a_rule_or_panel_is_in_the_catalogue() -> None:
    """Rules and dashboards speak of metrics that exist, and recorded names that are recorded."""
    known = {metric.full_name for metric in CATALOGUE}
    known |= {
        metric.full_name + suffix
        for metric in CATALOGUE
        if metric.kind is Kind.HISTOGRAM
        for suffix in HISTOGRAM_SUFFIXES
    }
    known |= {rule["record"] for rule in RECORDED}
    used = {name for expression in EXPRESSIONS for name in re.findall(r"\bnotice_pipeline[\w:]+", expression)}
    assert used - known == set()


def test_every_metric_of_the_catalogue_is_shown_somewhere() -> None:
    """What is worth counting is worth a panel or an alert."""
    text = "\n".join(EXPRESSIONS)
    unused = [
        metric.full_name for metric in CATALOGUE if not re.search(rf"\b{metric.full_name}(_bucket|_count)?\b", text)
    ]
    assert unused == []


def test_labels_in_rules_and_panels_are_labels_of_the_metric() -> None:
    """A matcher on a label that a metric lacks would select nothing, silently."""
    labels = {metric.full_name: {label.name for label in metric.labels} for metric in CATALOGUE}
    for expression in EXPRESSIONS:
        for name, matchers in re.findall(rf"\b({PREFIX}\w+)\{{([^}}]*)\}}", expression):
            base = re.sub(r"_(bucket|count)$", "", name) if name not in labels else name
            used = set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers))
            assert used <= labels[base] | {"namespace", "release", "job", "instance", "le"}, expression


def test_the_delivery_objective_leaves_out_records_that_are_no_notice() -> None:
    """Every reason of a dead letter either counts against the objective or is left out on purpose."""
    expression = next(rule["expr"] for rule in RECORDED if rule["record"] == "notice_pipeline:delivery_bad:rate5m")
    left_out = set(re.findall(r'reason!~"([^"]+)"', expression)[0].split("|"))
    assert left_out == {reason.value for reason in NO_NOTICE | {Reason.RECIPIENT, Reason.RULE_OFF, Reason.PAUSED}}


def test_the_delay_objective_is_one_of_the_histogram_s_buckets() -> None:
    """60 s can be counted only where a bucket ends."""
    ends = {str(bucket) for bucket in AGE_BUCKETS}
    named = {end for expression in EXPRESSIONS for end in re.findall(r'le="([\d.]+)"', expression)}
    assert named == {"60.0"}
    assert named <= ends


def test_alertmanager_accepts_its_example() -> None:
    """amtool finds it well-formed, and what it holds back are alerts of ours."""
    document = YAML(typ="safe").load(PROMETHEUS / "alertmanager.yaml")
    patterns = [
        re.search(r'alertname=~?"([^"]+)"', matcher)
        for rule in document["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]
    names = [alert["alert"] for alert in ALERTS]
    for pattern in patterns:
        assert pattern is not None
        for alternative in pattern.group(1).split("|"):
            assert any(re.fullmatch(alternative, name) for name in names), alternative
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip("amtool is not installed (make tools gets it on Debian)")
    subprocess.run([amtool, "check-config", PROMETHEUS / "alertmanager.yaml"], check=True, capture_output=True)


def test_every_reason_why_nothing_is_sent_pages() -> None:
    """Each halt has its alert, unless an operator ordered it; the breaker's speaks of its own state."""
    text = "\n".join(alert["expr"] for alert in ALERTS if alert["labels"]["severity"] == "page")
    for halt in set(Halt) - {Halt.PAUSED}:
        reported = 'breaker_state{state!="closed"}' if halt is Halt.BREAKER_OPEN else f'halted{{reason="{halt.value}"}}'
        assert reported in text


def test_alerts_not_about_an_api_name_it_where_there_are_several() -> None:
    """Whatever is read from a metric with the label `api` keeps the label, and the summary has its value."""
    labelled = {metric.full_name for metric in CATALOGUE if any(label.name == "api" for label in metric.labels)}
    not_about_an_api = {"NoticePartitionBackpressured"}  # the API's halt is only a reason not to fire
    for alert in ALERTS:
        if (
            labelled & set(re.findall(r"\bnotice_pipeline_\w+", alert["expr"]))
            and alert["alert"] not in not_about_an_api
        ):
            assert re.search(r"by \([^)]*\bapi\b", alert["expr"]), alert["alert"]
            assert "$labels.api" in alert["annotations"]["summary"], alert["alert"]

"""A test that is written from an event passes, whatever is in the event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.adapters.authoring.workbench.draft import Draft
from pipeline.adapters.authoring.workbench.draft_runner import DraftRunner
from pipeline.authoring.rule_tests.writing import with_test
from pipeline.rules.lint.cases import read_cases
from tests.unit.rules.shop import RULE, TEMPLATES, schemas

TYPE = "shop.order.Paid"


@pytest.fixture
def runner(tmp_path: Path) -> DraftRunner:
    (tmp_path / "paid.yaml").write_text(RULE, encoding="utf-8")
    (tmp_path / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    return DraftRunner(tmp_path, schemas(), None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "notices"),
        ({"order_no": 'yes: "#{}" \\ 礼😀'}, None),
        ({"order_no": "1e3"}, "notices"),
        ({"order_no": "null"}, "notices"),
        ({"order_no": "- a\n- b"}, None),
        ({"order_no": ""}, None),
    ],
)
def test_it_passes(runner: DraftRunner, tmp_path: Path, changes: dict[str, object], expected: str | None) -> None:
    """Notices, refusals and texts that YAML could read otherwise."""
    event = {**json.loads(runner.example(TYPE)), **changes}
    draft = Draft("paid.yaml", RULE, TYPE, json.dumps(event))
    made = runner.as_test(draft, "it's: #1")
    assert made["file"] == "tests/paid.yaml"
    lines = made["test"]
    assert isinstance(lines, list)
    text = with_test("tests/paid.yaml", "", lines)
    if expected is not None:
        assert f"{expected}:" in text
    cases, findings = read_cases("tests/paid.yaml", text)
    assert [(case.name, findings) for case in cases] == [("it's: #1", ())]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "paid.yaml").write_text(text, encoding="utf-8")
    tests = runner.try_out(draft)["tests"]
    assert tests == {"run": 1, "failed": []}


def test_no_test_of_what_cannot_be_read(runner: DraftRunner) -> None:
    """An event that is not JSON, rules with errors."""
    assert "problem" in runner.as_test(Draft("paid.yaml", RULE, TYPE, "{"), "a")
    assert "problem" in runner.as_test(Draft("templates.yaml", TEMPLATES, TYPE, runner.example(TYPE)), "a")
    assert "problem" in runner.as_test(Draft("paid.yaml", "rules: [", TYPE, runner.example(TYPE)), "a")

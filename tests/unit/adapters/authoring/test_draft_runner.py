"""Drafts of rules in a folder with other files and their tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.adapters.authoring.workbench.draft import Draft
from pipeline.adapters.authoring.workbench.draft_runner import DraftRunner
from tests.unit.rules.shop import RULE, TEMPLATES, schemas

OTHER = RULE.replace("id: paid", "id: refund").replace("shop.order.Paid", "shop.order.Refunded")
OF_BOTH = """\
tests:
  - name: a payment
    event: {type: shop.order.Paid, example: true}
    expect: {notices: [{rule: paid}]}
  - name: a refund
    event: {type: shop.order.Refunded, data: {sub: a, order_no: b}}
    expect: {notices: [{rule: refund}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of rules, and one file of tests for both."""
    files = {"paid.yaml": RULE, "refund.yaml": OTHER, "templates.yaml": TEMPLATES, "tests/both.yaml": OF_BOTH}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def tried(folder: Path, rules: str) -> dict[str, object]:
    runner = DraftRunner(folder, schemas(), None)
    event = json.loads(runner.example("shop.order.Paid"))
    return runner.try_out(Draft("paid.yaml", rules, "shop.order.Paid", json.dumps(event)))


def test_tests_of_rules_in_another_file_are_no_fault_of_the_draft(folder: Path) -> None:
    """The card is shown although the test file also names rules that are not read for the draft."""
    result = tried(folder, RULE)
    assert result["sound"] is True
    assert [finding for finding in _list(result["findings"]) if finding["level"] == "error"] == []
    assert len(_list(result["messages"])) == 1


def test_a_fault_in_the_tests_leaves_the_card(folder: Path) -> None:
    """It is reported, and the message of the rule is shown."""
    (folder / "tests" / "both.yaml").write_text("tests: [{name: paid}]\n", encoding="utf-8")
    result = tried(folder, RULE)
    assert [finding["elsewhere"] for finding in _list(result["findings"]) if finding["level"] == "error"]
    assert len(_list(result["messages"])) == 1


def test_a_new_file_begins_without_a_condition(folder: Path) -> None:
    """`when:` without a value is an error, and a rule without it matches every event on purpose."""
    opened = DraftRunner(folder, schemas(), None).open("new.yaml", None, None)
    assert "when" not in str(opened["rules"])


def _list(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def test_care_can_be_edited_and_decides_what_explains_a_message(folder: Path) -> None:
    """The file is listed; a draft of it has its findings; the reasons name what a message is subject to."""
    care = "care:\n  caps: {a-day: {of: all, at_most: 1, per: day}}\n  categories: {transactional: {caps: [a-day]}}\n"
    (folder / "care.yaml").write_text(care, encoding="utf-8")
    runner = DraftRunner(folder, schemas(), None)
    assert "care.yaml" in str(runner.open(None, None, None)["files"])
    event = runner.example("shop.order.Paid")
    result = runner.try_out(Draft("care.yaml", care, "shop.order.Paid", event))
    (why,) = _list(result["why"])
    assert why["care"] == ["cap a-day: 1 a calendar day, of all categories"]
    wrong = runner.try_out(Draft("care.yaml", care.replace("[a-day]", "[aday]"), "shop.order.Paid", event))
    assert [finding for finding in _list(wrong["findings"]) if finding["code"] == "unknown-cap"]

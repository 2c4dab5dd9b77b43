"""`test --accept`: what came becomes the expectation, and nothing else of the file changes."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import typer
import yaml

from pipeline.cli.authors import accept as accepting
from tests.unit.cli.conftest import PAID, Run

BEGIN = """\
# tests of the shop
tests:
"""
EVENT = "event: {type: shop.order.Paid, example: true, with: {count: 1, gift: false, order_no: T1}}"


@pytest.fixture
def tests(shop: Path) -> Path:
    (shop / "rules" / "tests").mkdir()
    return shop / "rules" / "tests" / "paid.yaml"


def accept(run: Run, tests: Path, before: str) -> str:
    """The body of the file after `--accept`; the tests then pass."""
    tests.write_text(BEGIN + before, encoding="utf-8")
    done = run("test", "--accept", "--yes")
    assert done.code == 0, done.out + done.err
    after = tests.read_text(encoding="utf-8")
    assert after.startswith(BEGIN)
    again = run("test")
    assert again.code == 0, again.out
    assert run("test", "--accept").out == "no expectation changes\n"
    return after.removeprefix(BEGIN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("data: {thing1: T9}", "data: {thing1: T1}"),
        ("data: {thing1: 'T9'}   # the number", "data: {thing1: 'T1'}   # the number"),
        ('data: {thing1: "T9"}', 'data: {thing1: "T1"}'),
        ("url: https://m.example.com/T9", "url: https://m.example.com/T1"),
        ("data:\n            # why\n            thing1: T9", "data:\n            # why\n            thing1: T1"),
        ("data:\n            thing1: |-\n              T9", 'data:\n            thing1: "T1"'),
    ],
)
def test_only_the_texts_that_differ_change(run: Run, tests: Path, before: str, after: str) -> None:
    """Quotes, comments and everything around them stay."""
    text = f"  - name: one  # a remark\n    {EVENT}\n    expect:\n      notices:\n        - rule: any\n          %s\n"
    assert accept(run, tests, text % before) == text % after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "{none: no_match}",
            "{notices: [{rule: any, to: TO, url: 'https://m.example.com/T1', whole: true, data: {thing1: T1}}]}",
        ),
        ("{notices: [{rule: large}, {rule: any, data: {thing1: T1}}]}", "{notices: [{rule: any, data: {thing1: T1}}]}"),
        ("{none: refused, rule: any, reason: field_limit}", None),
    ],
)
def test_an_expectation_of_another_kind_is_written_again(run: Run, tests: Path, before: str, after: str | None) -> None:
    """On one line if it was; of a rule that was expected the same parts are named again."""
    done = accept(run, tests, f"  - name: one\n    {EVENT}\n    expect: {before}\n")
    found = done.split("expect: ")[1].strip()
    assert "rule: any" in found
    if after is not None:
        assert found.replace(_to(found), "TO") == after


def _to(text: str) -> str:
    return text.partition("to: ")[2].partition(",")[0] or "nothing"


def test_comments_of_an_expectation_that_is_written_again_stay(run: Run, tests: Path) -> None:
    """Above it, in their order; those outside it where they are."""
    before = f"""\
  - name: one
    {EVENT}
    expect:   # first
      # second
      notices:
        - rule: large   # third '#'
          data: {{thing1: "a # b"}}
    # outside

  - name: two
    event: {{type: shop.order.Paid, example: true, with: {{count: 1, gift: false, order_no: T2}}}}
    expect: {{notices: [{{rule: any}}]}}   # as it is
# the end
"""
    after = accept(run, tests, before)
    begin, outside, rest = after.partition("    # outside\n")
    assert [line.strip() for line in begin.split("\n") if "#" in line] == ["# first", "# second", "# third '#'"]
    assert outside + rest == before[before.index("    # outside") :]


def test_tests_without_an_expectation_get_one(run: Run, tests: Path) -> None:
    """Also the cases of a table, in either style."""
    before = f"""\
  - name: one
    {EVENT}

  - name: table
    {EVENT}
    cases:
      - name: a
        with: {{order_no: A1}}
      - {{name: b, with: {{order_no: B1}}}}
"""
    after = accept(run, tests, before)
    assert after.count("rule: any") == 3
    assert "data: {thing1: A1}" in after
    assert "data: {thing1: B1}" in after


NO_EXPECTATION = f"""\
  - name: left alone
    {EVENT}
  - name: table
    {EVENT}
    cases:
      - {{name: wanted, with: {{order_no: A1}}}}
      - {{name: also left, with: {{order_no: B1}}}}
"""


@pytest.mark.parametrize("chosen", ["wanted", "left alone"])
def test_tests_that_are_not_chosen_stay_without_an_expectation(run: Run, tests: Path, chosen: str) -> None:
    """Their author did not look at what comes of them: a wrong expectation would be written, and would pass."""
    tests.write_text(BEGIN + NO_EXPECTATION, encoding="utf-8")
    done = run("test", "--accept", "--yes", "-k", chosen)
    assert (done.code, done.out.rsplit("\n", 2)[1]) == (0, "written: 1 expectation to 1 file"), done.out + done.err
    after = tests.read_text(encoding="utf-8")
    assert after.count("expect:") == 1
    assert after[: after.index("expect:")].rsplit("name: ", 1)[1].startswith(chosen)


@pytest.mark.parametrize(
    ("expects", "count"),
    [
        ("\n    expect: {none: no_match}", 0),
        ("", 1),
        ("\n    expect: {notices: [{rule: any}]}", 1),
    ],
)
def test_each_expectation_is_counted_once(run: Run, shop: Path, tests: Path, expects: str, count: int) -> None:
    """Also one that no message comes of, whether it is new or in place of another."""
    rules = (shop / "rules" / "shop.yaml").read_text(encoding="utf-8")
    none = rules.replace("- id: any\n", "- id: any\n    when: event.count > 5\n")
    (shop / "rules" / "shop.yaml").write_text(none, encoding="utf-8")
    tests.write_text(f"{BEGIN}  - name: one\n    {EVENT}{expects}\n", encoding="utf-8")
    done = run("test", "--accept", "--yes")
    expected = f"written: {count} expectation to 1 file" if count else "no expectation changes"
    assert done.out.rsplit("\n", 2)[-2] == expected, done.out + done.err


def test_the_change_is_shown_and_asked_for(run: Run, tests: Path) -> None:
    """Without a terminal nothing is written: a script says --yes."""
    text = f"{BEGIN}  - name: one\n    {EVENT}\n    expect: {{notices: [{{rule: any, data: {{thing1: T9}}}}]}}\n"
    tests.write_text(text, encoding="utf-8")
    done = run("test", "--accept")
    assert done.code == 2
    assert "-    expect: {notices: [{rule: any, data: {thing1: T9}}]}" in done.out
    assert "+    expect: {notices: [{rule: any, data: {thing1: T1}}]}" in done.out
    assert "1 expectation to 1 file would be\nhint: --yes" in done.err
    assert tests.read_text(encoding="utf-8") == text


def test_line_ends_and_the_byte_order_mark_stay(run: Run, tests: Path) -> None:
    """As another editor saved them."""
    text = f"{BEGIN}  - name: one\n    {EVENT}\n    expect:\n      none: no_match  # x\n".replace("\n", "\r\n")
    tests.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert run("test", "--accept", "--yes").code == 0
    after = tests.read_bytes()
    assert after.startswith(b"\xef\xbb\xbf# tests")
    assert after.count(b"\n") == after.count(b"\r\n") > 4
    assert run("test").code == 0


def test_an_event_that_does_not_fit_cannot_be_accepted(run: Run, tests: Path) -> None:
    """Its test is named, and the others are accepted."""
    before = f"""\
tests:
  - name: broken
    event: {{type: shop.order.Paid, file: nothing.json}}
    expect: {{none: no_match}}
  - name: one
    {EVENT}
    expect: {{none: no_match}}
"""
    tests.write_text(before, encoding="utf-8")
    done = run("test", "--accept", "--yes")
    assert done.code == 1
    assert "not accepted: broken: `nothing.json` is not a file" in done.out
    assert "written: 1 expectation to 1 file" in done.out


@pytest.mark.parametrize("option", [["--watch"], ["--output", "json"], ["--junit", "x.xml"]])
def test_it_goes_with_text_alone(run: Run, tests: Path, option: list[str]) -> None:
    tests.write_text("tests: []\n", encoding="utf-8")
    done = run("test", "--accept", *option)
    assert done.code == 2
    assert "--accept goes with none of" in done.err


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 1)])
def test_a_terminal_is_asked(run: Run, tests: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    """No means that nothing is written."""
    text = f"{BEGIN}  - name: one\n    {EVENT}\n"
    tests.write_text(text, encoding="utf-8")
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return answer == "yes"

    monkeypatch.setattr(typer, "confirm", confirm)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert run("test", "--accept").code == code
    assert asked == ["Is this what customers should read? Write 1 expectation to 1 file"]
    assert (tests.read_text(encoding="utf-8") == text) is (answer == "no")


def test_a_recorded_event_becomes_a_test(run: Run, shop: Path) -> None:
    """With what comes of it; the event is in the file, and reads as the same values."""
    (shop / "events").mkdir()
    data = {**PAID, "count": 1, "gift": True}
    event = {"type": "shop.order.Paid", "time": "2026-11-23T15:01:00Z", "data": data}
    (shop / "events" / "paid.json").write_text(json.dumps(event), encoding="utf-8")
    done = run("test", "--accept", "--event", "paid", "--name", "a gift", "--yes")
    assert done.code == 0, done.err
    assert done.out.endswith("written: 1 expectation to 1 file\n")
    (test,) = yaml.safe_load((shop / "rules" / "tests" / "shop.yaml").read_text(encoding="utf-8"))["tests"]
    assert {**test["event"]["data"], **data} == test["event"]["data"]
    assert [one["rule"] for one in test["expect"]["notices"]] == ["any", "old"]
    again = run("test", "--accept", "--event", "paid", "--yes")
    assert again.code == 0, again.err
    assert run("test").out.startswith("rules: 2 passed")
    taken = run("test", "--accept", "--event", "paid", "--name", "a gift", "--yes")
    assert (taken.code, taken.err) == (2, "error: there is a test `a gift` already\nhint: name this one: --name NAME\n")
    assert "--event goes with --accept" in run("test", "--event", "paid").err


def test_values_of_events_are_written_as_they_are_read_again() -> None:
    """Exact numbers and bytes as texts."""
    assert accepting.as_json({"a": [Decimal("0.10"), b"\x00\x01", None, True, 3]}) == {
        "a": ["0.10", "AAE=", None, True, 3]
    }

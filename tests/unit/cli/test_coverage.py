"""`coverage`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

TESTS = """\
tests:
  - name: payments
    event: {type: shop.order.Paid, example: true, with: {order_no: T1, count: 3, gift: false}}
    cases:
      - with: {amount: 1000}
        expect: {notices: [{rule: large}, {rule: any}]}
      - with: {amount: 10}
        expect: {notices: [{rule: any}]}
"""


@pytest.fixture(autouse=True)
def tests(shop: Path) -> Path:
    """The shop's rules with a file of tests."""
    (shop / "rules" / "tests").mkdir()
    (shop / "rules" / "tests" / "shop.yaml").write_text(TESTS, encoding="utf-8")
    return shop / "rules" / "tests" / "shop.yaml"


def test_each_branch_without_a_test_is_listed(run: Run) -> None:
    """With its location, below its rule and the rule's percentage; without a limit the exit code is 0."""
    done = run("coverage")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "large   83.3 %  5 of 6",
        "  rules/shop.yaml:4:11: never false: event.count > 2",
        "any      100 %  1 of 1",
        "old       50 %  1 of 2",
        "  rules/shop.yaml:9:5: never matches",
        "rules: 77.7 %: 7 of 9 branches of 3 rules reached by 2 tests",
    ]


@pytest.mark.parametrize(("limit", "code"), [("77", 0), ("77.8", 1), ("100", 1), ("0", 0)])
def test_a_limit_fails_what_lies_under_it(run: Run, limit: str, code: int) -> None:
    """The output reports it."""
    done = run("coverage", "--fail-under", limit)
    assert done.code == code
    assert ("that is less than" in done.out) == bool(code)


def test_as_json(run: Run) -> None:
    """The same for programs."""
    reported = json.loads(run("coverage", "--output", "json").out)
    assert (reported["branches"], reported["missing"], reported["tests"], reported["failed"]) == (9, 2, 2, 0)
    large, _, old = reported["rules"]
    assert (large["id"], large["path"], large["line"], large["percent"]) == ("large", "rules/shop.yaml", 3, 83.333)
    assert large["missing"] == [
        {
            "line": 4,
            "column": 11,
            "expression": "event.count > 2",
            "never": False,
            "words": "never false: event.count > 2",
        }
    ]
    assert old["missing"][0]["never"] == "matched"


def test_a_test_that_fails_fails_the_command(run: Run, tests: Path) -> None:
    """The branches that a failing test reaches prove nothing."""
    tests.write_text(TESTS.replace("{notices: [{rule: any}]}", "{none: no_match}"), encoding="utf-8")
    done = run("coverage")
    assert done.code == 1
    assert done.out.splitlines()[-1] == "1 of the tests failed: `notice-pipeline test rules` shows why"


def test_rules_with_errors(run: Run, shop: Path) -> None:
    """The errors, and the end is 1."""
    (shop / "rules" / "shop.yaml").write_text("rules: [{id: a}]", encoding="utf-8")
    done = run("coverage")
    assert done.code == 1
    assert "rule `a` has no `to`" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("elsewhere",), "there is no such folder"),
        (("rules/shop.yaml",), "rules/shop.yaml is a file"),
        (("--fail-under", "101"), "at most 100"),
        (("--fail-under", "most"), "write a number"),
    ],
)
def test_misuse(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """It ends with 2 and a message."""
    done = run("coverage", *arguments)
    assert done.code == 2
    assert message in done.err


def test_no_test_at_all(run: Run, tests: Path) -> None:
    """Is misuse, as for `test`."""
    tests.unlink()
    done = run("coverage")
    assert done.code == 2
    assert "rules: there are no tests" in done.err

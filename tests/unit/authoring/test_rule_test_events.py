"""The events of tests that authors write: from files, and of types without a schema."""

from __future__ import annotations

import pytest

from pipeline.authoring.rule_tests.running import run
from pipeline.rules.lint.given_events import FileEvent, file_key
from tests.unit.rules.shop import schemas
from tests.unit.rules.shop_tests import FILE, RULES, checked, reported, results

FROM_FILE = "tests:\n  - name: it\n    event: {type: shop.order.Paid, file: paid.json}\n    expect: {none: no_match}\n"


def test_an_event_from_a_file() -> None:
    """Its JSON is the event."""
    data = {
        "sub": "a", "order_no": "T1", "count": 1, "amount": "0", "gift": False, "paid_at": "2026-11-23T15:01:00Z",
        "channel": "WECHAT", "tags": [], "extra": {}, "buyer": {"name": "Li"}, "lines": [],
    }  # fmt: skip
    assert reported(*results(FROM_FILE, {file_key(FILE, "paid.json"): FileEvent(None, data)})) == []


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("holds no event", "`paid.json` holds no event"),
        (FileEvent("shop.order.Paid", {"sub": 1}), "`event.sub`: should be a text, not a whole number"),
        (FileEvent("a.B", {}), "`paid.json` holds an event of type `a.B`, not `shop.order.Paid`"),
        (None, "`paid.json` was not read"),
    ],
)
def test_a_file_that_gives_no_event_fails_the_test(file: FileEvent | str | None, message: str) -> None:
    """At the place that names it."""
    (result,) = results(FROM_FILE, {file_key(FILE, "paid.json"): file} if file is not None else {})
    assert reported(result) == [message]
    assert result.location(result.mismatches[0]) == (3, 42)


def test_an_event_of_a_type_without_schema() -> None:
    """Given whole; without a schema there is nothing to make an example from."""
    rules = RULES.replace("id: last\n    on: shop.order.Paid", "id: last\n    on: other.Thing")
    tests = (
        "tests:\n  - name: it\n    event: {type: other.Thing, data: {sub: a, count: 101}}\n"
        "    expect: {notices: [{rule: last}]}\n"
    )
    found = checked(tests, rules)
    assert found.ruleset is not None
    assert [run(case, found.ruleset, schemas(), {}).mismatches for case in found.cases] == [()]
    (finding,) = [
        one for one in checked(tests.replace("data: {sub: a, count: 101}", "example: true"), rules).findings
        if one.path == FILE
    ]  # fmt: skip
    assert finding.message == "no schema of `other.Thing` is known to make an example from"

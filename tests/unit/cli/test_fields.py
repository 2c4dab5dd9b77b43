"""`fields`: the event types, the fields of one, and what a mistake is answered with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_the_fields_of_a_type_are_shown_with_type_values_and_example(run: Run) -> None:
    """The last parts of its name suffice; the JSON has the same."""
    done = run("fields", "order.paid.v1")
    assert (done.code, done.err) == (0, "")
    assert "event.order_no" in done.out
    fields = {one["field"]: one for one in json.loads(run("fields", "order.paid.v1", "--output", "json").out)["fields"]}
    assert fields["event.order_no"]["type"] == "text"
    assert fields["event.order_no"]["may_be_missing"] is False
    assert all(one["field"] in done.out for one in fields.values())


def test_without_a_type_the_types_are_listed(run: Run) -> None:
    """With the meaning that their schemas give."""
    done = run("fields")
    types = json.loads(run("fields", "--output", "json").out)["types"]
    assert done.code == 0
    assert types
    assert all(one["type"] in done.out for one in types)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["order.payd.v1"], "`order.payd.v1` is not an event type of any schema\nhint: did you mean"),
        (["v1"], "names several event types\nhint: the types are"),
        (["order.paid.v1", "--schemas", "nowhere"], "nowhere: the folder of schemas does not exist"),
    ],
)
def test_misuse_ends_with_2_and_a_message(run: Run, arguments: list[str], message: str) -> None:
    """With a suggestion where there is one."""
    done = run("fields", *arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_rules_without_schemas_are_reported(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to give."""
    monkeypatch.chdir(tmp_path)
    done = run("fields", "order.paid.v1", "--rules", str(tmp_path))
    assert done.code == 2
    assert "no schemas are found" in done.err
    assert "--schemas DIR" in done.err

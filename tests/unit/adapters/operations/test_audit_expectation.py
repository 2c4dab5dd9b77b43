"""Which outcomes an audit expects of a record."""

from __future__ import annotations

from typing import Any

from pipeline.adapters.operations.audit import Expectation
from pipeline.model import dead_letter
from pipeline.model.event import Event, Headers, Origin, Record


class Decoder:
    """Makes an event of every record."""

    def decode(self, record: Record, _origin: Origin | None = None) -> Event:
        return Event("Paid", {}, record, str(record.position), None, None, 0, None, None)


class Rules:
    """One rule that matches every event."""

    def expected(self, _event: Event) -> tuple[str, ...]:
        return ("paid",)


def expected(headers: Headers) -> object:
    """What an audit of the group `ours` expects of a record with these headers."""
    decoder: Any = Decoder()
    rules: Any = Rules()
    record = Record("orders", 0, 7, b"key", b"{}", headers, 0)
    labels, _ = Expectation(decoder, rules, "ours", unmatched_too=True).of(record)
    return labels


def test_a_record_redriven_for_another_group_needs_no_outcome_of_this_one() -> None:
    """Each group's audit expects outcomes of what was redriven for it, and of every event that was not redriven."""
    redriven = (dead_letter.REDRIVES, b"1")
    assert expected((redriven, (dead_letter.GROUP, b"theirs"))) == ()
    assert expected((redriven, (dead_letter.GROUP, b"ours"))) == ("paid",)
    assert expected((("other", b"x"),)) == ("paid",)

"""Mistakes in the YAML of flights: what stands beside a text, or in the place of one."""

from __future__ import annotations

from tests.planted.flights import FLIGHT
from tests.planted.mistake import Mistake

_ON = "on: fly.flight.Delayed"

MISTAKES = (
    Mistake("a text behind its quotes", FLIGHT, '"${event.flight_no}"▸航班延误', "not-yaml",
            "the value ends at the quote before this (put the whole text in quotes: '…', with \" inside)"),
    Mistake("a text behind square brackets", FLIGHT, "[延误] ▸航班延误", "not-yaml", "ends at the bracket before this"),
    Mistake("a text behind braces", FLIGHT, "{延误} ▸航班延误", "not-yaml", "ends at the bracket before this"),
    Mistake("a control character", FLIGHT, "航班▸\x07延误", "not-yaml", "does not allow (U+0007)"),
    Mistake("a NUL", FLIGHT, "航班▸\x00延误", "not-yaml", "does not allow (U+0000)"),
    Mistake("a surrogate's escape", FLIGHT, '▸"\\ud83d\\ude00"', "not-yaml", "write the character itself"),
    Mistake("a colour that is a comment", f"thing1: {FLIGHT}\n",
            f"thing1:\n        value: {FLIGHT}\n        ▸color: #ff0000\n", "wrong-value", 'in quotes: "#ff0000"'),
    Mistake("a colour without a value", f"thing1: {FLIGHT}\n",
            f"thing1:\n        value: {FLIGHT}\n        ▸color:\n", "wrong-value", "leave the line out"),
    Mistake("a last day without a value", "    expires_after: 6h\n",
            "    active:\n      from: 2026-11-01\n      ▸until:\n", "wrong-value", "leave the line out"),
    Mistake("a full-width digit in a duration", "expires_after: 6h", "expires_after: ▸６h", "wrong-value",
            "write a duration like"),
    Mistake("a rule that is a text", "rules:\n", "rules:\n  - ▸delay\n", "wrong-value", "entry 1 of `rules`"),
    Mistake("every type", _ON, "on: '▸*'", "unknown-event-type", "no wildcards"),
    Mistake("a family of types", _ON, "on: ▸fly.flight.*", "unknown-event-type", "no wildcards"),
    Mistake("a text with the line break of a block", f"thing1: {FLIGHT}", "thing1: |\n        ▸航班延误", "over-limit",
            "write `|-`"),
    Mistake("a text of two lines", f"thing1: {FLIGHT}", "thing1: |-\n        ▸航班\n        延误", "over-limit",
            "below a `>-`"),
    Mistake("an empty choice", FLIGHT, """'${event.is_vip ? "贵宾航班延误" : ▸""}'""", "over-limit",
            "`thing1` is empty"),
)  # fmt: skip

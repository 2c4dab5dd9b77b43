"""Mistakes in the expressions of flights that CEL itself reports at a loss for words, or several times."""

from __future__ import annotations

from tests.planted.flights import FLIGHT, WHEN
from tests.planted.mistake import Mistake

MISTAKES = (
    Mistake("a number beyond 64 bits", WHEN, "event.minutes > ▸9223372036854775808", "expression-syntax",
            "beyond 64 bits"),
    Mistake("a hexadecimal number beyond 64 bits", WHEN, "event.minutes > ▸0xFFFFFFFFFFFFFFFFF", "expression-syntax",
            "beyond 64 bits"),
    Mistake("a number without a sign", WHEN, "event.minutes ▸> 30u", "type-mismatch", "leave out the `u`"),
    Mistake("an escape with no meaning", WHEN, """'event.order_no.matches(▸"\\d+")'""", "expression-syntax",
            'write two backslashes: "\\\\d"'),
    Mistake("underscores in a number", WHEN, "event.minutes > 1▸_000", "expression-syntax",
            "a number has no separators: 1000"),
    Mistake("two conditions with nothing between", WHEN, "event.minutes > 30 ▸event.is_vip", "expression-syntax",
            "join conditions with `&&`"),
    Mistake("two conditions with a comma between", WHEN, "event.minutes > 30▸, event.is_vip", "expression-syntax",
            "join conditions with `&&`"),
    Mistake("a list in round brackets, of numbers", WHEN, "event.minutes in (1▸,2)", "expression-syntax",
            "square brackets"),
    Mistake("is not null", WHEN, "event.note ▸is not null", "expression-syntax", "compare with `!=`"),
    Mistake("a power", WHEN, "event.minutes *▸* 2 > 900", "expression-syntax", "multiply"),
    Mistake("the clock as a name", WHEN, "event.leaves_at > ▸now", "unknown-name", "knows no clock"),
    Mistake("the absolute value", WHEN, "▸abs(event.minutes) > 30", "unknown-name", "event.minutes < 0 ?"),
    Mistake("a macro over a text", WHEN, 'event.order_no.▸exists(one, one == "x")', "type-mismatch",
            'event.order_no.contains("…")'),
    Mistake("a macro over a number", WHEN, "event.minutes.▸all(one, one > 1)", "type-mismatch",
            "a list or a map, not a whole number"),
    Mistake("a text instead of a macro's name", WHEN, 'event.tags.exists(▸"one", true)', "expression-syntax",
            "event.tags.exists(one, one == …)"),
    Mistake("a field of a text", FLIGHT, "${event.order_no.▸first}航班延误", "type-mismatch",
            "write substring(event.order_no, 0, 1)"),
    Mistake("has of a list", WHEN, 'event.tags.▸has("late")', "unknown-name", '"…" in event.tags'),
    Mistake("has of the event", WHEN, "has(▸event)", "expression-syntax", "has() asks for a field of the event"),
    Mistake("a map as a text", FLIGHT, "${▸event.tiers}航班延误", "not-a-text", "name one of its keys"),
    Mistake("event as a function", WHEN, "▸event() > 1", "unknown-name", "named after a point"),
    Mistake("a function of CEL without argument", WHEN, "▸size() > 1", "type-mismatch",
            "`size` takes 1 argument, not 0"),
    Mistake("a module of CEL that is not there", WHEN, "math.▸greatest(event.minutes, 1) > 30", "unknown-name",
            "there is no function `greatest`"),
)  # fmt: skip

ALONE = (
    'event.tags.any(one, one == "late")',
    'exists(event.tags, one, one == "late")',
    "cel.bind(x, event.minutes, x > 1)",
    "optional.of(event.minutes).hasValue()",
    'event.passengers.map(one).filter(one, one != "")',
    "math.greatest(event.minutes, event.legs) > 1",
)
"""Conditions with one mistake, about which CEL has several messages."""

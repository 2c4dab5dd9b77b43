"""Values of an event that expressions cannot read fail what uses them, and nothing else."""

from __future__ import annotations

import pytest

from pipeline.rules.cel.engine import Environment, ExpressionFailed
from pipeline.rules.schema.unreadable import Unreadable

CEL = Environment()
EVENT = {
    "at": Unreadable("T.at: no zone"),
    "price": 1,
    "items": [{"name": "a", "price": Unreadable("I.price: should be a number")}],
}


@pytest.mark.parametrize("source", ["event.price", "event.items[0].name", "size(event.items)", "event.price == 1"])
def test_other_values_can_be_used(source: str) -> None:
    """Also beside it in the same record."""
    assert CEL.compile(source).evaluate(CEL.bind(EVENT)) in (1, "a")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("event.at", "T.at: no zone"),
        ("event.at == null", "T.at: no zone"),
        ("event.at != null", "T.at: no zone"),
        ('event.at != "x"', "T.at: no zone"),
        ("event.at in [1]", "T.at: no zone"),
        ('event.at == true ? "paid" : "open"', "T.at: no zone"),
        ("event.items[0].price > 5.0", "I.price: should be a number"),
        ("event.items.exists(i, i.price > 5.0)", "I.price: should be a number"),
    ],
)
def test_what_uses_one_fails_with_its_reason(source: str, reason: str) -> None:
    """Also a comparison with null or with another type, which must not be decided by a value that is not known."""
    with pytest.raises(ExpressionFailed, match=reason):
        CEL.compile(source).evaluate(CEL.bind(EVENT))

"""Macros visit a map's keys in one order, in every process."""

from __future__ import annotations

import pytest

from pipeline.rules.cel.engine import Environment

EVENT: dict[str, dict[str, object]] = {
    "m": {"重量": "500g", "b": "2", "a": "1", "产地": "云南", "c": "3"},
    "n": {"m": {"y": 1.5, "x": 2.5}},
}
EXPRESSIONS = {
    'join(event.m.map(k, k + "=" + event.m[k]), " ")': "a=1 b=2 c=3 产地=云南 重量=500g",
    'join(event.m.filter(k, k > "a"), "")': "bc产地重量",
    'event.m.filter(k, k != "a")[0]': "b",
    "event.n.m.map(k, event.n.m[k] * 2.0 == 3.0)[1]": True,
    'join(event.m.map(k, k != "a", k), "")': "bc产地重量",
    'join({"z": 1, "y": 2, "x": 3}.map(k, k), "")': "xyz",
    "{3: 1, 2: 2, 1: 3}.map(k, k)[0]": 1,
    'join([event.m, event.n.m].map(m, join(m.map(k, k), "")), "|")': "abc产地重量|xy",
    "(event.m.size() > 1 ? event.m : event.n.m).map(k, k)[0]": "a",
}


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_keys_come_sorted(source: str) -> None:
    """By code point, whatever the order of the event."""
    environment = Environment()
    reversed_map = {**EVENT, "m": dict(reversed(EVENT["m"].items()))}
    for event in (EVENT, reversed_map):
        assert environment.compile(source).evaluate(environment.bind(event)) == EXPRESSIONS[source]

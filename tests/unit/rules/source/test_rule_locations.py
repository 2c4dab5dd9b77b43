"""Where parts of a rule are in its file."""

from __future__ import annotations

from pipeline.rules.source.document import Location
from tests.unit.rules.shop import TEMPLATES, checked

TEXT = """\
defaults:
  to: ${event.sub}
rules:
  - id: paid
    on: shop.order.Paid
    when: >-
      event.count > 2
      && event.gift
    template: old
    url: "https://m.example.com/${event.order_no}?c=${event.count}"
    data:
      first: {value: '您''${event.order_no}', color: '#000'}
      keyword1: ${event.order_no}
"""


def test_each_part_is_found_where_it_was_written() -> None:
    """In the rule or in `defaults`, folded, quoted, with a colour or without."""
    locations = checked(TEXT, TEMPLATES).locations["paid"]
    assert (locations.path, locations.rule()) == ("rules/shop.yaml", Location(4, 5))
    assert locations.location("when", at=len("event.count > 2 && ")) == Location(8, 10)
    assert locations.location("to", at=2) == Location(2, 9)
    assert locations.location("data", "keyword1", 2) == Location(13, 19)
    assert locations.expressions("url") == (24, 44)
    shown = [TEXT.splitlines()[line - 1][column - 1 :] for line, column in (locations.location("url", at=44),)]
    assert shown == ['event.count}"']
    (first,) = locations.expressions("data", "first")
    line, column = locations.location("data", "first", first)
    assert TEXT.splitlines()[line - 1][column - 1 :].startswith("event.order_no")


def test_a_rule_set_that_is_refused_has_no_places() -> None:
    """Nothing would be explained by it."""
    assert checked(TEXT.replace("event.count > 2", "event.cuont > 2")).locations == {}

"""Where parts of a rule stand in its file."""

from __future__ import annotations

from pipeline.rules.source.document import Place
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
    places = checked(TEXT, TEMPLATES).places["paid"]
    assert (places.path, places.rule()) == ("rules/shop.yaml", Place(4, 5))
    assert places.place("when", at=len("event.count > 2 && ")) == Place(8, 10)
    assert places.place("to", at=2) == Place(2, 9)
    assert places.place("data", "keyword1", 2) == Place(13, 19)
    assert places.expressions("url") == (24, 44)
    shown = [TEXT.splitlines()[line - 1][column - 1 :] for line, column in (places.place("url", at=44),)]
    assert shown == ['event.count}"']
    (first,) = places.expressions("data", "first")
    line, column = places.place("data", "first", first)
    assert TEXT.splitlines()[line - 1][column - 1 :].startswith("event.order_no")


def test_a_rule_set_that_is_refused_has_no_places() -> None:
    """Nothing would be explained by it."""
    assert checked(TEXT.replace("event.count > 2", "event.cuont > 2")).places == {}

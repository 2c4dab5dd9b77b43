"""Which fields name recipients, as the rules' `to:` says."""

from __future__ import annotations

import pytest

from pipeline.authoring.masking.recipients import find_recipients
from pipeline.errors import UserError
from pipeline.rules.source.files import RuleSources


def paths(text: str, event_type: str = "shop.paid") -> set[str]:
    found = find_recipients(RuleSources({"shop.yaml": text}, None)).of(event_type)
    return {".".join(("event", *path)) for path in found}


def of(to: str, *more: str) -> set[str]:
    return paths("\n".join(["rules:", "- id: a", "  on: shop.paid", f"  to: {to}", *(f"  {one}" for one in more)]))


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("${event.sub}", {"event.sub"}),
        ("'${event.buyer.open_id}'", {"event.buyer.open_id"}),
        ("'wx_${string(event.uid)}'", {"event.uid"}),
        ("'${event.level == \"vip\" ? event.sub : event.buyer.sub}'", {"event.sub", "event.buyer.sub"}),
        ("'${default(event.sub, \"\")}'", {"event.sub"}),
        ("'${event.people[0].sub}'", {"event.people.[].sub"}),
        ("'${event.people.filter(p, p.main)[0].sub}'", {"event.people.[].sub"}),
        ("'${event.people.map(p, p.sub)[0]}'", {"event.people.[].sub.[]"}),
        ("'${event.ids.exists(i, i == event.sub) ? event.other : \"\"}'", {"event.other"}),
        ("'${event[\"sub\"]}'", {"event.[]"}),
        ("fixed", set()),
        ("'${event.sub'", {"event.sub"}),
        ("'${event.buyer.sub +}'", {"event.buyer.sub"}),
        ("'${unknown_function(event.people[0].sub)}'", {"event.people.[].sub"}),
    ],
)
def test_the_fields_that_the_value_is_made_of(to: str, expected: set[str]) -> None:
    """Not those of a condition; in a text that is no expression yet all that it names."""
    assert of(to) == expected


def test_of_each_item_of_a_list() -> None:
    assert of("${person.sub}", "for_each: person in event.passengers") == {"event.passengers.[].sub"}
    assert of("'${person.sub +}'", "for_each: person in event.passengers") == {"event.passengers.[].sub"}


def test_by_type_and_with_the_defaults_of_the_file() -> None:
    text = """\
defaults: {to: "${event.sub}", on: shop.paid}
rules:
- id: a
- id: b
  on: [shop.sent, shop.lost]
  to: ${event.buyer}
- id: c
  to: ${event.other}
  on:
"""
    assert paths(text) == {"event.sub", "event.other"}
    assert paths(text, "shop.lost") == {"event.buyer", "event.other"}


@pytest.mark.parametrize("text", ["rules: 7", "[]", "rules: [7, {to: 8}]", ""])
def test_what_is_no_rule_names_no_field(text: str) -> None:
    assert paths(text) == set()


def test_a_file_that_is_not_yaml_is_named() -> None:
    """Its recipients are not known."""
    with pytest.raises(UserError, match=r"^shop.yaml:\d: "):
        paths("rules:\n  - id: [\n")

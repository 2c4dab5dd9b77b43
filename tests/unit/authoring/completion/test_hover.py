"""What is said about the word under the pointer."""

from __future__ import annotations

import pytest

from pipeline.authoring.completion.shapes import FileKind
from tests.unit.authoring.completion.folder import RULE, TEST, hovered


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        (RULE + "    when: event.chan¦nel == 'WECHAT'", "event.channel: one of", "How it was paid."),
        (RULE + "    when: event.bu¦yer.city == 'x'", "event.buyer: record", ""),
        (RULE + "    when: event.buyer.ci¦ty == 'x'", "event.buyer.city: text", "Example"),
        (RULE + "    when: event.people.exists(one, one.na¦me", "event.people[].name: text", "As on the passport."),
        (RULE + "    when: event.people.exists(one, o¦ne.name", "one", "An entry of event.people."),
        (RULE + "    for_each: person in event.people\n    to: ${per¦son.name}", "person", "An entry of event.people."),
        (
            RULE + "    for_each: person in event.people\n    to: ${person.na¦me}",
            "event.people[].name: text",
            "passport",
        ),
        (RULE + "    for_each: person in event.peo¦ple", "event.people: list", ""),
        (RULE + "    when: ev¦ent.gift", "shop.Booked", "A flight is booked."),
        (RULE + "    data: {thing1: 'a${mon¦ey(event.amount, \"CNY\")}'}", "money(amount: double", "An amount"),
        (RULE + "    when: event.note.si¦ze() > 1", "size() -> int", "characters"),
        (RULE + "    wh¦en: event.gift", "when", "Condition"),
        (RULE + "    data: {thi¦ng1: a}", "thing1: 姓名", "at most 20 characters"),
        ("rules:\n  - on: shop.Boo¦ked", "shop.Booked", "A flight is booked."),
        ("rules:\n  - template: book¦ed", "booked: 预订成功", "amount2: 金额 (amount)"),
    ],
)
def test_in_rules(text: str, title: str, body: str) -> None:
    """Fields, variables, functions, keys, types and templates."""
    found = hovered(text)
    assert found is not None
    assert found.title.startswith(title)
    assert body in found.body


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (TEST + "      with: {chan¦nel: WECHAT}", "event.channel: one of"),
        (TEST + "    expect: {notices: [{rule: boo¦ked}]}", "booked"),
        (TEST + "    expect: {notices: [{rule: booked, data: {amou¦nt2: a}}]}", "amount2: 金额"),
    ],
)
def test_in_tests(text: str, title: str) -> None:
    """Fields of the event and rules."""
    found = hovered(text, FileKind.TESTS)
    assert found is not None
    assert found.title == title


@pytest.mark.parametrize(
    "text",
    ["¦", "# whe¦n", RULE + "    when: event.unkn¦own", RULE + "    when: 'un¦known'", RULE + "    url: eve¦nt.sub"],
)
def test_nothing_is_said_of_what_is_not_known(text: str) -> None:
    """Comments, names that do not exist, texts."""
    assert hovered(text) is None

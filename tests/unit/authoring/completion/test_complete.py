"""What can be written where: in rules, templates and tests, while the text is half-written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.authoring.completion.complete import complete
from pipeline.authoring.completion.hover import hover
from pipeline.authoring.completion.shapes import FileKind
from pipeline.rules.functions import FUNCTIONS
from tests.unit.authoring.completion.folder import KNOWN, RULE, RULES, TEST, completed, labels, written

FIELDS = ["sub", "channel", "note", "gift", "amount", "people", "tiers", "buyer"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("¦", ["defaults", "rules"]),
        ("ru¦", ["rules"]),
        ("rules:\n  - ¦", ["owner", "on"]),
        ("rules:\n- i¦", ["id"]),
        ("rules:\n  - id: a\n    te¦", ["template"]),
        ("rules:\n  - id: a\n    te¦\n    on: shop.Booked\n", ["template"]),
        ("rules:\n  - id: a\n    te¦: booked", ["template"]),
        ("defaults:\n  ca¦", ["category"]),
        (RULE + "    data:\n      ¦", ["thing1", "amount2", "thing3"]),
        (RULE + "    data:\n      thing1: a\n      ¦\n    url: b", ["amount2", "thing3"]),
        (RULE + "    data: {¦", ["thing1", "amount2", "thing3"]),
        (RULE + "    data: {thing1: a, ¦}", ["amount2", "thing3"]),
        (RULE + "    data:\n      thing1: {value: a, ¦}", ["color"]),
        (RULE + "    overflow: {am¦", ["amount2"]),
        ("rules:\n  - template: {of: {a: booked}}\n    data: {¦", ["thing1", "amount2", "thing3"]),
    ],
)
def test_keys(text: str, first: list[str]) -> None:
    """Those of the format, and of the rule's template, without those that are there."""
    assert labels(text)[: len(first)] == first


def test_a_key_of_the_rule_is_offered_once() -> None:
    """What is there already is not."""
    found = labels(RULE + "    ¦")
    assert "when" in found
    assert not {"id", "on", "template"} & set(found)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("rules:\n  - on: ¦", ["shop.Booked", "shop.Left"]),
        ("rules:\n  - on: book¦", ["shop.Booked"]),
        ("rules:\n  - on: [shop.Left, ¦]", ["shop.Booked", "shop.Left"]),
        ("rules:\n  - on:\n      - b¦", ["shop.Booked"]),
        ("rules:\n  - template: ¦", ["booked"]),
        ("rules:\n  - template: 'bo¦", ["booked"]),
        ("rules:\n  - template: {by: event.channel, of: {WECHAT: ¦", ["booked"]),
        ("rules:\n  - template:\n      of:\n        WECHAT: b¦", ["booked"]),
        (RULE + "    category: m¦", ["marketing"]),
        (RULE + "    enabled: ¦", ["true", "false"]),
        (RULE + "    overflow: {thing1: ¦}", ["reject", "truncate"]),
        (RULE + "    expires_after: ¦", []),
        (RULE + "    description: ¦", []),
    ],
)
def test_values(text: str, values: list[str]) -> None:
    """Event types, templates, and whatever the format lists."""
    assert labels(text) == values


@pytest.mark.parametrize(
    "expression",
    [
        "event.¦",
        "event.gift && event.¦",
        "size(event.¦",
        "event.gift ? event.¦ : 'x'",
        "event.¦ == 'x'",
        "(event . ¦",
        'event.note != "}" && event.¦',
    ],
)
def test_fields_of_the_event(expression: str) -> None:
    """In a condition and in a text, whatever YAML has around it."""
    double = expression.replace('"', '\\"')
    single = expression.replace("'", "''")
    for line in (
        f"when: {expression}",
        f"when: '{single}",
        f"when: >-\n      {expression}",
        f"data:\n      thing1: ${{{expression}",
        f"data:\n      thing1: x${{event.sub}}$${{y ${{{expression}}}z",
        f"data: {{thing1: '${{{single}}}'}}",
        f'data: {{thing1: "${{{double}}}"}}',
        f"url: https://example.com/${{{expression}",
        f"data:\n      thing1:\n        value: ${{{expression}",
    ):
        assert labels(f"{RULE}    {line}") == FIELDS, line


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("event.buyer.¦", ["city"]),
        ("event.people[0].¦", ["name"]),
        ('event.tiers["a"].¦', ["price"]),
        ("event.tiers.gold.¦", ["price"]),
        ("event.people.exists(one, one.¦", ["name"]),
        ("event.people.exists(one, event.people.all(two, two.¦", ["name"]),
        ("event.am¦", ["amount"]),
        ("event.ch¦annel", ["channel"]),
        ("event.channel == '¦", ["WECHAT", "ALIPAY"]),
        ("event.channel == '¦' && event.gift", ["WECHAT", "ALIPAY"]),
        ("event.channel in ['WECHAT', 'AL¦", ["ALIPAY"]),
        ("label(event.channel, {'¦", ["WECHAT", "ALIPAY"]),
        ("label(event.channel, {'WECHAT': '微信', '¦", ["WECHAT", "ALIPAY"]),
        ('"a" != event.am¦', ["amount"]),
        ("event.amount > 0.0¦", []),
        ("event.note == '¦", []),
        ("money(event.amount, 'C¦", []),
    ],
)
def test_within_an_expression(expression: str, found: list[str]) -> None:
    """Nested records, lists, maps, variables of macros and values of enums."""
    assert labels(f"{RULE}    when: {expression}") == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("to: ${person.¦", ["name"]),
        ("data: {thing1: '${person.¦'}", ["name"]),
        ("url: https://example.com/${person.¦", ["name"]),
        ("template: {by: person.¦}", ["name"]),
        ("when: person.¦", []),  # it decides about the event as a whole
    ],
)
@pytest.mark.parametrize("over", ["event.people", "event.people.filter(one, one.name != '')"])
def test_the_item_of_for_each(line: str, found: list[str], over: str) -> None:
    """In what is made for each item."""
    head = RULE.replace("    template: booked\n", "") if line.startswith("template") else RULE
    fields = [one for one in labels(f"{head}    for_each: person in {over}\n    {line}") if one in {"name", *FIELDS}]
    assert fields == found
    assert ("person" in labels(f"{RULE}    for_each: person in {over}\n    to: ${{¦")) is True


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("person in event.¦", FIELDS),
        ("person in event.pe¦", ["people"]),
        ("'person in event.people.filter(one, one.¦", ["name"]),
        ("person ¦", []),
    ],
)
def test_the_list_of_for_each(text: str, found: list[str]) -> None:
    """Behind `in`, as in a condition."""
    assert labels(f"{RULE}    for_each: {text}") == found


def test_names_an_expression_begins_with() -> None:
    """The event, variables, every function, and a field by its own name."""
    found = labels(RULE + "    when: ¦")
    assert found[0] == "event"
    assert {function.name for function in FUNCTIONS} <= set(found)
    assert "one" in labels(RULE + "    when: event.people.exists(one, ¦")
    assert "one" not in labels(RULE + "    when: event.people.exists(one, one.name == ')') && ¦")
    assert written(RULE + "    when: amo¦", "event.amount").endswith("when: event.amount")
    assert written(RULE + "    data: {thing1: a${mon¦}", "money").endswith("${money(}")


def test_a_value_is_quoted_as_it_must_be() -> None:
    """Other quotes than YAML's."""
    assert written(RULE + "    when: event.channel == ¦", "ALIPAY").endswith('== "ALIPAY"')
    assert written(RULE + '    when: "event.channel == ¦"', "ALIPAY").endswith("== 'ALIPAY'\"")
    assert written(RULE + "    when: event.channel == 'AL¦'", "ALIPAY").endswith("== 'ALIPAY'")


def test_a_rule_for_several_types_reads_what_they_share() -> None:
    """And falls back to the file's defaults."""
    assert labels("rules:\n  - on: [shop.Booked, shop.Left]\n    when: event.¦") == ["sub"]
    assert labels("defaults: {on: shop.Left}\nrules:\n  - id: a\n    when: event.g¦") == ["gate"]
    assert labels("rules:\n  - when: event.¦\n    on: shop.Left") == ["sub", "gate"]
    assert labels("rules:\n  - on: unknown\n    when: event.¦")[:1] == ["size"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tests:\n  - ¦", ["name", "event", "expect", "cases", "recipient", "timeline"]),
        ("tests:\n  - event: {type: ¦", ["shop.Booked", "shop.Left"]),
        (TEST + "      with:\n        ¦", FIELDS),
        (TEST + "      with: {channel: ¦", ["WECHAT", "ALIPAY"]),
        (TEST + "      with: {gift: ¦", ["true", "false"]),
        (TEST + "      with: {note: ¦", ["null"]),
        (TEST + "      with: {buyer: {¦", ["city"]),
        (TEST + "    cases:\n      - with:\n          people:\n            - ¦", ["name"]),
        (TEST + "    expect:\n      notices:\n        - rule: ¦", ["booked"]),
        (TEST + "    expect: {notices: [{rule: booked, data: {¦", ["thing1", "amount2", "thing3"]),
        (TEST + "    expect: {notices: [{template: booked, data: {am¦", ["amount2"]),
        (TEST + "    expect: {none: ¦", ["no_match", "refused", "suppressed"]),
        (TEST + "    expect: {reason: field_l¦", ["field_limit"]),
    ],
)
def test_in_tests(text: str, found: list[str]) -> None:
    """Fields of the event, rules, fields of their templates."""
    assert labels(text, FileKind.TESTS) == found


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("templates:\n  booked:\n    ¦", ["title", "style"]),
        ("templates:\n  booked: {style: ¦", ["history", "category", "alipay"]),
        ("templates:\n  booked:\n    fields:\n      thing1: {¦", ["label", "example"]),
        ("templates:\n  booked:\n    fields:\n      x1: {type: amo¦", ["amount"]),
    ],
)
def test_in_templates(text: str, first: list[str]) -> None:
    """Keys and kinds."""
    assert labels(text, FileKind.TEMPLATES)[: len(first)] == first


@pytest.mark.parametrize("text", ["# ru¦", "rules:\n  - id: a  # ¦", RULE + "    description: event.¦"])
def test_nothing_where_nothing_is_meant(text: str) -> None:
    """Comments and free texts."""
    assert labels(text) == []


def test_items_say_what_they_are() -> None:
    """Type, documentation and values of a field; signature of a function; label and limits of a template's field."""
    channel = completed(RULE + "    when: event.chan¦")[0]
    assert channel.detail == "one of"
    assert "How it was paid." in channel.doc
    assert "WECHAT, ALIPAY" in channel.doc
    note = completed(RULE + "    when: event.note¦")[0]
    assert note.detail == "text, may be missing"
    assert 'default(event.note, "-")' in note.doc
    money = completed(RULE + "    when: money¦")[0]
    assert money.detail == "money(amount: double, currency: string) -> string"
    field = completed(RULE + "    data: {thing3¦")[0]
    assert field.detail == "备注 thing, optional"
    assert "at most 20 characters" in field.doc


@given(st.data())
def test_no_text_and_no_position_fails(data: st.DataObject) -> None:
    """Whatever is cut out of a file, and whatever is written into it."""
    text = data.draw(st.sampled_from([RULES, RULE + "    when: event.people.exists(one, one.name == 'x')\n", TEST]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    between = data.draw(st.text(alphabet="ev.:-{}[],'\"|>#$ \n\t\\()", max_size=12))
    hostile = text[:start] + between + text[end:]
    offset = data.draw(st.integers(0, len(hostile)))
    for kind in FileKind:
        for item in complete(kind, hostile, offset, KNOWN):
            assert 0 <= item.start <= offset
        hover(kind, hostile, offset, KNOWN)

"""What a request must be."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.source.templates import Template, TemplateField
from pipeline.sandbox.request import Message, Refused, check, parse
from pipeline.styles.category import CATEGORY, KINDS
from pipeline.styles.field_kind import PLAIN
from pipeline.styles.history import HISTORY as HISTORY_STYLE

GOOD = {"to": "0123456789abcdef", "template": "T1", "data": {"thing1": {"value": "咖啡", "color": "#000"}}}
PAID = Template(
    "paid",
    "付款",
    CATEGORY,
    {"production": "T1"},
    (
        TemplateField("thing1", KINDS["thing"]),
        TemplateField("amount2", KINDS["amount"], optional=True),
        TemplateField("phrase3", KINDS["phrase"], optional=True, values=("完成",)),
    ),
)
HISTORY = Template("old", "旧", HISTORY_STYLE, {"production": "T2"}, (TemplateField("first", PLAIN),))
TEMPLATES = {"T1": PAID, "T2": HISTORY}


def parsed(**changes: object) -> Message | Refused:
    return parse(orjson.dumps({**GOOD, **changes}))


def message(template: str = "T1", **fields: str) -> Message:
    return Message("u1", template, None, {key: (value, None) for key, value in fields.items()})


def test_a_good_request() -> None:
    """The contract's own sample is taken as it is."""
    found = parsed(url="https://m.example.com/1")
    assert found == Message("0123456789abcdef", "T1", "https://m.example.com/1", {"thing1": ("咖啡", "#000")})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"1", b"\xff", b'"x"', b"{}" * 2, b"[" * 3_000])
def test_bodies_that_are_no_request(body: bytes) -> None:
    """What is no JSON object is malformed, or has no recipient."""
    assert isinstance(found := parse(body), Refused)
    assert found.code == 47001


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": None}, 40003),
        ({"to": 5}, 40003),
        ({"to": ""}, 40003),
        ({"to": "a b"}, 40003),
        ({"to": "a\nb"}, 40003),
        ({"to": "x" * 257}, 40003),
        ({"template": ""}, 40037),
        ({"template": ["T1"]}, 40037),
        ({"url": ""}, 40039),
        ({"url": 1}, 40039),
        ({"url": "javascript:alert(1)"}, 40039),
        ({"url": "https://x\n"}, 40039),
        ({"url": "https://" + "x" * 2_000}, 40039),
        ({"data": None}, 47001),
        ({"data": {}}, 47001),
        ({"data": []}, 47001),
        ({"data": {"thing1": "x"}}, 47001),
        ({"data": {"thing1": {"value": 5}}}, 47001),
        ({"data": {"thing1": {"color": "#000"}}}, 47001),
        ({"data": {"thing1": {"value": "x", "colour": "#000"}}}, 47001),
        ({"data": {"thing1": {"value": "x", "color": 0}}}, 47001),
        ({"touser": "x"}, 47001),
    ],
)
def test_what_is_wrong_is_named_by_its_code(changes: dict[str, object], code: int) -> None:
    """Each fault in the form has the code that the platform would pass through."""
    assert isinstance(found := parsed(**changes), Refused)
    assert found.code == code


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_nothing_that_is_json_breaks_it(value: object) -> None:
    """Any JSON as a body, or as any part of one, is taken or refused, never an exception."""
    try:
        bodies = [
            orjson.dumps(value),
            *(orjson.dumps({**GOOD, key: value}) for key in ("to", "template", "url", "data")),
        ]
    except (TypeError, orjson.JSONEncodeError):
        return  # a number that no JSON has
    for body in bodies:
        assert isinstance(parse(body), Message | Refused)


@pytest.mark.parametrize(
    ("requested", "summary"),
    [
        (message("T9", thing1="x"), "unknown id"),
        (message(thing1="x" * 21), "data.thing1.value has 21 of at most 20"),
        (message(thing1=" "), "data.thing1.value is empty"),
        (message(amount2="1"), "data.thing1.value is missing"),
        (message(thing1="x", other="y"), "data.other.value is not a field"),
        (message(thing1="x", amount2="1,000"), "data.amount2.value is not what `amount` takes"),
        (message(thing1="x", phrase3="失败"), "registered"),
        (message("T2", keyword9="x"), "data.keyword9.value is not a field"),
    ],
)
def test_the_channels_checks(requested: Message, summary: str) -> None:
    """A field over its limit is refused with words that name it, and never quote it."""
    assert (found := check(requested, TEMPLATES)) is not None
    assert summary in found.message
    assert found.code == (40037 if requested.template == "T9" else 47003)


@pytest.mark.parametrize(
    ("requested", "templates"),
    [
        (message(thing1="x"), TEMPLATES),
        (message(thing1="x", amount2="¥1.00", phrase3="完成"), TEMPLATES),
        (message("T2", first="x" * 100), TEMPLATES),
        (message("T2"), TEMPLATES),
        (message("anything", keyword1="x" * 100), {}),
        (message("anything", thing1="x" * 20), {}),
    ],
)
def test_what_the_channel_takes(requested: Message, templates: dict[str, Template]) -> None:
    """What is within its limits passes; with no templates known, only keys that name their kind are held to it."""
    assert check(requested, templates) is None


def test_without_templates_the_keys_own_kinds_are_checked() -> None:
    """A typed key is held to its limit even where no one said which templates there are."""
    assert (found := check(message("anything", thing1="x" * 21), {})) is not None
    assert found.code == 47003

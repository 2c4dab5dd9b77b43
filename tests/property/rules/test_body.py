"""A message made in one go is the one that is made text by text, whatever its texts and the event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RenderRefused
from pipeline.rules.body import Body
from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.engine import Environment, Expression
from pipeline.rules.message import RuleField, Text
from pipeline.styles.category import KINDS
from pipeline.styles.field_kind import PLAIN
from tests.property.rules.expressions import EVENTS, PATHS, SOURCES

ENVIRONMENT = Environment()
_literals = st.sampled_from(["", "A", "订单 ", "\n", " ", "1", "x" * 30, "'\"\\{}"])


def _expression(source: str) -> Expression | str:
    try:
        return ENVIRONMENT.compile(source)
    except CompileError:
        return source


_expressions = (PATHS | SOURCES).map(_expression)
_texts = st.lists(_literals | _expressions, max_size=3).map(lambda parts: Text(tuple(parts), ""))
_urls = st.builds(
    lambda begins, text: replace(text, parts=(begins, *text.parts)),
    st.sampled_from(["https://m.example.com/", "http://m.example.com/", ""]),
    _texts,
)


@st.composite
def _fields(draw: st.DrawFn) -> RuleField:
    kind = draw(st.sampled_from([*KINDS.values()]) | st.just(PLAIN))
    return RuleField(
        key=draw(st.sampled_from(["first", "thing1", "time2", "to"])),
        text=draw(_texts),
        color=draw(st.none() | st.just("#173177")),
        kind=kind,
        optional=draw(st.booleans()),
        truncate=kind.may_be_cut and draw(st.booleans()),
        values=draw(st.just(()) | st.just(("A", "1", "\n"))),
    )


def _outcome(make: Callable[[], Mapping[str, object]]) -> object:
    """The body with its keys in order, or the refusal."""
    try:
        return repr(make())
    except RenderRefused as refused:
        return refused.reason, refused.detail


@given(_texts, st.none() | _urls, st.lists(_fields(), max_size=3, unique_by=lambda field: field.key), EVENTS)
@settings(max_examples=settings().max_examples * 4)
def test_a_body_made_in_one_go_is_the_one_made_text_by_text(
    to: Text, url: Text | None, fields: list[RuleField], event: dict[str, object]
) -> None:
    """The same keys in the same order, the same texts and colours, and the same refusals."""
    body = Body("id", to, url, fields)
    activation = ENVIRONMENT.bind(event)
    assert _outcome(lambda: body.render(activation)) == _outcome(lambda: body._text_by_text(activation))


_usual = st.fixed_dictionaries(
    {
        "a": st.sampled_from(["A", "CNY", "订单T2026", "2026年11月30日", "12.50", "x\x00y", ""]),
        "b": st.floats(0, 1e6) | st.integers(0, 3),
        "c": st.booleans() | st.none() | st.text(max_size=8),
    }
)
_plain = st.sampled_from(
    [
        "event.a",
        "event.b",
        "event.c",
        "money(event.b, event.a)",
        'event.c == true ? "甲" : event.a',
        'event.b > 1.0 ? "" : event.a',
        '"共" + string(event.b) + event.a',
    ]
).map(ENVIRONMENT.compile)
_plain_texts = st.lists(_literals | _plain, min_size=1, max_size=2).map(lambda parts: Text(tuple(parts), ""))


@given(
    _plain_texts,
    st.none() | _plain_texts.map(lambda text: replace(text, parts=("https://a.example/", *text.parts))),
    st.lists(_fields(), max_size=2, unique_by=lambda field: field.key),
    _plain_texts,
    _usual,
)
@settings(max_examples=settings().max_examples * 4)
def test_so_is_one_for_a_usual_event(
    to: Text, url: Text | None, fields: list[RuleField], text: Text, event: dict[str, object]
) -> None:
    """Fields of every kind, filled by plain expressions over an event that nearly always fits them."""
    body = Body("id", to, url, [replace(field, text=text) for field in fields])
    activation = ENVIRONMENT.bind(event)
    assert _outcome(lambda: body.render(activation)) == _outcome(lambda: body._text_by_text(activation))
    assert body._generated is not None

"""Cards of whatever text comes."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.authoring.cards.card import Value, card
from pipeline.authoring.cards.html import to_html
from pipeline.authoring.cards.terminal import WIDTH, _columns, to_terminal
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.styles.field_kind import PLAIN
from pipeline.styles.history import DISPLAY_LIMIT, HISTORY, displayed
from pipeline.styles.style import Mode
from pipeline.styles.text import ELLIPSIS

TEMPLATE = Template(
    "t",
    "标题",
    HISTORY,
    {},
    tuple(TemplateField(key, PLAIN, "标签", optional=True) for key in ("first", "keyword1", "remark")),
)
TEXTS = st.text(st.characters(), max_size=200)
VALUES = st.dictionaries(st.sampled_from(["first", "keyword1", "remark"]), TEXTS.map(Value))


@given(values=VALUES, mode=st.sampled_from(Mode))
def test_borders_stand_straight(values: dict[str, Value], mode: Mode) -> None:
    """Every row of the box has the same width, whatever it holds."""
    rows = [row for row in to_terminal(card(TEMPLATE, values, mode)) if row and row[0] in "┌│├└"]
    assert {_columns(row) for row in rows} == {WIDTH + 4}


@example(values={"keyword1": Value("\n")})
@example(values={"keyword1": Value("a\n")})
@given(values=VALUES)
def test_nothing_over_the_display_limit_is_shown(values: dict[str, Value]) -> None:
    """No field of the present way shows more than 20 characters and an ellipsis."""
    for row in card(TEMPLATE, values, Mode.WECHAT).rows:
        assert displayed(row.shown.removesuffix(ELLIPSIS)) <= DISPLAY_LIMIT
        assert "\n" not in row.shown


@given(values=VALUES, mode=st.sampled_from(Mode))
def test_every_card_becomes_markup(values: dict[str, Value], mode: Mode) -> None:
    """Any text gives a fragment with as many closed as opened brackets."""
    fragment = to_html(card(TEMPLATE, values, mode))
    assert fragment.count("<") == fragment.count(">")

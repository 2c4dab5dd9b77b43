"""Whatever text comes: a cut one is taken, and no character is cut in two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.styles.field_kind import FieldKind
from pipeline.styles.history import displayed, shown
from pipeline.styles.registry import kinds
from pipeline.styles.text import ELLIPSIS, clusters, is_visible, shorten

ALL = kinds()

SEEN_AS_ONE = st.sampled_from(
    [
        "e\u0301",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1e8\U0001f1f3",
        "\U0001f44d\U0001f3fd",
        "\u2764\ufe0f",
        "\u1112\u1161\u11ab",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
        "葛\U000e0100",
        "好",
        "a",
        " ",
        "７",
    ]
)
TEXTS = st.text(max_size=120) | st.lists(SEEN_AS_ONE, max_size=60).map("".join)
CUTTABLE = [kind for kind in ALL.values() if kind.may_be_cut]


@pytest.mark.parametrize("kind", CUTTABLE)
@given(text=st.text(st.characters(), max_size=2_500) | TEXTS)
def test_a_cut_text_is_taken(kind: FieldKind, text: str) -> None:
    """`cut` leaves nothing that `violation` would refuse, but for a text with nothing to see."""
    problem = kind.violation(kind.cut(text))
    assert problem is None or (problem == "is empty" and not is_visible(text))


@given(text=TEXTS, characters=st.integers(1, 40))
def test_no_character_is_cut_in_two(text: str, characters: int) -> None:
    """What is left of a shortened text is a row of whole characters from its beginning."""
    short = shorten(text, characters)
    assert len(short) <= characters or short == text
    if short != text:
        kept = clusters(short.removesuffix(ELLIPSIS))
        assert clusters(text)[: len(kept)] == kept


@given(parts=st.lists(SEEN_AS_ONE, max_size=40))
def test_what_is_seen_as_one_is_one(parts: list[str]) -> None:
    """Emoji families, flags, marked letters and Korean syllables each count once."""
    assert clusters("".join(parts)) == parts


@given(text=st.text(max_size=200))
def test_nothing_is_lost_in_clusters(text: str) -> None:
    """The clusters joined are the text."""
    assert "".join(clusters(text)) == text


@given(text=TEXTS, limit=st.integers(1, 30))
def test_shown_keeps_to_its_limit(text: str, limit: int) -> None:
    """What the card shows counts no more than the display's limit, the ellipsis aside."""
    assert displayed(shown(text, limit).removesuffix(ELLIPSIS)) <= limit


@pytest.mark.parametrize("kind", ALL.values(), ids=str)
@given(text=st.text(st.characters(min_codepoint=0x600), min_size=3, max_size=60))
def test_no_text_gets_into_the_message(kind: FieldKind, text: str) -> None:
    """Every text gets an answer, and the words never repeat it: texts are customers' data."""
    message = kind.violation(text)
    assert message is None or text not in message


@pytest.mark.parametrize("values", [(), ("好", "a")])
@pytest.mark.parametrize("kind", ALL.values(), ids=str)
@given(text=st.text(st.characters(), max_size=70) | TEXTS | st.from_regex(r"[A-Za-z0-9.:-]{1,20}", fullmatch=True))
def test_the_quick_look_is_right_where_it_says_yes(kind: FieldKind, values: tuple[str, ...], text: str) -> None:
    """Then `violation` has nothing against the text; what it does not settle is looked at closely."""
    if kind.quick_look(values)(text):
        assert kind.violation(text, values) is None

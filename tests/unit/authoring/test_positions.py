"""Positions of findings, of the protocol and of characters, each turned into the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.authoring.positions import Positions


@given(st.text(alphabet="a😀礼\n\r ", max_size=30), st.integers(0, 30))
def test_there_and_back(text: str, offset: int) -> None:
    """Every character has its position, apart from the second one of a line's end."""
    offset = min(offset, len(text))
    if text[offset - 1 : offset + 1] == "\r\n":
        return
    positions = Positions(text)
    assert positions.offset(*positions.position(offset)) == offset


def test_columns_are_utf_16() -> None:
    """A character beyond the basic plane counts two."""
    positions = Positions("a\n😀礼b\r\nc")
    assert positions.position(4) == (1, 3)
    assert positions.offset(1, 3) == 4
    assert positions.position(7) == (2, 0)


@pytest.mark.parametrize(("line", "units", "offset"), [(9, 0, 5), (0, 99, 1), (-1, 0, 0), (1, 1, 3)])
def test_positions_outside_of_the_text(line: int, units: int, offset: int) -> None:
    """The nearest character, and the whole of one that a position divides."""
    assert Positions("a\n😀b\n").offset(line, units) == offset


@pytest.mark.parametrize(
    ("line", "column", "marked"),
    [
        (1, 1, "when:"[:4]),
        (1, 7, "event.x"),
        (1, 15, "=="),
        (1, 18, "😀礼"),
        (1, 99, "礼"),
        (2, 1, ""),
        (9, 1, ""),
        (0, 0, "when"),
    ],
)
def test_what_a_finding_marks(line: int, column: int, marked: str) -> None:
    """The word there, at least a character, and never the next line."""
    text = "when: event.x == 😀礼\n\n"
    start, end = Positions(text).marked(line, column)
    assert text[start:end] == marked

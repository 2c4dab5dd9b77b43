"""Where each object of a JSON text begins and ends, in whatever pieces the text comes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.authoring.json_stream import MAX_BROKEN, MAX_CHARACTERS, Broken, Piece, pieces


def found(text: str, size: int = 7) -> list[Piece | Broken]:
    return list(pieces(text[at : at + size] for at in range(0, len(text), size)))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{"b": "}"}\n',
        '{"a": 1}{"b": "}"}',
        '[{"a": 1},{"b": "}"}]',
        ' [ {"a": 1} , {"b": "}"} ] \n',
        '{"a": 1}\r\n\r\n{"b": "}"}',
    ],
)
@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_objects_are_found_in_every_arrangement(text: str, size: int) -> None:
    """On lines, side by side, in a list; cut into pieces anywhere."""
    assert [json.loads(piece.text) for piece in found(text, size) if isinstance(piece, Piece)] == [
        {"a": 1},
        {"b": "}"},
    ]


def test_lines_are_counted() -> None:
    """Each object tells the line it begins on, also behind one of several lines."""
    assert [piece.line for piece in found('\n{"a":\n\n1}\n{"b": 2} {"c": 3}\n[')] == [2, 5, 5, 6]


@pytest.mark.parametrize("text", ["", " \n ", "[]", "[ ]\n"])
def test_nothing_is_nothing(text: str) -> None:
    """An empty file, and an empty list."""
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", [Broken(1, "an event is a JSON object, in `{}`")]),
        ('"a"', [Broken(1, "an event is a JSON object, in `{}`")]),
        ("[5]", [Broken(1, "an event is a JSON object, in `{}`")]),
        ("[[{}]]", [Broken(1, "an event is a JSON object, in `{}`")]),
        ('{"a": 1', [Broken(1, "this object does not end: was the file cut off?")]),
        ('{"a": "x', [Broken(1, "this object does not end: was the file cut off?")]),
        ('{"a":\n "x\n}', [Broken(2, 'a text without its closing `"`')]),
        ("[{}", [Piece(1, "{}"), Broken(1, "the list does not end: was the file cut off?")]),
        ("[{},", [Piece(1, "{}"), Broken(1, "the list does not end: was the file cut off?")]),
        ("[", [Broken(1, "the list does not end: was the file cut off?")]),
        ("[{}\n{}]", [Piece(1, "{}"), Broken(2, "`,` or `]` should stand here")]),
        ("[{},]", [Piece(1, "{}"), Broken(1, "an event is a JSON object, in `{}`")]),
        ("[{}] {}", [Piece(1, "{}"), Broken(1, "something stands after the end of the list")]),
    ],
)
def test_what_is_no_object_is_told(text: str, expected: list[Piece | Broken]) -> None:
    """With its line; a list is not read on, for where its next object would begin cannot be known."""
    assert found(text) == expected


def test_a_broken_line_does_not_hide_the_next() -> None:
    """Of events on lines, each broken one is told and the others are read."""
    text = '{"a": 1}\n{"b": "x}\n{"c": 3}\nnot json\nnor this\n{"d": 4}\n{"e": \n'
    assert [type(piece).__name__ for piece in found(text)] == ["Piece", "Broken", "Piece", "Broken", "Piece", "Broken"]
    assert [piece.line for piece in found(text)] == [1, 2, 3, 4, 6, 7]


def test_broken_lines_are_read_up_to_a_bound() -> None:
    """A file that is no such thing at all is told in a hundred lines."""
    answer = found('{"a": "x}\n' * 1_000)
    assert len(answer) == MAX_BROKEN + 1
    assert "the rest was not read" in str(answer[-1])


@pytest.mark.parametrize(
    "text",
    [
        "{" * 3_000_000,
        "{[]\n" * 3_000_000,
        '{"a": "' + "x" * 6_000_000,
        '{"a": "' + "\\" * 6_000_000,
        "{\n" * 3_000_000,
        '{"a": "' + "x\n" * 2_000_000,
        "[" + "[" * 5_000_000,
        " " * 20_000_000,
    ],
    ids=["brackets", "pairs", "text", "backslashes", "lines", "line-breaks", "lists", "space"],
)
def test_no_text_takes_long(text: str) -> None:
    """Made to hurt, it is told or passed over at a bounded cost (each took over a minute where that cost grew)."""
    begun = time.thread_time()
    answer = found(text, 65_536)
    assert all(isinstance(piece, Broken) for piece in answer)
    assert time.thread_time() - begun < 20


def test_memory_is_bounded_by_one_object() -> None:
    """A list of any length on one line is read as it comes, and a text without end is not read to its end."""
    taken = 0

    def chunks() -> Iterator[str]:
        nonlocal taken
        yield "["
        for _ in range(50_000):
            taken += 1
            yield '{"a": 1},'

    for number, _ in enumerate(pieces(chunks())):
        assert taken <= number + 10
        if number == 40_000:
            break
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        yield '{"a": "'
        while True:
            taken += 65_536
            yield "x" * 65_536

    (answer,) = list(islice(pieces(endless()), 1))
    assert "an object of more than" in str(answer)
    assert taken < 3 * MAX_CHARACTERS


_VALUES = st.dictionaries(st.text(), st.text() | st.lists(st.text() | st.none(), max_size=2), max_size=3)


@given(st.lists(_VALUES, max_size=5), st.integers(1, 40), st.sampled_from(["lines", "list", "indented"]))
def test_what_was_written_is_read(values: list[dict[str, object]], size: int, form: str) -> None:
    """Whatever texts and keys hold, brackets, quotes and line breaks of every kind."""
    if form == "lines":
        text = "\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    else:
        text = json.dumps(values, indent=2 if form == "indented" else None)
    assert [json.loads(piece.text) for piece in found(text, size) if isinstance(piece, Piece)] == values

"""Objects are found in a JSON text that arrives in chunks of any size."""

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
    """On lines, side by side and in a list; the text is cut into chunks anywhere."""
    assert [json.loads(piece.text) for piece in found(text, size) if isinstance(piece, Piece)] == [
        {"a": 1},
        {"b": "}"},
    ]


def test_lines_are_counted() -> None:
    """Each object has the number of the line that it begins on, also after an object of several lines."""
    assert [piece.line for piece in found('\n{"a":\n\n1}\n{"b": 2} {"c": 3}\n[')] == [2, 5, 5, 6]


@pytest.mark.parametrize("text", ["", " \n ", "[]", "[ ]\n"])
def test_an_empty_text_holds_no_objects(text: str) -> None:
    """An empty file, blank lines, an empty list."""
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
        ("[{}\n{}]", [Piece(1, "{}"), Broken(2, "`,` or `]` is expected here")]),
        ("[{},]", [Piece(1, "{}"), Broken(1, "an event is a JSON object, in `{}`")]),
        ("[{}] {}", [Piece(1, "{}"), Broken(1, "there is text after the end of the list")]),
    ],
)
def test_a_broken_object_is_reported_with_its_line(text: str, expected: list[Piece | Broken]) -> None:
    """A list is not read further: where its next object begins is unknown."""
    assert found(text) == expected


def test_a_broken_line_does_not_hide_the_next() -> None:
    """Of events on lines, each broken one is reported and the others are read."""
    text = '{"a": 1}\n{"b": "x}\n{"c": 3}\nnot json\nnor this\n{"d": 4}\n{"e": \n'
    assert [type(piece).__name__ for piece in found(text)] == ["Piece", "Broken", "Piece", "Broken", "Piece", "Broken"]
    assert [piece.line for piece in found(text)] == [1, 2, 3, 4, 6, 7]


def test_broken_lines_are_read_up_to_a_bound() -> None:
    """A file that does not hold events is given up after a hundred broken objects."""
    answer = found('{"a": "x}\n' * 1_000)
    assert len(answer) == MAX_BROKEN + 1
    assert "the rest was not read" in str(answer[-1])


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_syntax_error_has_line_and_column(size: int) -> None:
    """The column counts from the beginning of its own line."""
    text = '{"a": 1}\n  {"b": 1,\n  "c" 2}\n{"d": tru}\n'
    assert [piece for piece in found(text, size) if isinstance(piece, Broken)] == [
        Broken(3, "not JSON at character 15", 7),
        Broken(4, "not JSON at character 6", 7),
    ]


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
    """A text made to be expensive is reported or skipped at a bounded cost."""
    started = time.thread_time()
    answer = found(text, 65_536)
    assert all(isinstance(piece, Broken) for piece in answer)
    assert time.thread_time() - started < 20


def test_memory_is_bounded_by_one_object() -> None:
    """A list of any length on one line is read as it arrives, and an endless text is not read to its end."""
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
    """Texts and keys may hold brackets, quotes and line breaks of every kind."""
    if form == "lines":
        text = "\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    else:
        text = json.dumps(values, indent=2 if form == "indented" else None)
    assert [json.loads(piece.text) for piece in found(text, size) if isinstance(piece, Piece)] == values

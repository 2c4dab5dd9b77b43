"""Places inside YAML texts, for every way that YAML has of writing one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.source.document import Document, Location, parse

LINES = st.lists(st.text("ab'\"\\#${}:豆😀\u00a0 ", max_size=6), min_size=1, max_size=5)
MARK = "§"
ESCAPES = {"a": "\\x61", "\u00a0": "\\u00a0", "😀": "\\U0001F600", '"': '\\"', "\\": "\\\\"}


def marked(source: str) -> tuple[Document, Location]:
    """The document, and where the one mark in it is."""
    before = source.partition(MARK)[0]
    document = parse("a.yaml", source)
    assert isinstance(document, Document), document
    return document, Location(before.count("\n") + 1, len(before) - before.rfind("\n"))


def assert_found(source: str) -> None:
    """The mark's index in the value leads back to its place in the source."""
    document, expected = marked(source)
    value = document.scalars["key",].value
    assert document.value_location(("key",), value.index(MARK)) == expected


def put(lines: list[str], at: int) -> list[str]:
    """The lines with the mark in one of them."""
    index = at % len(lines)
    line = lines[index]
    cut = at % (len(line) + 1)
    return [*lines[:index], line[:cut] + MARK + line[cut:], *lines[index + 1 :]]


@given(LINES, st.integers(0, 40))
def test_literal_texts(lines: list[str], at: int) -> None:
    """`|`: lines as they are, behind their indentation."""
    text = "\n".join("    " + line if line else "" for line in ["x", *put(lines, at)])
    assert_found(f"key: |\n{text}\n")


@given(LINES, st.integers(0, 40))
def test_folded_texts(lines: list[str], at: int) -> None:
    """`>-`: lines joined by spaces, blank lines kept."""
    text = "\n".join("    " + line.strip() if line.strip() else "" for line in ["x", *put(lines, at)])
    assert_found(f"key: >-\n{text}\n")


@given(LINES, st.integers(0, 40))
def test_single_quoted_texts(lines: list[str], at: int) -> None:
    """`''` is one quote; lines fold."""
    text = "\n    ".join(line.strip().replace("'", "''") for line in put(lines, at))
    assert_found(f"key: '{text}'\n")


@given(LINES, st.integers(0, 40))
def test_double_quoted_texts(lines: list[str], at: int) -> None:
    """Escapes of every length; lines fold, and an escaped line break is nothing."""
    escaped = ["".join(ESCAPES.get(character, character) for character in line.strip()) for line in lines]
    index = at % len(escaped)
    text = "\n    ".join([*escaped[:index], MARK + escaped[index], *escaped[index + 1 :]])
    assert_found(f'key: "{text}"\n')
    assert_found(f'key: "{text}"\n'.replace("\n    ", "\\\n    "))


@given(st.lists(st.text("ab豆😀", min_size=1, max_size=6), min_size=1, max_size=5), st.integers(0, 40))
def test_plain_texts(lines: list[str], at: int) -> None:
    """Without quotes, over several lines."""
    text = "\n    ".join(put(lines, at))
    assert_found(f"key: {text}\n")

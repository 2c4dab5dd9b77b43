"""The outline has the parser's paths for whole files, and all that can be read of half-written ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.shipped import shipped
from pipeline.authoring.completion.outline import outline
from pipeline.rules.source.document import Document, parse

FILES = sorted(path for path in shipped("rules").rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_it_agrees_with_the_parser(file: Path) -> None:
    """On every example file: the same paths, and the same texts."""
    text = file.read_text()
    document = parse(file.name, text)
    assert isinstance(document, Document)
    found = outline(text)
    assert {entry.path for entry in found.entries} == set(document.keys) - {()}
    for path, scalar in document.scalars.items():
        if "\n" not in text[scalar.start : scalar.end]:
            source = text[scalar.start : scalar.end]
            assert found.written(path) == (source[1:-1] if source[0] in "\"'" else source)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            "rules:\n- id: a\n  on: b\n- id: c\n",
            ["rules", "rules.0", "rules.0.id", "rules.0.on", "rules.1", "rules.1.id"],
        ),
        ("a: 'open\nb: c\n", ["a", "b"]),
        ('a:\n  b: "x\n  c: d\n', ["a", "a.b", "a.c"]),
        ("a: {b: c, d\ne: f\n", ["a", "a.b", "a.d", "e"]),
        ("a: [b, {c: d}\ne: f\n", ["a", "a.0", "a.1", "a.1.c", "e"]),
        ("a: |-\n  b: c\n  d\ne: f\n", ["a", "e"]),
        ("a: |\nb: c\n", ["a", "b"]),
        ("a: one\n  two\nb: c\n", ["a", "b"]),
        ("a: b # c: d\n# e: f\n", ["a"]),
        ('"a b": c\n', ["a b"]),
        ("- - a\n  - b\n", ["0", "0.0", "0.1"]),
        ("a:\r\n  b: c\r\n", ["a", "a.b"]),
        ('a: ${b ? {"c": d} : e}\n', ["a"]),
        ("a: {b: ${c.d}, e: f}\n", ["a", "a.b", "a.e"]),
    ],
)
def test_what_it_reads(text: str, paths: list[str]) -> None:
    """A text that is not closed ends before the next key; comments and texts of several lines have no keys."""
    assert [".".join(map(str, entry.path)) for entry in outline(text).entries] == paths


@given(st.text(alphabet="ab:-{}[],'\"|>#$ \n\t\r\\", max_size=60))
def test_every_text_has_an_outline(text: str) -> None:
    """Spans are within the text, and in order."""
    for entry in outline(text).entries:
        assert 0 <= entry.key.start <= entry.key.end <= len(text)
        assert 0 <= entry.value.start <= entry.value.end <= len(text)
        assert entry.key.start <= entry.value.end


def test_deep_brackets_are_bounded() -> None:
    """Thousands of brackets do not exhaust the stack, and thousands of lines take no time of note."""
    outline("a: " + "[" * 100_000)
    outline("a: " + "{b: " * 20_000)
    assert len(outline("- a: 'b\n" * 20_000).entries) == 40_000

"""libyaml and the parser in Python read the same, or the first leaves it to the second."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML, events
from ruamel.yaml.error import YAMLError

from pipeline.rules.source import document
from pipeline.rules.source.document import Document, parse, texts_only

ROOT = Path(__file__).resolve().parents[3]
FILES = [
    path.read_text(encoding="utf-8")
    for folder in ("rules", "rules/tests", "tests/faults")
    for path in sorted((ROOT / folder).glob("*.yaml"))
]
SLIPS = st.lists(
    st.tuples(st.integers(0, 4_000), st.integers(0, 3), st.text(" \n\t:-#'\"{}[],|>&*!?%@`$a豆😀é0", max_size=3)),
    max_size=4,
)


def _slipped(text: str, slips: list[tuple[int, int, str]]) -> str:
    """The text with some characters of it replaced."""
    for at, length, put in slips:
        index = at % (len(text) + 1)
        text = text[:index] + put + text[index + length :]
    return text


@given(st.sampled_from(FILES), SLIPS)
def test_both_parsers_give_the_same_values_at_the_same_places(text: str, slips: list[tuple[int, int, str]]) -> None:
    """Whatever a finger's slip makes of a file: what is taken is what the slower parser would have taken."""
    slipped = _slipped(text, slips)
    found = parse("a.yaml", slipped)
    if not isinstance(found, Document):
        return
    reader = document._Reader(texts_only, events)
    try:
        value = reader.read(YAML(typ="safe", pure=True).parse(slipped))
    except YAMLError as error:
        raise AssertionError(f"taken by libyaml alone: {error}") from error
    assert (found.value, found.keys) == (value, reader.keys)
    for path, scalar in found.scalars.items():
        other = reader.scalars[path]
        assert (scalar.value, scalar.start) == (other.value, other.start)
        assert slipped[scalar.start : scalar.end].strip() == slipped[other.start : other.end].strip()

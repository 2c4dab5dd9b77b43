"""YAML files: what is read, where it is, and what is refused."""

from __future__ import annotations

import time

import pytest

from pipeline.model.finding import Finding
from pipeline.rules.source.document import MAX_CHARACTERS, Document, Location, parse, texts_and_numbers


def read(text: str) -> Document:
    document = parse("a.yaml", text)
    assert isinstance(document, Document), document
    return document


def test_every_key_and_item_has_its_place() -> None:
    """Lines and columns count from 1, in characters; a path that is not there leads to what is above it."""
    document = read("rules:\n  - id: a\n    data: {first: 您好, remark: b}\n")
    assert document.location(("rules",)) == Location(1, 1)
    assert document.location(("rules", 0)) == Location(2, 5)
    assert document.location(("rules", 0, "data", "remark")) == Location(3, 23)
    assert document.location(("rules", 0, "nothing", "here")) == Location(2, 5)
    assert document.location(("nothing",)) == Location(1, 1)
    assert document.value_location(("rules", 0, "data", "first"), 1) == Location(3, 20)


def test_unquoted_numbers_of_rules_stay_as_written() -> None:
    """An order number keeps its zeros, an amount its cents; only truth values and null mean something."""
    written = "a: 007\nb: 1.50\nc: 0x10\nd: true\ne: ~\nf: 'true'\ng: 2026-11-30\nh: on\n"
    assert read(written).value == {
        "a": "007", "b": "1.50", "c": "0x10", "d": True, "e": None, "f": "true", "g": "2026-11-30", "h": "on",
    }  # fmt: skip


def test_numbers_of_tests_are_numbers() -> None:
    """Events in tests have numbers."""
    document = parse("a.yaml", "a: 7\nb: 1.50\nc: 1e3\nd: -2\ne: '7'\nf: 1.2.3\n", texts_and_numbers)
    assert isinstance(document, Document)
    assert document.value == {"a": 7, "b": 1.5, "c": 1000.0, "d": -2, "e": "7", "f": "1.2.3"}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: [1\nb: 2", "not-yaml", 1, 4),
        ("a: 1\n\tb: 2", "not-yaml", 2, 1),
        ("a: ${x ? 1 : 2}", "not-yaml", 1, 12),
        ("a: 1\na: 2", "duplicate-key", 2, 1),
        ("a: {b: 1, b: 2}", "duplicate-key", 1, 11),
        ("a: &x [1]\nb: *x", "alias", 1, 4),
        ("a: *x", "alias", 1, 4),
        ("a: !!python/object/apply:os.system [ls]", "not-yaml", 1, 4),
        ("a: !!str 5", "not-yaml", 1, 4),
        ("? [a]\n: b", "not-yaml", 1, 3),
        ("a: 1\n---\nb: 2", "not-yaml", 2, 1),
        ('a: "\\0"', "not-yaml", 1, 4),
        ('a: "\\ud800"', "not-yaml", 1, 4),
        ('a: 1\nb: "\\U00110000"', "not-yaml", 2, 5),
        ('a: 1\nb: "x\\UFFFFFFFF"', "not-yaml", 2, 6),
        ('"\\0": 1', "not-yaml", 1, 1),
        ("a: \x00", "not-yaml", 1, 4),
        ("a: \ud800", "not-yaml", 1, 4),
        ("a: " + "[" * 100 + "]" * 100, "too-deep", 1, 28),
        ("a: " + "{b: " * 100 + "}" * 100, "too-deep", 1, 100),
        ("- " * 500 + "a", "too-deep", 1, 51),
    ],
)
def test_what_is_no_yaml_of_ours_is_refused_at_its_place(text: str, code: str, line: int, column: int) -> None:
    """One finding tells what and where; nothing is executed, expanded or half read."""
    finding = parse("a.yaml", text)
    assert isinstance(finding, Finding)
    assert (finding.code, finding.line, finding.column) == (code, line, column)


BOMB = "a: &a [x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n" for i in range(24))


HOSTILE = {
    "aliases": BOMB,
    "lists": "a: " + "[" * 500_000,
    "mappings": "{" * 500_000,
    "items": "- " * 400_000,
    "keys": "? " * 400_000,
    "plain": "a: " + "x " * 400_000,
    "quotes": "a: '" + "''" * 400_000,
    "block": "a: |\n" + "  x\n" * 200_000,
    "lines": "\n" * 1_000_000,
    "comment": "#" * 1_000_000,
    "anchors": "&" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_seconds_at_most(name: str) -> None:
    """A file of a mebibyte made to be slow is read or refused in bounded time."""
    begin = time.process_time()
    parse("a.yaml", HOSTILE[name])
    assert time.process_time() - begin < 10


def test_a_large_file_is_refused_unread() -> None:
    """Over a mebibyte there is a finding, not an attempt."""
    finding = parse("a.yaml", "a" * (MAX_CHARACTERS + 1))
    assert isinstance(finding, Finding)
    assert finding.code == "file-too-large"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_is_null(text: str) -> None:
    """An empty file is not an error of YAML; the format's finding is reported elsewhere."""
    assert read(text).value is None


def test_crlf_is_a_line_break() -> None:
    """Files of Windows' editors have the same places."""
    assert read("a: 1\r\nb:\r\n  - c\r\n").location(("b", 0)) == Location(3, 5)

"""The rules of a file that have no error."""

from __future__ import annotations

from pipeline.authoring.completion.sound import unclosed_lines, without_rules

FILE = "defaults: {on: a}\nrules:\n  - id: one\n    to: x\n\n  - id: two\n    to: 'y\n  - to: z\n"


def test_faulty_rules_become_empty_lines() -> None:
    """Lines stay where they are; a rule without an id has its number."""
    found = without_rules(FILE, {7})
    assert found is not None
    assert found.left_out == ("two",)
    assert found.text == FILE.replace("  - id: two\n    to: 'y\n", "\n\n")
    found = without_rules(FILE, {4, 8})
    assert found is not None
    assert found.left_out == ("one", "rule 3")


def test_an_error_elsewhere_leaves_nothing() -> None:
    """In the defaults, or in every rule."""
    assert without_rules(FILE, {1}) is None
    assert without_rules(FILE, {3, 7, 8}) is None
    assert without_rules("", {1}) is None


def test_what_is_not_closed_is_found_where_it_begins() -> None:
    """Quotes and brackets, whatever is below them."""
    assert unclosed_lines(FILE) == {7}
    assert unclosed_lines("a: {b: c\nd: [e]\nf: \"\ng: 'h'\ni: {j: 'k}\n") == {1, 3, 5}

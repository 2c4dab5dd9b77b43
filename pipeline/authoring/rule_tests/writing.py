"""Writes a rule test from an event and what the rules make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.authoring.drafting.expectations import expected_of
from pipeline.authoring.drafting.yaml_text import block, with_item
from pipeline.authoring.rule_tests.comparing import messages
from pipeline.model.notice import Notice, Refusal


def test_item(
    name: str, event_type: str, data: Mapping[str, object], items: Sequence[Notice | Refusal]
) -> list[str] | None:
    """The lines of a test with the whole event, which expects every part of these messages; unindented.

    None where no test can say it: some rules make messages, and others cannot.
    """
    expect = expected_of(messages(items))
    if expect is None:
        return None
    return block([{"name": name, "event": {"type": event_type, "data": dict(data)}, "expect": expect}], 0)


test_item.__test__ = False  # type: ignore[attr-defined]  # its name begins like a test's


def with_test(path: str, text: str, lines: Sequence[str]) -> str:
    """A file of tests with one more at its end; an empty text becomes a file.

    Raises:
        UserError: the file is not YAML, or nothing can be added to it as it is written.
    """
    return with_item(path, text, "tests", lines)

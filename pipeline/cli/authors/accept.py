"""`test --accept`: what came becomes the expectation of failed tests, after a look at the change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import typer

from pipeline.adapters.authoring.text_files import Change, write_changes
from pipeline.authoring.rule_tests.accepting import Accepted, accepted
from pipeline.authoring.rule_tests.running import Result
from pipeline.authoring.terminal_escape import terminal_escape
from pipeline.cli.app import FINDINGS, FINE
from pipeline.errors import UserError

Run = Callable[[str, str], Sequence[Result]]
"""Runs the tests of a file: its path and its text."""


def changed_files(
    originals: Mapping[str, str], texts: Mapping[str, str], results: Sequence[Result], run: Run
) -> tuple[list[Change], list[Accepted]]:
    """The test files with new expectations; `texts` are those that the tests were read from."""
    changes: list[Change] = []
    every: list[Accepted] = []
    for path in dict.fromkeys(result.case.document.path for result in results):
        failed = [result for result in results if result.case.document.path == path and not result.passed]
        one = _proved(path, texts[path], failed, run)
        every.append(one)
        if one.text != originals[path]:
            changes.append(Change(Path(path), originals[path], one.text))
    return changes, every


def _proved(path: str, text: str, failed: Sequence[Result], run: Run) -> Accepted:
    """The new text, whose tests pass: it is run before it is shown."""
    for is_whole in (False, True):
        one = accepted(text, failed, is_whole=is_whole)
        again = [result.case.name for result in run(path, one.text) if not result.passed]
        if not set(again).intersection(one.names):
            return one
    return Accepted(text, (), tuple(f"{result.case.name}: its expectation cannot be written here" for result in failed))


def ask_and_write(changes: Sequence[Change], every: Sequence[Accepted], *, is_agreed: bool) -> int:
    """Show the changes, ask, write; return the exit code: 0 if nothing of what failed is left.

    Raises:
        UserError: the question cannot be asked, or a file cannot be written.
    """
    left = [line for one in every for line in one.left]
    for line in left:
        print(terminal_escape(f"not accepted: {line}"))
    count = sum(len(one.names) for one in every)
    if not changes:
        print("no expectation changes")
        return FINDINGS if left else FINE
    for change in changes:
        print(terminal_escape("\n".join(change.diff()), keep="\n"))
    what = f"{count} expectation{'s' * (count != 1)} to {len(changes)} file{'s' * (len(changes) != 1)}"
    if not is_agreed:
        if not sys.stdin.isatty():
            raise UserError(f"nothing is written: {what} would be", hint="--yes writes without a question")
        if not typer.confirm(f"Is this what customers should read? Write {what}"):
            print("nothing is written")
            return FINDINGS
    write_changes(changes)
    print(f"written: {what}")
    return FINDINGS if left else FINE

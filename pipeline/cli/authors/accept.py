"""`test --accept`: what came becomes the expectation of failed tests, or of a new one, after a look at the change."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import typer

from pipeline.adapters.authoring.text_files import Change, read_whole, write_changes
from pipeline.authoring.drafting.yaml_text import block, scalar, with_item
from pipeline.authoring.rule_tests.accepting import PLACEHOLDER, Accepted, accepted, newly_given
from pipeline.authoring.rule_tests.running import Result
from pipeline.cli.app import FINDINGS, FINE
from pipeline.cli.authors.event_names import plain_reference
from pipeline.cli.authors.one_event import Found, find_or_exit, select_event
from pipeline.cli.authors.rule_set import Named, SoundRules
from pipeline.cli.language import in_language
from pipeline.cli.printing import paragraph, plain, say
from pipeline.errors import UserError
from pipeline.model.event import Event
from pipeline.phrases import counted, phrase
from pipeline.rules.timestamp import Timestamp

Run = Callable[[str, str], Sequence[Result]]
"""Runs the tests of a file: its path and its text."""


def changed_files(
    originals: Mapping[str, str], texts: Mapping[str, str], results: Sequence[Result], run: Run
) -> tuple[list[Change], list[Accepted]]:
    """The test files with new expectations; `texts` are those that the tests were read from."""
    changes: list[Change] = []
    every: list[Accepted] = []
    for path in dict.fromkeys(result.case.document.path for result in results):
        of_file = [result for result in results if result.case.document.path == path]
        one = _proved(path, texts[path], [result for result in of_file if not result.passed], run)
        every.append(one._replace(names=(*one.names, *newly_given(originals[path], of_file))))
        if one.text != originals[path]:
            changes.append(Change(Path(path), originals[path] if Path(path).exists() else None, one.text))
    return changes, every


def _proved(path: str, text: str, failed: Sequence[Result], run: Run) -> Accepted:
    """The new text, whose tests pass: it is run before it is shown."""
    for is_whole in (False, True):
        one = accepted(text, failed, is_whole=is_whole)
        again = [result.case.name for result in run(path, one.text) if not result.passed]
        if not set(again).intersection(one.names):
            return one
    return Accepted(
        text,
        (),
        tuple(phrase("{name}: its expectation cannot be written here", name=result.case.name) for result in failed),
    )


def ask_and_write(changes: Sequence[Change], every: Sequence[Accepted], *, is_agreed: bool) -> int:
    """Show the changes, ask, write; return the exit code: 0 if nothing of what failed is left.

    Raises:
        UserError: the question cannot be asked, or a file cannot be written.
    """
    left = [line for one in every for line in one.left]
    for line in left:
        say(plain(phrase("not accepted: {line}", line=line)))
    count = sum(len(one.names) for one in every)
    if not changes:
        say(plain(phrase("no expectation changes")))
        return FINDINGS if left else FINE
    for change in changes:
        say(paragraph("\n".join(change.diff())))
    what = phrase(
        "{expectations} to {files}",
        expectations=counted(count, "{count} expectation", "{count} expectations"),
        files=counted(len(changes), "{count} file", "{count} files"),
    )
    if not is_agreed:
        if not sys.stdin.isatty():
            raise UserError(
                phrase("nothing is written: {what} would be", what=what), hint=phrase("--yes writes without a question")
            )
        if not typer.confirm(in_language(phrase("Is this what customers should read? Write {what}", what=what))):
            say(plain(phrase("nothing is written")))
            return FINDINGS
    write_changes(changes)
    say(plain(phrase("written: {what}", what=what)))
    return FINDINGS if left else FINE


def with_test(named: Named, event: str, name: str | None) -> tuple[Path, str, str]:
    """The test file with one more test, of this event, its text, and the name of the test.

    The file is that beside the first rule for events of this type. The event is written into it: a test must not depend
    on a topic, or on a file that changes.

    Raises:
        UserError: there is no such event, no rule is for it, or a test has the name already.
    """
    at = plain_reference(event)
    settings = named.settings(needs_kafka=at is not None and at.position is not None)
    sound = SoundRules.of(named, settings)
    found = find_or_exit(select_event(event, 1, None), sound, settings, as_json=False)
    rule = next((one for one in sound.ruleset.rules if found.event.type in one.on), None)
    if rule is None:
        raise UserError(
            phrase("no rule is for events of type `{type}`", type=found.event.type),
            hint=phrase("nothing would be tested"),
        )
    chosen = name or f"{rule.id}: {found.where}"
    if any(case.name == chosen for case in sound.checked.cases):
        raise UserError(
            phrase("there is a test `{chosen}` already", chosen=chosen), hint=phrase("name this one: --name NAME")
        )
    path = sound.folder / "tests" / f"{Path(rule.file).stem}.yaml"
    text = with_item(str(path), read_whole(path) or "", "tests", _lines(chosen, found))
    return path, text, chosen


def _lines(name: str, found: Found) -> list[str]:
    event = found.event
    return [
        f"- name: {scalar(name)}",
        "  event:",
        f"    type: {scalar(event.type)}",
        f"    time: {scalar(_time(event))}",
        "    data:",
        *block(as_json(event.data), 6),
        f"  {PLACEHOLDER}",
    ]


def _time(event: Event) -> str:
    return f"{datetime.fromtimestamp(event.time_ms / 1_000, UTC).replace(tzinfo=None).isoformat()}Z"


def as_json(value: object) -> object:
    """A value of a decoded event as JSON, which a test reads again as the same value."""
    match value:
        case Mapping():
            return {str(key): as_json(one) for key, one in value.items()}
        case list() | tuple():
            return [as_json(one) for one in value]
        case Timestamp():
            return f"{value.as_datetime().replace(tzinfo=None).isoformat()}Z"
        case Decimal():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value

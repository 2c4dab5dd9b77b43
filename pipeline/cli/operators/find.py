"""`find`: what became of an event, an order or a customer's messages."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.app import FINDINGS, rules_needed
from pipeline.cli.bounds import FORMS, read_time
from pipeline.cli.operators import find_report
from pipeline.cli.printing import plain, print_json, say
from pipeline.cli.progress import progress
from pipeline.errors import NoRecord, UserError
from pipeline.operations.positions import read_position
from pipeline.phrases import phrase
from pipeline.settings import load_settings, require_group

if TYPE_CHECKING:
    from pipeline.adapters.operations.find import Found
    from pipeline.bootstrap.search.find import SearchOptions
    from pipeline.operations.find.story import Story
    from pipeline.settings import Settings

DEFAULT_START = "-7d"
MOST_TEXT = 300
"""Characters of a value that is searched for."""


def command(
    position: Annotated[
        str | None, typer.Argument(help="The event at this position.", metavar="TOPIC/PARTITION/OFFSET")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="Business key that rules name (`reference`), as an order number."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", help="Decode the source events and compare every field; finds events without a rule."),
    ] = None,
    recipient: Annotated[
        str | None, typer.Option("--recipient", help="The recipient's id on the platform.", metavar="SUB")
    ] = None,
    event_id: Annotated[str | None, typer.Option("--event", help="The event's own id.", metavar="ID")] = None,
    config: Annotated[Path, typer.Option("--config", "-c", help="The service's configuration.", metavar="FILE")] = Path(
        "pipeline.yaml"
    ),
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help=f"Search from this time on, by Kafka's timestamps: {FORMS}; default: -7d, or all of the history.",
            metavar="TIME",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Show at most this many events, the newest ones.")] = 20,
    output: Annotated[Literal["text", "json"], typer.Option(help="How to print it.")] = "text",
) -> None:
    """Show what became of an event: which rules matched and why, the attempts, the outcome, its dead letter.

    Reads Kafka, and the history where one is configured, and writes nothing. `--text` decodes all events of the time
    range and finds those that no rule matched and those that wait; `--reference`, `--recipient` and `--event` read the
    outcomes alone, and so find only what has ended. A position needs no time range. Rules are those of today. The
    output contains values of events, personal data included.

    Exit codes: 0 found, 1 not found (also a position beyond the end), 2 misuse.

    Examples: `notice-pipeline find --text T20261130-17` · `notice-pipeline find trade.order.events/3/1042` ·
    `notice-pipeline find --recipient 8f1c9a --from -2d --output json`
    """
    options = _options(position, reference, text, recipient, event_id)
    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    now = datetime.now(UTC)  # noqa: TID251 - the time at which the command was called
    if start is None and (text is not None or not settings.history.is_on):
        start = DEFAULT_START
    options = options._replace(since=read_time(start, "--from", now), limit=limit)
    with rules_needed():
        found, absent = _search(settings, options)
    if output == "json":
        print_json(find_report.as_json(found))
    else:
        find_report.show(found)
    if not found.items:
        if output == "text":
            say(plain(_nothing(options, absent)))
        raise typer.Exit(FINDINGS)


def _options(
    position: str | None, reference: str | None, text: str | None, recipient: str | None, event_id: str | None
) -> SearchOptions:
    from pipeline.bootstrap.search.find import SearchOptions  # noqa: PLC0415 - it imports the whole service

    given = {
        "TOPIC/PARTITION/OFFSET": position,
        "--reference": reference,
        "--text": text,
        "--recipient": recipient,
        "--event": event_id,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        message = f"{named[0]} and {named[1]} are given" if named else "nothing to search for is given"
        raise UserError(message, hint=f"give one of {', '.join(given)}")
    for name, value in given.items():
        if value is not None and not value.strip():
            raise UserError(f"{name} is empty")
        if value is not None and len(value) > MOST_TEXT:
            raise UserError(f"{name} is longer than {MOST_TEXT} characters")
    return SearchOptions(reference, text, recipient, event_id, None if position is None else read_position(position))


def _search(settings: Settings, options: SearchOptions) -> tuple[Found[Story], NoRecord | None]:
    """Return what was found, and why there is no event at the position."""
    from pipeline.adapters.clock import SystemClock  # noqa: PLC0415 - needed only for the log
    from pipeline.adapters.operations.find import Found  # noqa: PLC0415 - it imports Kafka's client
    from pipeline.adapters.telemetry.logging import configure_logging  # noqa: PLC0415 - the same
    from pipeline.bootstrap.search.find import open_search  # noqa: PLC0415 - it imports the whole service

    configure_logging(form=settings.log.format, level="error", clock=SystemClock())
    with open_search(settings) as search:
        try:
            return search.run(options, progress), None
        except NoRecord as absent:
            return Found([], 0), absent


def _nothing(options: SearchOptions, absent: NoRecord | None) -> str:
    if absent is not None:
        return phrase("not found: {why} ({hint}), and no outcome is about it", why=absent.message, hint=absent.hint)
    start = None if options.since is None else f"{options.since:%Y-%m-%d %H:%M} UTC"
    if options.text is not None:
        return phrase("not found: no event since {start} contains it", start=start)
    if start is not None:
        return phrase(
            "not found: no outcome since {start} has it. Events that no rule matched, and those that wait, have no "
            "outcome: search them with --text",
            start=start,
        )
    return phrase(
        "not found: no outcome has it. Events that no rule matched, and those that wait, have no outcome: search them "
        "with --text"
    )

"""The one event that a command looks at: in a file, or at a position of a topic."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from pipeline.adapters.authoring.event_files import EventFault, EventTyper, GivenEvent, given_events
from pipeline.cli.authors.rule_set import SoundRules
from pipeline.cli.printing import bad, faint, plain, print_json, say, strong
from pipeline.errors import SchemaUnavailable, Undecodable, Unreachable, UserError
from pipeline.model.event import Event, Position

if TYPE_CHECKING:
    from pipeline.settings import Settings

REGISTRY_SECONDS = 15.0
_POSITION = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,9})/(\d{1,18})")


class Wanted(NamedTuple):
    """Which event, as it was asked for."""

    file: Path | None
    number: int
    """Which of the file's, counted from 1."""
    type: str | None
    position: Position | None


def wanted(event: str | None, number: int, event_type: str | None, position: Position | None = None) -> Wanted:
    """What the argument `event` names, or the `position` that options named.

    Raises:
        UserError: no event, or two.
    """
    if position is not None:
        if event is not None:
            raise UserError("two events are named", hint="give a file, or --topic, --partition and --offset")
        return Wanted(None, number, event_type, position)
    if event is None:
        raise UserError("no event is named", hint="give a file, - for standard input, or TOPIC/PARTITION/OFFSET")
    location = _POSITION.fullmatch(event)
    if location is not None and not Path(event).exists():
        return Wanted(None, number, event_type, Position(location[1], int(location[2]), int(location[3])))
    return Wanted(Path(event), number, event_type, None)


def position_of(topic: str | None, partition: int | None, offset: int | None) -> Position | None:
    """The position that the three options name together; None without any of them.

    Raises:
        UserError: one or two are missing.
    """
    if topic is None and partition is None and offset is None:
        return None
    if topic is None or partition is None or offset is None:
        raise UserError("a record is named by --topic, --partition and --offset together")
    return Position(topic, partition, offset)


class Found(NamedTuple):
    """The event, and where it was."""

    event: Event
    where: str
    """`file:line`, or `topic/partition/offset`."""


def find(asked: Wanted, rules: SoundRules, settings: Settings | None) -> Found:
    """The event itself.

    Raises:
        UserError: it is not there, or cannot be read.
        Undecodable: the record at that position is no event.
    """
    if asked.file is not None:
        return _in_file(asked.file, asked, rules)
    if asked.position is None or settings is None:
        raise UserError(
            "a record is read from Kafka, which the configuration names", hint="give --config pipeline.yaml"
        )
    return Found(_in_kafka(asked.position, settings), str(asked.position))


def tell_undecodable(fault: Undecodable, *, as_json: bool) -> None:
    """Print why a record is no event: no rule sees it."""
    if as_json:
        print_json({"undecodable": {"reason": fault.reason.value, "detail": fault.detail}})
        return
    say(bad("✗ "), strong(fault.reason.value), plain(f": {fault.detail}"))
    say(faint("No rule sees this record; the service publishes the outcome `undecodable` for it."))


def now_ms() -> int:
    """When an event happened that does not say so."""
    return time.time_ns() // 1_000_000


def _in_file(file: Path, asked: Wanted, rules: SoundRules) -> Found:
    default = rules.event_type(asked.type) if asked.type is not None else _only_type(rules)
    events = given_events(file)
    found = next(islice(events, asked.number - 1, None), None)
    if found is None:
        raise UserError(f"{file}: holds {'no event' if asked.number == 1 else f'fewer than {asked.number} events'}")
    if asked.number == 1 and _has_more(events):
        typer.echo(f"{file}: holds several events; this is the first, --event 2 is the next", err=True)
    return Found(EventTyper(rules.catalogue, time_ms=now_ms()).event(found, default), found.where)


def _has_more(events: Iterator[GivenEvent]) -> bool:
    try:
        return next(events, None) is not None
    except EventFault:
        return True


def _only_type(rules: SoundRules) -> str | None:
    """The type that all rules look at, if it is a single one."""
    return next(iter(rules.ruleset.event_types)) if len(rules.ruleset.event_types) == 1 else None


def _in_kafka(position: Position, settings: Settings) -> Event:
    import asyncio  # noqa: PLC0415 - only here is something waited for

    from pipeline.adapters.kafka.range import read_record  # noqa: PLC0415 - Kafka's client, which files do not need
    from pipeline.bootstrap.events import find_decoder, find_schemas  # noqa: PLC0415 - clients of Kafka and the registry
    from pipeline.bootstrap.kafka import kafka_properties  # noqa: PLC0415 - and the settings

    record = read_record(kafka_properties(settings), position)
    schemas = find_schemas(settings)
    with closing(schemas.registry) if schemas.registry is not None else nullcontext():
        decoder = find_decoder(settings, schemas)
        try:
            return decoder.decode(record)
        except SchemaUnavailable:
            pass
        try:
            asyncio.run(asyncio.wait_for(decoder.prepare(record), REGISTRY_SECONDS))
            return decoder.decode(record)
        except (TimeoutError, SchemaUnavailable):
            raise Unreachable("the schema registry does not answer") from None

"""Finds the one event that a command is about: in a file, in a test, or at a position of a topic."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from pipeline.adapters.authoring.event_files import EventFault, EventTyper, GivenEvent, given_events
from pipeline.adapters.authoring.rule_test_events import read_test_events
from pipeline.adapters.rule_files import SUFFIXES as YAML_SUFFIXES
from pipeline.cli.app import FINDINGS, show_error
from pipeline.cli.authors.event_names import FORMS, plain_reference, reference
from pipeline.cli.authors.rule_set import SoundRules
from pipeline.cli.printing import bad, faint, plain, print_json, say, strong, warn
from pipeline.errors import SchemaUnavailable, Undecodable, Unreachable, UserError
from pipeline.model.event import Event, Position, Record
from pipeline.phrases import phrase
from pipeline.rules.lint.cases import Case
from pipeline.rules.lint.given_events import Unfit, given

if TYPE_CHECKING:
    from pipeline.settings import Settings

REGISTRY_SECONDS = 15.0
MAX_FRAMED = 16_777_216
"""Largest file that is read as one record."""


class EventSelection(NamedTuple):
    """The event that the user selects."""

    file: Path | None
    number: int
    """Number of the event in the file, from 1."""
    type: str | None
    position: Position | None
    is_framed: bool = False
    """Whether the file holds the bytes of one record's value, as a serializer wrote them."""
    name: str | None = None
    """A name that is neither a file nor a position: of a file of `events/`, or of a test."""
    is_numbered: bool = False
    """Whether the name has the event's number: `FILE:1`."""


def select_event(
    event: str | None,
    number: int,
    event_type: str | None,
    position: Position | None = None,
    framed: Path | None = None,
) -> EventSelection:
    """The event that one of the argument `event`, the options of `position` and the file `framed` names.

    Raises:
        UserError: none of them is given, or several.
    """
    if sum(one is not None for one in (event, position, framed)) > 1:
        raise UserError(
            phrase("two events are named"),
            hint=phrase("give a file, or --topic, --partition and --offset, or --framed"),
        )
    if framed is not None:
        return EventSelection(framed, number, event_type, None, is_framed=True)
    if position is not None:
        return EventSelection(None, number, event_type, position)
    if event is None:
        raise UserError(phrase("no event is named"), hint=phrase("give - for standard input, {forms}", forms=FORMS))
    found = plain_reference(event)
    if found is None:
        return EventSelection(None, number, event_type, None, name=event)
    is_numbered = found.number is not None
    return EventSelection(found.file, found.number or number, event_type, found.position, is_numbered=is_numbered)


def position_of(topic: str | None, partition: int | None, offset: int | None) -> Position | None:
    """The position that the three options name together; None if none is given.

    Raises:
        UserError: one or two are missing.
    """
    if topic is None and partition is None and offset is None:
        return None
    if topic is None or partition is None or offset is None:
        raise UserError(phrase("give --topic, --partition and --offset together"))
    return Position(topic, partition, offset)


class Found(NamedTuple):
    """The event and its location."""

    event: Event
    where: str
    """`file:number`, or `topic/partition/offset`: a name that every command takes; of a test, file and line."""


class Mismatch(UserError):
    """The text is not an event, or does not fit the schema of its type: a finding, not misuse of the command."""


def find(selection: EventSelection, rules: SoundRules, settings: Settings | None) -> Found:
    """Read the event.

    Raises:
        UserError: the file, topic or record does not exist or cannot be read.
        Mismatch: the text in the file is not an event, or does not fit the schema of its type.
        Undecodable: the record cannot be decoded as an event.
    """
    if selection.file is not None and selection.is_framed:
        return Found(_framed(selection.file, selection, rules, settings), str(selection.file))
    if selection.file is not None:
        try:
            return _in_file(selection.file, selection, rules)
        except EventFault as fault:
            raise Mismatch(fault.message, hint=fault.hint) from None
    if selection.name is not None:
        found = reference(selection.name, rules.folder)
        if found.case is not None:
            return _in_test(found.case, rules)
        number, is_numbered = found.number or selection.number, found.number is not None
        return find(
            selection._replace(name=None, file=found.file, number=number, is_numbered=is_numbered), rules, settings
        )
    if selection.position is None or settings is None:
        raise UserError(
            phrase("reading a record needs the brokers of a configuration"),
            hint=phrase("give --config, or write a pipeline.yaml"),
        )
    return Found(_in_kafka(selection.position, settings), str(selection.position))


def find_or_exit(selection: EventSelection, rules: SoundRules, settings: Settings | None, *, as_json: bool) -> Found:
    """Read the event. If it cannot be decoded or does not fit its schema, print why and exit with FINDINGS.

    Raises:
        UserError: as `find`.
    """
    try:
        return find(selection, rules, settings)
    except Undecodable as fault:
        _show_undecodable(fault, as_json=as_json)
        raise typer.Exit(FINDINGS) from None
    except Mismatch as mismatch:
        sys.exit(show_error(mismatch, FINDINGS))


def _show_undecodable(fault: Undecodable, *, as_json: bool) -> None:
    """Print why a record cannot be decoded."""
    if as_json:
        print_json({"undecodable": {"reason": fault.reason.value, "detail": fault.detail}})
        return
    say(bad("✗ "), strong(fault.reason.value), plain(": " + fault.detail))
    say(faint(phrase("The service evaluates no rule for this record and publishes the outcome `undecodable`.")))


def _in_test(case: Case, rules: SoundRules) -> Found:
    """The event that a test gives."""
    try:
        event = given(case, rules.catalogue, read_test_events([case]))
    except Unfit as unfit:
        raise Mismatch(
            phrase("{path}: {message}", path=case.document.path, message=unfit.message), hint=unfit.hint
        ) from None
    line = case.document.location(case.path).line
    return Found(event, f"{case.document.path}:{line}")


def now_ms() -> int:
    """The time of an event that does not give one."""
    return time.time_ns() // 1_000_000


def _in_file(file: Path, selection: EventSelection, rules: SoundRules) -> Found:
    if file.suffix.lower() in YAML_SUFFIXES and file.is_file():
        message = phrase("{file}: is YAML, and an event is JSON", file=file)
        raise UserError(message, hint=phrase("of a test, write its name instead of its file"))
    default = rules.event_type(selection.type) if selection.type is not None else _only_type(rules)
    events = given_events(file)
    found = next(islice(events, selection.number - 1, None), None)
    if found is None:
        if selection.number == 1:
            raise UserError(phrase("{file}: holds no event", file=file))
        raise UserError(phrase("{file}: holds fewer than {number} events", file=file, number=selection.number))
    if selection.number == 1 and not selection.is_numbered and _has_more(events):
        warn(phrase("{file}: holds several events; this is the first, --event 2 is the next", file=file))
    where = found.where if str(file) == "-" else f"{file}:{selection.number}"
    return Found(EventTyper(rules.catalogue, time_ms=now_ms()).event(found, default), where)


def _has_more(events: Iterator[GivenEvent]) -> bool:
    try:
        return next(events, None) is not None
    except EventFault:
        return True


def _only_type(rules: SoundRules) -> str | None:
    """The event type of the rules, if they all have the same one."""
    return next(iter(rules.ruleset.event_types)) if len(rules.ruleset.event_types) == 1 else None


def _in_kafka(position: Position, settings: Settings) -> Event:
    from pipeline.adapters.kafka.errors import reading  # noqa: PLC0415 - Kafka's client, which files do not need
    from pipeline.adapters.kafka.identities import Identities  # noqa: PLC0415 - the same
    from pipeline.adapters.kafka.range import read_record  # noqa: PLC0415 - the same
    from pipeline.bootstrap.kafka import kafka_properties  # noqa: PLC0415 - the same

    properties = kafka_properties(settings)
    event = _decoded(read_record(properties, position), settings)
    if settings.kafka.group_id:
        with reading(position.topic):
            origins = Identities(properties, settings.kafka.group_id).origins([position.topic])
        event.identify(origins[position.topic])
    return event


def _framed(file: Path, selection: EventSelection, rules: SoundRules, settings: Settings | None) -> Event:
    """The event in a file with the value of one record."""
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as opened:
            value = opened.read(MAX_FRAMED + 1)
    except OSError as error:
        raise UserError(phrase("{file}: cannot be read: {strerror}", file=file, strerror=error.strerror)) from None
    if len(value) > MAX_FRAMED:
        raise UserError(
            phrase("{file}: larger than {max_framed} bytes: not one record", file=file, max_framed=MAX_FRAMED)
        )
    record = Record(str(file), 0, 0, None, value, (), now_ms())
    if settings is not None:
        topics = settings.kafka.topics  # the topic decides the type of plain JSON
        return _decoded(record._replace(topic=topics[0]) if len(topics) == 1 else record, settings)
    from pipeline.adapters.events.avro import folder_id  # noqa: PLC0415 - the service's decoder, which JSON does not need
    from pipeline.adapters.events.decoder import EventDecoder  # noqa: PLC0415 - the same

    known = {folder_id(one.fingerprint): one for name in rules.catalogue for one in rules.catalogue.versions(name)}
    types = {record.topic: rules.event_type(selection.type)} if selection.type is not None else {}
    decoder = EventDecoder(look_up=None, known=known, catalogue=rules.catalogue, json_types=types, max_bytes=MAX_FRAMED)
    return decoder.decode(record)


def _decoded(record: Record, settings: Settings) -> Event:
    """Decode the record as the service does, asking the registry for its schema."""
    import asyncio  # noqa: PLC0415 - needed only for the registry

    from pipeline.bootstrap.events import find_decoder, service_schemas  # noqa: PLC0415 - the service's modules

    schemas = service_schemas(settings)
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
            raise Unreachable(phrase("the schema registry does not answer")) from None

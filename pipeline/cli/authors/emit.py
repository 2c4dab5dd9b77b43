"""`emit`: write example events or given events to a topic."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from pipeline.adapters.authoring.event_files import given_events
from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.strict_json import dumps
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.rights import Right
from pipeline.adapters.kafka.topics import TopicCheck, TopicToMake
from pipeline.adapters.shipped import shipped
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.cli.printing import warn
from pipeline.cli.registry import ConfigOption, RegistryOption, find_settings, open_registry
from pipeline.errors import UserError
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import counted, joined, phrase
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import example
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch
from pipeline.settings import Settings
from pipeline.terminal_escape import escaped

BROKER_SECONDS = 10.0
DEFAULT_TOPIC = "trade.order.events"
DEFAULT_SCHEMAS = Path("schemas/events")
NEW_PARTITIONS = 4
PROGRESS_EVERY = 10_000


def command(
    event_type: Annotated[
        str, typer.Argument(help="Event type, or its last parts: `order.paid.v1`.", metavar="TYPE", show_default=False)
    ],
    topic: Annotated[
        str | None,
        typer.Option(help=f"Topic to write to; default: the configuration's, or {DEFAULT_TOPIC}."),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of examples.")] = 1,
    file: Annotated[
        Path | None,
        typer.Option(help="Write the events of this file instead (forms as for `explain`); `-`: standard input."),
    ] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Brokers; default: the configuration's, or localhost:9092.")
    ] = None,
    config: ConfigOption = None,
    schemas: Annotated[
        Path | None,
        typer.Option(
            help="Folder with *.avsc; default: the configuration's, or schemas/events, or the example schemas."
        ),
    ] = None,
    registry: RegistryOption = None,
    encoding: Annotated[Encoding, typer.Option(help="Encoding of the records.")] = Encoding.AVRO,
    key: Annotated[str, typer.Option(help="Field of the event that becomes the record's key.")] = "sub",
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Events per second; default: as fast as possible.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same examples.")] = 1,
    create: Annotated[bool, typer.Option("--create", help="Create the topic if it does not exist.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Print the events and write nothing.")] = False,
) -> None:
    """Write events to a topic: examples made from the type's schema, or the events of a file.

    Avro records have the id that the registry gives the schema. Without a registry they have an id derived from the
    schema, which a service with the same folder of schemas knows.

    Exit 0: every event is written; 2: none is, or Kafka refused one (the message says which).

    Examples: `notice-pipeline emit order.paid.v1 -n 100 --create` ·
    `notice-pipeline emit order.paid.v1 --file events.jsonl --topic trade.order.events`
    """
    settings = find_settings(config)
    schema = _schema(_folder(schemas, settings), event_type)
    events: Iterable[Mapping[str, object]] = _examples(schema, count, seed)
    if file is not None:  # read completely before the first is written
        events = list(_given(file, JsonReader(schema), schema.name))
        if not events:
            raise UserError(phrase("{file}: holds no event", file=file))
    if only_print:
        for event in events:
            print(escaped(dumps(event)))
        return
    target = _Target.of(settings, topic, bootstrap_servers)
    target.require(create=create)
    there = open_registry(registry, settings) if encoding is Encoding.AVRO else None
    number = folder_id(schema.fingerprint)
    if there is not None:
        with closing(there):
            number = there.register(f"{target.topic}-{schema.name}", schema.avro)
    written = _write(
        EventProducer({**target.properties, "log_level": 0}),
        target.topic,
        EventEncoder(schema, number, encoding),
        events,
        key,
        rate,
    )
    events_of = counted(written, "{count} event", "{count} events")
    warn(phrase("{events} of {type} on {topic}", events=events_of, type=schema.name, topic=target.topic))


def _folder(given: Path | None, settings: Settings | None) -> Path:
    if given is not None:
        return given
    if settings is not None and settings.schemas.directory is not None:
        return settings.schemas.directory
    return DEFAULT_SCHEMAS if DEFAULT_SCHEMAS.is_dir() else shipped("schemas/events")


class _Target(NamedTuple):
    """The topic to write to, and librdkafka's properties."""

    topic: str
    properties: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings | None, topic: str | None, servers: str | None) -> _Target:
        properties: dict[str, Any] = {"bootstrap.servers": "localhost:9092"}
        if settings is not None:
            properties = kafka_properties(settings)
            if topic is None and len(settings.kafka.topics) > 1:
                raise UserError(
                    phrase("the configuration reads several topics"),
                    hint=phrase("name one: --topic {topics}", topics=joined(" or ", settings.kafka.topics)),
                )
            topic = topic or settings.kafka.topics[0]
        if servers is not None:
            properties["bootstrap.servers"] = servers
        return cls(topic or DEFAULT_TOPIC, properties)

    def require(self, *, create: bool) -> None:
        """Check that the broker answers and the topic exists: a record for a missing topic waits until it times out.

        Raises:
            Unreachable: one of them is missing.
            RightsMissing: this Kafka user may not write to the topic.
        """
        check = TopicCheck(self.properties, BROKER_SECONDS)
        write = [Right("WRITE", "topic", self.topic)]
        check.prove(write)
        if create:
            check.ensure(TopicToMake(self.topic, NEW_PARTITIONS, replication_factor=-1, create=True), {})
            check.prove(write if check.made else ())
        else:
            check.require([self.topic], hint=phrase("--create creates it"))


def _write(
    producer: EventProducer,
    topic: str,
    encoder: EventEncoder,
    events: Iterable[Mapping[str, object]],
    key: str,
    rate: float | None,
) -> int:
    """Write the events, at most `rate` a second, wait for every acknowledgement, and return how many were written."""
    started = time.monotonic()
    try:
        for number, event in enumerate(events, 1):
            value, headers = encoder.encode(event, number - 1)
            producer.send(topic, str(event[key]) if event.get(key) is not None else None, value, headers)
            if rate is not None:
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
            if number % PROGRESS_EVERY == 0:
                warn(phrase("{count} written …", count=number))
        producer.flush()
    except KeyboardInterrupt:
        producer.flush()
        warn(counted(producer.written, "{count} event was written", "{count} events were written"))
        raise
    return producer.written


def _schema(folder: Path, event_type: str) -> EventSchema:
    catalogue = read_schemas(folder)
    found = [name for name in catalogue if name == event_type or name.endswith(f".{event_type}")]
    schema = catalogue.newest(found[0]) if len(found) == 1 else None
    if schema is None:
        if not len(catalogue):
            raise UserError(phrase("{folder}: there are no *.avsc files", folder=folder))
        if found:
            raise UserError(
                phrase("`{type}` names several types in {folder}", type=event_type, folder=folder), hint=_all(found)
            )
        raise UserError(
            phrase("`{type}` names no type in {folder}", type=event_type, folder=folder),
            hint=_near(event_type, list(catalogue)),
        )
    return schema


def _near(event_type: str, names: Sequence[str]) -> str:
    """Suggest the type whose name or last parts are similar, else list them all."""
    ends = [name.split(".", start)[-1] for name in names for start in range(name.count(".") + 1)]
    return did_you_mean(event_type, ends) or _all(names)


def _all(names: Sequence[str]) -> str:
    return phrase("there are {names}", names=joined(", ", names))


def _examples(schema: EventSchema, count: int, seed: int) -> Iterator[Mapping[str, object]]:
    rng = random.Random(seed).random  # noqa: S311 - examples, not secrets
    return (example(schema, rng, number) for number in range(count))


def _given(file: Path, reader: JsonReader, event_type: str) -> Iterator[Mapping[str, object]]:
    """Yield the data of every event of a file.

    Raises:
        UserError: an event has another type, or does not fit the schema.
    """
    for where, given in given_events(file):
        if given.type not in {None, event_type}:
            raise UserError(
                phrase(
                    "{where}: an event of type `{given}`, not `{type}`", where=where, given=given.type, type=event_type
                )
            )
        try:
            reader.read(given.data)
        except SchemaMismatch as mismatch:
            message = phrase("{where}: {message}", where=where, message=mismatch.message)
            raise UserError(message, hint=mismatch.hint) from None
        if isinstance(given.data, Mapping):
            yield given.data

"""`emit`: put example or given events on a topic, for trying things out."""

from __future__ import annotations

import difflib
import json
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from pipeline.adapters.authoring.event_files import given_events
from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.topics import TopicCheck, TopicToMake
from pipeline.authoring.terminal_escape import escaped
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.cli.registry import ConfigOption, RegistryOption, open_registry
from pipeline.errors import UserError
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import example
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch
from pipeline.settings import Settings, load_settings

BROKER_SECONDS = 10.0
NEW_PARTITIONS = 4
PROGRESS_EVERY = 10_000


def command(
    event_type: Annotated[str, typer.Argument(help="Event type, whole or its end: `order.paid.v1`.", metavar="TYPE")],
    topic: Annotated[
        str | None,
        typer.Option(help="Topic to write to; default: the configuration's, or trade.order.events."),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many examples.")] = 1,
    file: Annotated[
        Path | None,
        typer.Option(help="Given events instead, as `explain` and `diff` read them; `-`: standard input."),
    ] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Brokers; default: the configuration's, or localhost:9092.")
    ] = None,
    config: ConfigOption = None,
    schemas: Annotated[
        Path | None, typer.Option(help="Folder with *.avsc; default: the configuration's, or schemas/events.")
    ] = None,
    registry: RegistryOption = None,
    encoding: Annotated[Encoding, typer.Option(help="How to write them.")] = Encoding.AVRO,
    key: Annotated[str, typer.Option(help="Field that becomes the key.")] = "sub",
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Events per second; default: as fast as it goes.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same examples.")] = 1,
    create: Annotated[bool, typer.Option("--create", help="Make the topic where it is missing.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Show them; write nothing.")] = False,
) -> None:
    """Put events on a topic: examples made from the schema, or your own.

    Avro is written with the id that the registry gives the schema; without a registry, with an id made of the schema
    itself, which a service with the same folder of schemas knows.

    Examples: `notice-pipeline emit order.paid.v1 -n 100` · `notice-pipeline emit order.paid.v1 --file events.jsonl`
    """
    settings = load_settings(config, os.environ) if config is not None else None
    schema = _schema(schemas or (settings and settings.schemas.directory) or Path("schemas/events"), event_type)
    events: Iterable[Mapping[str, object]] = _examples(schema, count, seed)
    if file is not None:  # read whole before any is written: half a file on a topic helps nobody
        events = list(_given(file, JsonReader(schema), schema.name))
    if only_print:
        for event in events:
            print(escaped(json.dumps(event, ensure_ascii=False)))
        return
    where = _Where.of(settings, topic, bootstrap_servers)
    where.require(create=create)
    encoder = EventEncoder(schema, _schema_id(schema, where.topic, encoding, registry, config), encoding)
    written = _write(EventProducer(where.properties), where.topic, encoder, events, key, rate)
    print(f"{written} {'event' if written == 1 else 'events'} of {schema.name} on {where.topic}", file=sys.stderr)


class _Where(NamedTuple):
    """The topic, and librdkafka's settings."""

    topic: str
    properties: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings | None, topic: str | None, servers: str | None) -> _Where:
        properties: dict[str, Any] = {"bootstrap.servers": "localhost:9092"}
        if settings is not None:
            properties = kafka_properties(settings)
            if topic is None and len(settings.kafka.topics) > 1:
                raise UserError(
                    "the configuration reads several topics",
                    hint=f"say which: --topic, one of {', '.join(settings.kafka.topics)}",
                )
            topic = topic or settings.kafka.topics[0]
        if servers is not None:
            properties["bootstrap.servers"] = servers
        return cls(topic or "trade.order.events", properties)

    def require(self, *, create: bool) -> None:
        """Say at once where the broker or the topic is missing: a record for no topic waits until it times out.

        Raises:
            Unreachable: one of them is.
        """
        check = TopicCheck(self.properties, BROKER_SECONDS)
        if create:
            check.ensure(TopicToMake(self.topic, NEW_PARTITIONS, replication_factor=-1, create=True), {})
        else:
            check.require([self.topic], mend="--create makes it")


def _schema_id(schema: EventSchema, topic: str, encoding: Encoding, registry: str | None, config: Path | None) -> int:
    there = open_registry(registry, config) if encoding is Encoding.AVRO else None
    if there is None:
        return folder_id(schema.fingerprint)
    with closing(there):
        return there.register(f"{topic}-{schema.name}", schema.avro)


def _write(
    producer: EventProducer,
    topic: str,
    encoder: EventEncoder,
    events: Iterable[Mapping[str, object]],
    key: str,
    rate: float | None,
) -> int:
    """Write them, at that rate where there is one, and wait for every acknowledgement; how many there were."""
    begun = time.monotonic()
    for number, event in enumerate(events):
        value, headers = encoder.encode(event, number)
        producer.send(topic, str(event[key]) if event.get(key) is not None else None, value, headers)
        if rate is not None:
            time.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))
        if number % PROGRESS_EVERY == PROGRESS_EVERY - 1:
            print(f"{number + 1} written …", file=sys.stderr)
    producer.flush()
    return producer.written


def _schema(folder: Path, wanted: str) -> EventSchema:
    catalogue = read_schemas(folder)
    found = [name for name in catalogue if name == wanted or name.endswith(f".{wanted}")]
    schema = catalogue.newest(found[0]) if len(found) == 1 else None
    if schema is None:
        raise UserError(
            f"`{wanted}` names {'several types' if found else 'no type'} in {folder}",
            hint=f"there are {', '.join(found)}" if found else _near(wanted, list(catalogue)),
        )
    return schema


def _near(wanted: str, names: Sequence[str]) -> str:
    """The name that may be meant, by its end as people write it; else all of them."""
    ends = [name.split(".", start)[-1] for name in names for start in range(name.count(".") + 1)]
    near = difflib.get_close_matches(wanted, ends, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"


def _examples(schema: EventSchema, count: int, seed: int) -> Iterator[Mapping[str, object]]:
    rng = random.Random(seed).random  # noqa: S311 - examples, not secrets
    return (example(schema, rng, number) for number in range(count))


def _given(file: Path, reader: JsonReader, event_type: str) -> Iterator[Mapping[str, object]]:
    """The data of every event of a file.

    Raises:
        UserError: one of them is of another type, or does not fit its schema.
    """
    for where, given in given_events(file):
        if given.type not in {None, event_type}:
            raise UserError(f"{where}: an event of type `{given.type}`, not `{event_type}`")
        try:
            reader.read(given.data)
        except SchemaMismatch as mismatch:
            raise UserError(f"{where}: {mismatch.message}", hint=mismatch.hint) from None
        if isinstance(given.data, Mapping):
            yield given.data

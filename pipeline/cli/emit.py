"""`emit`: put example or given events on a topic, for trying things out."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.avro import folder_id
from pipeline.adapters.event_writer import Encoding, EventEncoder, EventProducer, check_broker
from pipeline.adapters.schema_files import read_schemas
from pipeline.adapters.schema_registry import RegistryOptions, SchemaRegistry
from pipeline.errors import UserError
from pipeline.rules.examples import example
from pipeline.rules.schema import EventSchema


def command(
    event_type: Annotated[str, typer.Argument(help="Event type, whole or its end: `order.paid.v1`.", metavar="TYPE")],
    topic: Annotated[str, typer.Option(help="Topic to write to.")] = "trade.order.events",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many examples.")] = 1,
    file: Annotated[
        Path | None,
        typer.Option(help="Given events instead: JSON, a list of it, or one on each line; `-`: standard input."),
    ] = None,
    bootstrap_servers: Annotated[str, typer.Option(help="Brokers.")] = "localhost:9092",
    schemas: Annotated[Path, typer.Option(help="Folder with *.avsc.")] = Path("schemas/events"),
    registry: Annotated[str | None, typer.Option(help="Register the schema here and write its id.")] = None,
    encoding: Annotated[Encoding, typer.Option(help="How to write them.")] = Encoding.AVRO,
    key: Annotated[str, typer.Option(help="Field that becomes the key.")] = "sub",
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Events per second; default: as fast as it goes.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same examples.")] = 1,
    only_print: Annotated[bool, typer.Option("--print", help="Show them; write nothing.")] = False,
) -> None:
    """Put events on a topic: examples made from the schema, or your own.

    Examples: `notice-pipeline emit order.paid.v1 -n 100` · `notice-pipeline emit order.paid.v1 --file events.jsonl`
    """
    schema = _schema(schemas, event_type)
    events = _given(file) if file is not None else _examples(schema, count, seed)
    if only_print:
        for event in events:
            print(json.dumps(event, ensure_ascii=False))
        return
    properties = {"bootstrap.servers": bootstrap_servers}
    check_broker(properties, 10)
    schema_id = folder_id(schema.fingerprint)
    if registry is not None and encoding is Encoding.AVRO:
        schema_id = SchemaRegistry(RegistryOptions(registry.rstrip("/"))).register(
            f"{topic}-{schema.name}", schema.avro
        )
    encoder = EventEncoder(schema, schema_id, encoding)
    producer = EventProducer(properties)
    begun = time.monotonic()
    for number, event in enumerate(events):
        value, headers = encoder.encode(event, number)
        producer.send(topic, str(event[key]) if event.get(key) is not None else None, value, headers)
        if rate is not None:
            time.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))
    producer.flush()
    print(f"{producer.written} events of {schema.name} on {topic}", file=sys.stderr)


def _schema(folder: Path, wanted: str) -> EventSchema:
    catalogue = read_schemas(folder)
    found = [name for name in catalogue if name == wanted or name.endswith(f".{wanted}")]
    schema = catalogue.newest(found[0]) if len(found) == 1 else None
    if schema is None:
        raise UserError(
            f"`{wanted}` names {'several types' if found else 'no type'} in {folder}",
            hint=f"there are {', '.join(found or catalogue)}",
        )
    return schema


def _examples(schema: EventSchema, count: int, seed: int) -> Iterator[Mapping[str, object]]:
    dice = random.Random(seed).random  # noqa: S311 - examples, not secrets
    return (example(schema, dice, number) for number in range(count))


def _given(file: Path) -> Iterator[Mapping[str, object]]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    try:
        whole = json.loads(text)
        events = whole if isinstance(whole, list) else [whole]
    except ValueError:
        events = [_line(file, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for event in events:
        if not isinstance(event, dict):
            raise UserError(f"{file}: an event is a JSON object")
        yield event


def _line(file: Path, number: int, line: str) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise UserError(f"{file}:{number}: not JSON: {error}") from None

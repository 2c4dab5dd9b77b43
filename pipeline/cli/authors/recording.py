"""Reads the recorded events of a topic, for commands that evaluate rules on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.cli.bounds import read_bound
from pipeline.errors import SchemaUnavailable, Undecodable, Unreachable, UserError
from pipeline.model.event import Event, Record
from pipeline.phrases import joined, phrase

if TYPE_CHECKING:
    from pipeline.adapters.events.decoder import EventDecoder
    from pipeline.settings import Settings

REGISTRY_SECONDS = 30.0
"""Timeout for a schema of the registry."""

OnFault = Callable[[str, str], None]
"""Called for each record that cannot be decoded, with the reason and a message with its position."""
Progressed = Callable[[int, int], None]
"""Called with the number of records read and the total."""


def from_topic(
    settings: Settings, topic: str | None, start: str | None, end: str | None, on_fault: OnFault, progressed: Progressed
) -> Iterator[Event]:
    """Yield the events of a topic between two bounds, decoded as the service with these settings does.

    Raises:
        UserError: a bound is invalid, or broker, topic or registry cannot be reached.
    """
    from pipeline.adapters.kafka.range import Span, TopicRange  # noqa: PLC0415 - Kafka's client, for those who read it
    from pipeline.bootstrap.events import find_decoder, service_schemas  # noqa: PLC0415 - clients of Kafka and the registry
    from pipeline.bootstrap.kafka import kafka_properties  # noqa: PLC0415 - and the settings

    now = datetime.now(UTC)  # noqa: TID251 - relative bounds of --from and --to start here
    span = Span(read_bound(start, "--from", now), read_bound(end, "--to", now))
    schemas = service_schemas(settings)
    properties, name = kafka_properties(settings), _topic(topic, settings.kafka.topics)
    registry = closing(schemas.registry) if schemas.registry is not None else nullcontext()
    with registry, TopicRange(properties, name, span) as records:
        decoder = find_decoder(settings, schemas)
        for record in records.records(progressed):
            try:
                yield decoded(decoder, record)
            except Undecodable as fault:
                on_fault(fault.reason.value, f"{record.position}: {fault.detail}")


def _topic(given: str | None, known: tuple[str, ...]) -> str:
    if given is None and len(known) > 1:
        raise UserError(
            phrase("the configuration reads several topics"),
            hint=phrase("name one: --topic {known}", known=joined(" or ", known)),
        )
    return given or known[0]


def decoded(decoder: EventDecoder, record: Record, seconds: float = REGISTRY_SECONDS) -> Event:
    """Decode a record, asking the registry for its schema for so long at most.

    Raises:
        Undecodable: the record is not an event.
        Unreachable: the registry does not answer.
    """
    try:
        return decoder.decode(record)
    except SchemaUnavailable:
        _prepare(decoder, record, seconds)
        return decoder.decode(record)


def _prepare(decoder: EventDecoder, record: Record, seconds: float) -> None:
    import asyncio  # noqa: PLC0415 - needed only for the registry

    try:
        asyncio.run(asyncio.wait_for(decoder.prepare(record), seconds))
    except TimeoutError:
        message = phrase("the schema registry did not answer within {seconds:.0f} s", seconds=seconds)
        raise Unreachable(message, hint=phrase("is schemas.registry_url right?")) from None

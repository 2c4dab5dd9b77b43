"""Decode a record of the past, and wait for its schema."""

from __future__ import annotations

import asyncio

from pipeline.errors import SchemaUnavailable, Unreachable
from pipeline.model.event import Event, Record
from pipeline.ports import Decoder

REGISTRY_SECONDS = 30.0


def decoded(decoder: Decoder, record: Record) -> Event:
    """Return the event.

    Raises:
        Tombstone: the record has no value and means a deletion.
        Undecodable: it is not an event.
        Unreachable: the registry does not answer.
    """
    try:
        return decoder.decode(record)
    except SchemaUnavailable:
        _prepare(decoder, record)
        return decoded(decoder, record)


def _prepare(decoder: Decoder, record: Record) -> None:
    async def within_time() -> None:
        await asyncio.wait_for(decoder.prepare(record), REGISTRY_SECONDS)

    try:
        asyncio.run(within_time())
    except TimeoutError:
        raise Unreachable(
            f"the schema registry returned no schema for {record.position} within {REGISTRY_SECONDS:.0f} s"
        ) from None

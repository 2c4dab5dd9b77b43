"""The schemas that events were written with: known from the start, or asked of the registry off the hot path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import UUID

import structlog

from pipeline.adapters.events.avro import AvroReader
from pipeline.errors import SchemaError, SchemaUnavailable, Undecodable
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema

SchemaKey = int | UUID
"""A registry's id, or its GUID for the schema."""

LookUp = Callable[[SchemaKey], Mapping[str, object] | None]
"""Key to schema; None: there is none. May block; raises `SchemaUnavailable` or `SchemaError`."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds between two questions to a registry that does not answer."""

ASK_AGAIN_SECONDS = 30.0
"""How long "there is no such schema" is believed: a registry's replica may lag behind its writer."""

MAX_REFUSALS = 1_000
"""Refusals kept in mind; records of random bytes name as many ids as they like."""

log = structlog.get_logger("schemas")


class _Refusal(NamedTuple):
    reason: Reason
    detail: str
    until: float
    """By the monotonic clock."""


class WriterSchemas:
    """Readers by schema id."""

    def __init__(
        self,
        look_up: LookUp | None,
        known: Mapping[int, EventSchema],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`known` need no asking; `look_up` asks the registry, None where there is none.

        Raises:
            SchemaError: fastavro refuses a known schema.
        """
        self.readers: dict[SchemaKey, AvroReader] = {number: AvroReader(schema) for number, schema in known.items()}
        self._look_up = look_up
        self._monotonic = monotonic
        self._refusals: dict[SchemaKey, _Refusal] = {}
        self._asking: dict[SchemaKey, asyncio.Lock] = {}

    def refuse(self, key: SchemaKey) -> Exception:
        """Why there is no reader for `key`.

        `SchemaUnavailable` where the registry is to be asked, `Undecodable` where it has been or there is none.
        """
        if self._look_up is None:
            return Undecodable(Reason.UNKNOWN_SCHEMA, f"no schema {key} in the folder, and no registry is configured")
        refusal = self._refusals.get(key)
        if refusal is None or refusal.until < self._monotonic():
            return SchemaUnavailable(f"schema {key} is not known yet")
        return Undecodable(refusal.reason, refusal.detail)

    async def prepare(self, key: SchemaKey) -> None:
        """Ask the registry until it answers; then `readers` has the key, or `refuse` tells why not."""
        if self._look_up is None:
            return
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:  # one question for all partitions that wait for the same schema
            wait = FIRST_WAIT
            while key not in self.readers and isinstance(self.refuse(key), SchemaUnavailable):
                try:
                    await asyncio.to_thread(self._ask, self._look_up, key)
                except SchemaUnavailable as error:
                    log.warning("registry_unavailable", schema=str(key), error=str(error), retry_in_seconds=wait)
                    await asyncio.sleep(wait)
                    wait = min(LONGEST_WAIT, wait * 2)
        self._asking.pop(key, None)

    def _ask(self, look_up: LookUp, key: SchemaKey) -> None:
        try:
            avro = look_up(key)
            if avro is None:
                self._remember(key, Reason.UNKNOWN_SCHEMA, f"the registry has no schema {key}")
            else:
                self.readers[key] = AvroReader(EventSchema(avro, f"schema {key}"))
        except SchemaError as error:
            self._remember(key, Reason.UNSUPPORTED_SCHEMA, error.message)

    def _remember(self, key: SchemaKey, reason: Reason, detail: str) -> None:
        self._refusals.pop(key, None)
        while len(self._refusals) >= MAX_REFUSALS:
            self._refusals.pop(next(iter(self._refusals)))
        self._refusals[key] = _Refusal(reason, detail[:300], self._monotonic() + ASK_AGAIN_SECONDS)

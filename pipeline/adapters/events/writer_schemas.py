"""The schemas that events were written with: known from the start, or asked of the registry off the hot path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import structlog

from pipeline.adapters.events.avro import AvroReader, UnionReader
from pipeline.errors import SchemaError, SchemaUnavailable, Undecodable
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema

SchemaKey = int | UUID
"""A registry's id, or its GUID for the schema."""

Avro = Mapping[str, object] | Sequence[Mapping[str, object] | None]
"""A record's schema; or, of a schema that is a union, one for each branch, None for a branch that is not a record."""

LookUp = Callable[[SchemaKey], Avro | None]
"""Key to schema; None: there is none. May block; raises `SchemaUnavailable` or `SchemaError`."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds between two questions to a registry that does not answer."""

MISSING_REQUESTS, MISSING_SECONDS = 5, 30.0
"""How often a registry is asked that says "there is no such schema", and how much waiting for that is allowed at once:
its replica may lag behind its writer, and records of random bytes name as many ids as they like. What was waited is
allowed again at a tenth of the speed."""

ASK_AGAIN_SECONDS = 30.0
"""How long the last "there is no such schema" is believed."""

MAX_REFUSALS = 1_000
"""Refusals that are remembered; records of random bytes name as many ids as they like."""

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
        newest: Callable[[str], EventSchema | None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`known` schemas are not looked up; `look_up` asks the registry, None where there is none.

        `newest` gives the version of an event type that rules know: events of other versions are read as that one.

        Raises:
            SchemaError: fastavro refuses a known schema.
        """
        self.readers: dict[SchemaKey, AvroReader | UnionReader] = {
            number: AvroReader(schema, newest(schema.name)) for number, schema in known.items()
        }
        self._look_up = look_up
        self._newest = newest
        self._monotonic = monotonic
        self.unavailable: str | None = None
        """Why the registry gave no schema when it was asked last; None if it answered."""
        self._refusals: dict[SchemaKey, _Refusal] = {}
        self._asking: dict[SchemaKey, asyncio.Lock] = {}
        self._allowance = MISSING_SECONDS
        self._allowance_at = monotonic()

    def prepared(
        self, known: Mapping[int, EventSchema], newest: Callable[[str], EventSchema | None]
    ) -> Callable[[], None]:
        """Make the readers for other `known` schemas, or for another `newest`, on any thread.

        The function that is returned puts them in use, on the thread that decodes. What the registry gave is kept.

        Raises:
            SchemaError: fastavro refuses a known schema.
        """
        made = {key: _remade(reader, newest) for key, reader in list(self.readers.items())}
        made |= {number: AvroReader(schema, newest(schema.name)) for number, schema in known.items()}

        def use() -> None:
            self._newest = newest
            since = {key: _remade(reader, newest) for key, reader in self.readers.items() if key not in made}
            self.readers.update({**since, **made})

        return use

    def refuse(self, key: SchemaKey) -> Exception:
        """The reason that there is no reader for `key`.

        `SchemaUnavailable` where the registry must be asked, `Undecodable` where it has answered or there is none.
        """
        if self._look_up is None:
            return Undecodable(Reason.UNKNOWN_SCHEMA, f"no schema {key} in the folder, and no registry is configured")
        refusal = self._refusals.get(key)
        if refusal is None or refusal.until < self._monotonic():
            return SchemaUnavailable(f"schema {key} is not known yet")
        return Undecodable(refusal.reason, refusal.detail)

    async def prepare(self, key: SchemaKey) -> None:
        """Ask the registry until it answers; then `readers` has the key, or `refuse` gives the reason."""
        if self._look_up is None:
            return
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:  # one question for all partitions that wait for the same schema
            wait, asked = FIRST_WAIT, 0
            while key not in self.readers and isinstance(self.refuse(key), SchemaUnavailable):
                try:
                    found = await asyncio.to_thread(self._ask, self._look_up, key)
                except SchemaUnavailable as error:
                    self.unavailable = str(error)
                    log.warning("registry_unavailable", schema=str(key), error=str(error), retry_in_seconds=wait)
                else:
                    self.unavailable = None
                    asked += 1
                    if found:
                        break
                    if asked >= MISSING_REQUESTS or not self._may_wait(wait):
                        self._remember(key, Reason.UNKNOWN_SCHEMA, f"the registry has no schema {key}")
                        log.warning("schema_unknown", schema=str(key), times_asked=asked)
                        break
                await asyncio.sleep(wait)
                wait = min(LONGEST_WAIT, wait * 2)
        self._asking.pop(key, None)

    def _may_wait(self, seconds: float) -> bool:
        now = self._monotonic()
        self._allowance = min(MISSING_SECONDS, self._allowance + (now - self._allowance_at) / 10)
        self._allowance_at = now
        if self._allowance < seconds:
            return False
        self._allowance -= seconds
        return True

    def _ask(self, look_up: LookUp, key: SchemaKey) -> bool:
        """Ask once; whether the registry has the schema, readable or not."""
        try:
            avro = look_up(key)
            if avro is None:
                return False
            newest = self._newest
            self.readers[key] = self._reader(key, avro)
            if self._newest is not newest:  # replaced in the meantime
                self.readers[key] = self._reader(key, avro)
        except SchemaError as error:
            self._remember(key, Reason.UNSUPPORTED_SCHEMA, error.message)
            log.warning("schema_unsupported", schema=str(key), error=error.message)
        except (SchemaUnavailable, MemoryError):
            raise
        except Exception as error:  # one schema must not end the service
            self._remember(key, Reason.INTERNAL_ERROR, f"reading the schema raised {type(error).__name__}")
            log.error("schema_failed", schema=str(key), error=type(error).__name__, exc_info=error)
        return True

    def _reader(self, key: SchemaKey, avro: Avro) -> AvroReader | UnionReader:
        if isinstance(avro, Mapping):
            return self._record_reader(key, avro)
        return UnionReader([None if branch is None else self._record_reader(key, branch) for branch in avro])

    def _record_reader(self, key: SchemaKey, avro: Mapping[str, object]) -> AvroReader:
        schema = EventSchema(avro, f"schema {key}")
        return AvroReader(schema, self._newest(schema.name))

    def _remember(self, key: SchemaKey, reason: Reason, detail: str) -> None:
        self._refusals.pop(key, None)
        while len(self._refusals) >= MAX_REFUSALS:
            self._refusals.pop(next(iter(self._refusals)))
        self._refusals[key] = _Refusal(reason, detail[:300], self._monotonic() + ASK_AGAIN_SECONDS)


def _remade(reader: AvroReader | UnionReader, newest: Callable[[str], EventSchema | None]) -> AvroReader | UnionReader:
    """A reader of the same schema, which resolves events to another version."""
    if isinstance(reader, AvroReader):
        return AvroReader(reader.schema, newest(reader.schema.name))
    return UnionReader(
        [
            None if branch is None else AvroReader(branch.schema, newest(branch.schema.name))
            for branch in reader.branches
        ]
    )

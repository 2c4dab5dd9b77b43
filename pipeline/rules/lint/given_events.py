"""The event that a case gives: from an example, a whole event or a file, with fields set on top."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.model.event import Event, Record
from pipeline.phrases import joined, phrase
from pipeline.rules.lint.cases import Case
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.examples import example
from pipeline.rules.schema.json_events import SchemaMismatch, from_json, plain_json
from pipeline.rules.schema.types import FieldType, MapType, RecordType, without_null
from pipeline.rules.source.document import Path


class FileEvent(NamedTuple):
    """The event in a file that a test names, its data still as JSON."""

    type: str | None
    """None: the file does not say it."""
    data: Mapping[str, object]


EventFiles = Mapping[str, FileEvent | str]
"""By `file_key`: the event in each file that tests name, or a text that says why it has none."""

_WHEN = datetime(2026, 11, 23, 7, 1, tzinfo=UTC)
"""When an event happened whose test does not say: that of the examples."""


class Unfit(UserError):
    """A case gives an event that could not exist; `path` is where in its file."""

    def __init__(self, path: Path, message: str, hint: str | None = None, *, at_key: bool = False) -> None:
        """`at_key`: the fault is the key's, not the value's."""
        super().__init__(message, hint=hint)
        self.path = path
        self.at_key = at_key


def file_key(test_file: str, name: str) -> str:
    """How `EventFiles` names a file: two folders of tests may each have an `events/paid.json`."""
    return f"{test_file}\n{name}"


def given(case: Case, schemas: SchemaCatalogue, files: EventFiles) -> Event:
    """The event, its data as the service would have decoded it.

    Raises:
        Unfit: it does not fit its schema, or cannot be made.
    """
    schema, value = schemas.newest(case.event.type), event_json(case, schemas, files)
    try:
        data = from_json(schema, value) if schema is not None else plain_json(value)
    except SchemaMismatch as mismatch:
        raise _at_its_path(case, mismatch) from None
    assert isinstance(data, dict)  # noqa: S101 - it started as an object and stays one
    timestamp_ms = int(_event_time(case).timestamp() * 1_000)
    record = Record("test", 0, 0, None, None, (), timestamp_ms)
    return Event(case.event.type, data, record, f"test/{case.name}", None, None, timestamp_ms, None, None)


def event_json(case: Case, schemas: SchemaCatalogue, files: EventFiles) -> Mapping[str, object]:
    """The data of the event as JSON, which need not fit the schema.

    Raises:
        Unfit: it cannot be made.
    """
    schema = schemas.newest(case.event.type)
    value = _begun(case, schema, files)
    for _, override in case.overrides:
        value = _laid_over(value, override, schema.root if schema is not None else None)
    return value


def _begun(case: Case, schema: EventSchema | None, files: EventFiles) -> Mapping[str, object]:
    event, path = case.event, case.event_path
    given_keys = {"example": event.example, "data": event.data is not None, "file": event.file is not None}
    named = [key for key, is_given in given_keys.items() if is_given]
    if len(named) != 1:
        message = (
            phrase("an event begins with one thing, not with {named}", named=joined(" and ", named))
            if named
            else phrase("the event has no data")
        )
        hint = phrase("one of `example: true`, `data: {…}` and `file: …`")
        raise Unfit((*path, named[1]) if named else path, message, hint, at_key=True)
    if event.data is not None:
        return event.data
    if event.file is not None:
        return _from_file(case, event.file, files)
    if schema is None:
        hint = phrase("give the event whole with `data:`, or add the schema")
        message = phrase("no schema of `{type}` is known to make an example from", type=event.type)
        raise Unfit((*path, "example"), message, hint, at_key=True)
    # Always the middle: an example that stays the same when the schema gets another field.
    return example(schema, lambda: 0.5)


def _from_file(case: Case, name: str, files: EventFiles) -> Mapping[str, object]:
    path: Path = (*case.event_path, "file")
    found = files.get(file_key(case.document.path, name), phrase("was not read"))
    if isinstance(found, str):
        raise Unfit(path, phrase("`{name}` {found}", name=name, found=found))
    if found.type not in {None, case.event.type}:
        raise Unfit(
            path,
            phrase(
                "`{name}` holds an event of type `{type}`, not `{needed}`",
                name=name,
                type=found.type,
                needed=case.event.type,
            ),
        )
    return found.data


def _laid_over(base: Mapping[str, object], above: Mapping[str, object], kind: FieldType | None) -> dict[str, object]:
    """`base` with the fields of `above` set; within records only those named, lists and maps as a whole."""
    result = dict(base)
    for name, value in above.items():
        before = result.get(name)
        inner = _field_type(kind, name)
        is_record = isinstance(inner, RecordType) or (kind is None and isinstance(before, Mapping))
        if is_record and isinstance(before, Mapping) and isinstance(value, Mapping):
            result[name] = _laid_over(before, value, inner)
        else:
            result[name] = value
    return result


def _field_type(kind: FieldType | None, name: str) -> FieldType | None:
    field = kind.field(name) if isinstance(kind, RecordType) else None
    if field is None:
        return kind.value if isinstance(kind, MapType) else None
    return without_null(field.type)


def _event_time(case: Case) -> datetime:
    if case.event.time is None:
        return _WHEN
    path: Path = (*case.event_path, "time")
    hint = phrase("write it like 2026-11-23T15:01:00Z")
    try:
        timestamp = datetime.fromisoformat(case.event.time)
    except ValueError:
        raise Unfit(path, phrase("`{time}` is not a time", time=case.event.time), hint) from None
    if timestamp.tzinfo is None:
        raise Unfit(path, phrase("the time has no zone; write Z or +08:00 after it"), hint)
    return timestamp


def _at_its_path(case: Case, mismatch: SchemaMismatch) -> Unfit:
    """The path of the value: where the field is set last, else the event."""
    steps: Path = tuple(
        step.removeprefix(".") if step.startswith(".") else int(step.strip("[]")) for step in mismatch.location
    )
    at_key = "has no such field" in mismatch.message
    message = phrase("`event{where}`: {fault}", where="".join(mismatch.location), fault=mismatch.fault)
    for path in (*(path for path, _ in reversed(case.overrides)), (*case.event_path, "data")):
        if steps and (*path, steps[0]) in case.document.keys:
            return Unfit((*path, *steps), message, mismatch.hint, at_key=at_key)
    event_path = (*case.event_path, "file") if case.event.file is not None else case.event_path
    return Unfit(event_path, message, mismatch.hint, at_key=case.event.file is None)

"""Encode outcomes to framed Avro, with a function generated from schemas/outcome.avsc when the program starts.

A new field takes two steps: append it to the schema, and name its value in `CODECS`. A field without an entry is
written as its default. fastavro would try out the branches of each nullable field, which costs more than everything
else here (docs/decisions/hot-path.md); property tests compare the bytes with fastavro's.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from math import floor
from typing import Any, NamedTuple

import fastavro

from pipeline.adapters.events.avro import frame
from pipeline.adapters.kafka import outcome_bytes
from pipeline.adapters.kafka.outcome_bytes import ABSENT
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.model.event import Origin, Position
from pipeline.model.once import OnceUntil
from pipeline.model.outcome import Because, Outcome
from pipeline.rules.schema.avro_values import FIRST_SECOND, LAST_SECOND
from pipeline.rules.schema.event_schema import without_logical_types

RecipientEncoding = Callable[[str], str | None]
"""Returns a recipient, or a reference, as it appears in outcomes: in clear, hashed, or None (omitted)."""

_USUALLY_ABSENT = "usually absent"
"""Groups the fields that are absent in most outcomes."""
_LONG_BITS = 63
_CACHED = 4_096
"""Cached combinations of values of each group of repeating fields."""


class Codec(NamedTuple):
    """How the value of one field is computed."""

    value: str
    """A Python expression of the names of `_UNPACKED` and of `Outcome`'s other fields."""
    repeats: str | None = None
    """Fields with few different values share a cache of this name. Their `value` must be a name."""
    null_if: str | None = None
    """When a nullable field is null, where that is not "the value is None"."""
    absent_if: str | None = None
    """When the value is null, empty or 0, as it is in most outcomes: adjacent fields of this kind are tested at
    once, so that they cost little while nothing uses them."""


_UNPACKED: Mapping[str, tuple[str, ...]] = {"position": Position._fields, "origin": Origin._fields}
"""Fields of `Outcome` that are tuples themselves, with the names of their items."""

CODECS: Mapping[str, Codec] = {
    "outcome_id": Codec("id"),
    "kind": Codec("kind", "source"),
    "reason": Codec("reason", "source"),
    "topic": Codec("topic", "source"),
    "partition": Codec("partition", "source"),
    "offset": Codec("offset"),
    "group": Codec("group", "source"),
    "cluster_id": Codec("cluster_id", "source"),
    "topic_id": Codec("topic_id", "source"),
    "event_type": Codec("event_type", "rule"),
    "event_id": Codec("event_id", absent_if="event_id is None"),
    "event_source": Codec("event_source", absent_if="event_source is None"),
    "event_time": Codec("event_time", null_if="event_time is None or not FIRST_SECOND <= event_time <= LAST_SECOND"),
    "rule": Codec("rule", "rule"),
    "rules_version": Codec("rules_version", "rule"),
    "template": Codec("template", "rule"),
    "recipient": Codec("None if recipient is None else encode_recipient(recipient)"),
    "attempts": Codec("attempts", "rule"),
    "http_status": Codec("status", "rule"),
    "body_code": Codec("code", "rule"),
    "received_at": Codec("received_at"),
    "first_attempt_at": Codec("first_attempt_at"),
    "finished_at": Codec("finished_at"),
    "redelivered": Codec("redelivered"),
    "detail": Codec("detail", absent_if="not detail"),
    "traceparent": Codec("trace.traceparent", null_if="trace is None", absent_if="trace is None"),
    "redrives": Codec("redrives", absent_if="not redrives"),
    "first_topic": Codec("first.topic", null_if="first is None", absent_if="first is None"),
    "first_partition": Codec("first.partition", null_if="first is None", absent_if="first is None"),
    "first_offset": Codec("first.offset", null_if="first is None", absent_if="first is None"),
    "reference": Codec("None if reference is None else encode_reference(reference)", absent_if="reference is None"),
    "because": Codec("because", null_if="not because", absent_if="not because"),
    "intent_partition": Codec("intent.partition", null_if="intent is None", absent_if="intent is None"),
    "intent_offset": Codec("intent.offset", null_if="intent is None", absent_if="intent is None"),
    "item": Codec("item", absent_if="item is None"),
    "category": Codec("category", absent_if="category is None"),
    "once": Codec("once", absent_if="once is None"),
}

_WRITTEN: Mapping[str, str] = {
    "string": "text({})",
    "int": "long({})",
    "long": "long({})",
    "timestamp-millis": "timestamp(floor({} * 1000 + 0.5))",  # round() costs three times as much
    "boolean": "(TRUE if {} else FALSE)",
    "array": "because_bytes({})",
    "record": "once_bytes({})",
}
"""The bytes of a value, by its Avro type."""


class OutcomeEncoder:
    """Outcome to framed bytes."""

    def __init__(
        self,
        schema_id: int,
        encode_recipient: RecipientEncoding,
        encode_reference: RecipientEncoding = lambda _: None,
    ) -> None:
        """`schema_id` is written into each record's frame."""
        self._frame = frame(schema_id)
        self._encode_recipient = encode_recipient
        self._encode_reference = encode_reference
        self._write = _generated(outcome_schema())

    def use(self, encode_recipient: RecipientEncoding, encode_reference: RecipientEncoding) -> None:
        """Write recipients and references in these forms from now on."""
        self._encode_recipient = encode_recipient
        self._encode_reference = encode_reference

    def reference(self, outcome: Outcome) -> str | None:
        """Return the outcome's reference in the form that outcomes have it, for dead letters."""
        return None if outcome.reference is None else self._encode_reference(outcome.reference)

    def __call__(self, outcome: Outcome) -> bytes:
        """Return the record's value; replace what Avro cannot encode (see `_writable`), so that no outcome is lost."""
        write = self._write
        try:
            return write(outcome, self._frame, self._encode_recipient, self._encode_reference)
        except (ValueError, OverflowError):
            encoded = None if outcome.recipient is None else self._encode_recipient(outcome.recipient)
            writable = None if encoded is None else _whole_characters(encoded)
            reference = self.reference(outcome)
            known = None if reference is None else _whole_characters(reference)
            return self._write(Outcome._make(map(_writable, outcome)), self._frame, lambda _: writable, lambda _: known)


def _writable(value: object) -> object:
    """Return the value as far as Avro can encode it: an API may answer with a code beyond 64 bits."""
    if isinstance(value, str):
        return _whole_characters(value)
    if isinstance(value, Position):
        return Position._make(map(_writable, value))
    if isinstance(value, Origin):
        return Origin._make(map(_writable, value))
    if isinstance(value, Because):
        return Because._make(map(_writable, value))
    if isinstance(value, OnceUntil):
        return OnceUntil._make(map(_writable, value))
    if type(value) is tuple:  # `because`; the other tuples have names
        return tuple(map(_writable, value))
    if isinstance(value, int) and value.bit_length() > _LONG_BITS:
        return None
    return value


def _whole_characters(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


_Write = Callable[[Outcome, bytes, RecipientEncoding, RecipientEncoding], bytes]


def _generated(schema: Mapping[str, Any]) -> _Write:
    """Generate the function that encodes one outcome: values in the schema's order, repeating ones from a cache."""
    names: dict[str, Any] = {
        **vars(outcome_bytes),
        "because_bytes": outcome_bytes.because,  # not under its name, which is a field's
        "once_bytes": outcome_bytes.once,
        "floor": floor,
        "FIRST_SECOND": FIRST_SECOND,
        "LAST_SECOND": LAST_SECOND,
    }
    parts = ["frame"]
    cached: dict[str, list[list[str]]] = {}
    values: dict[str, list[str]] = {}
    for shared, run in groupby(schema["fields"], _shared):
        fields = list(run)
        if shared is _USUALLY_ABSENT:
            parts.append(_run_of_absent(fields, f"absent_{len(parts)}", names))
        elif shared is None:
            parts.extend(map(_bytes_of, fields))
        else:
            values.setdefault(shared, []).extend(CODECS[field["name"]].value for field in fields)
            runs = cached.setdefault(shared, [])
            runs.append(list(map(_bytes_of, fields)))
            parts.append(f"{shared}_{len(runs)}")
    lines = ["def write(outcome, frame, encode_recipient, encode_reference):"]
    lines.append(f"    ({', '.join(map(_target, Outcome._fields))},) = outcome")
    for name, runs in cached.items():
        given = ", ".join(values[name])
        result = ", ".join(" + ".join(run) for run in runs)
        names[f"{name}_of"] = lru_cache(_CACHED)(
            _defined(f"def {name}_of({given}):\n    return ({result},)", f"{name}_of", names)
        )
        lines.append(f"    ({', '.join(f'{name}_{number + 1}' for number in range(len(runs)))},) = {name}_of({given})")
    lines.append(f"    return b''.join(({', '.join(parts)},))")
    write: _Write = _defined("\n".join(lines), "write", names)
    return write


def _shared(field: Mapping[str, Any]) -> str | None:
    """Return what a field may share with adjacent ones: `_USUALLY_ABSENT`, the name of a cache, or None."""
    codec = CODECS.get(field["name"])
    return _USUALLY_ABSENT if codec is None or codec.absent_if is not None else codec.repeats


def _run_of_absent(fields: Sequence[Mapping[str, Any]], name: str, names: dict[str, Any]) -> str:
    """Return the expression for adjacent fields that are absent in most outcomes, or that have no codec.

    `name` becomes that of their bytes where all are absent.
    """
    usual: list[bytes] = []
    conditions: dict[str | None, None] = {}
    written: list[str] = []
    for has_codec, run in groupby(fields, lambda field: field["name"] in CODECS):
        part = list(run)
        if has_codec:
            usual.append(ABSENT * len(part))
            conditions.update(dict.fromkeys(CODECS[field["name"]].absent_if for field in part))
            written.extend(map(_bytes_of, part))
        else:
            usual.append(b"".join(map(_default, part)))
            names[f"{name}_{len(written)}"] = usual[-1]
            written.append(f"{name}_{len(written)}")
    names[name] = b"".join(usual)
    if not conditions:
        return name
    return f"({name} if {' and '.join(map(str, conditions))} else b''.join(({', '.join(written)},)))"


def _target(name: str) -> str:
    """Return an outcome's field as an assignment target: unpacking costs a fifth of access by name."""
    return f"({', '.join(_UNPACKED[name])})" if name in _UNPACKED else name


def _bytes_of(field: Mapping[str, Any]) -> str:
    """Return the expression for the bytes of a field that has a codec."""
    (value, _, null_if, _), kind = CODECS[field["name"]], field["type"]
    if not isinstance(kind, list):
        written = _written(kind, value)
        return f"({written} if {value} else EMPTY)" if kind == "string" else written  # a call costs more than the test
    if null_if is None and not value.isidentifier():
        value, null_if = "value", f"(value := {value}) is None"
    return f"(NULL if {null_if or f'{value} is None'} else VALUE + {_written(kind[1], value)})"


def _written(kind: object, value: str) -> str:
    name = kind.get("logicalType", kind["type"]) if isinstance(kind, Mapping) else kind
    return _WRITTEN[str(name)].format(value)


def _default(field: Mapping[str, Any]) -> bytes:
    """Return the bytes of a field's default."""
    schema: Any = without_logical_types({"type": "record", "name": "One", "fields": [field]})
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), {field["name"]: field["default"]})
    return stream.getvalue()


def _defined(source: str, name: str, names: dict[str, Any]) -> Any:  # noqa: ANN401 - a function of its own signature
    # The source contains only names from `CODECS` and from the shipped schema.
    exec(compile(source, "<generated from schemas/outcome.avsc>", "exec"), names)  # noqa: S102
    return names[name]

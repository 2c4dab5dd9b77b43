"""The data of an event with recipients masked, and what else names a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from pipeline.authoring.examples.meanings import singular
from pipeline.authoring.masking.mask import Mask
from pipeline.authoring.masking.personal import FORMS, is_personal
from pipeline.authoring.masking.recipients import ANY, Path, Recipients
from pipeline.model.event import Event
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.types import (
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordReference,
    RecordType,
    Scalar,
    ScalarType,
)

SHORTEST_PART = 6
"""Characters of a masked value that is looked for within other texts."""
_WORD = re.compile(r'[^\x00-\x20\x7f"{}:,]{6,}')
"""What may be an id in a key that is JSON or Avro."""
_MASKABLE = frozenset({None, "uuid", "uuid-fixed"})
"""Logical types of texts that may be any text; a date in another form would be no date."""


class _Place(NamedTuple):
    """Where in an event a value is."""

    path: Path
    name: str
    """Of its field."""
    holder: str
    """What has the field."""
    kind: FieldType | None

    def below(self, step: str, kind: FieldType | None) -> _Place:
        """A field of it, or with `ANY` an item, which has the name of its list."""
        if step == ANY:
            return _Place((*self.path, ANY), singular(self.name), self.holder, kind)
        return _Place((*self.path, step), step, self.name, kind)

    @property
    def is_plain(self) -> bool:
        """Whether a text or number here is not bound to a form by its type."""
        kind = self.kind
        if not isinstance(kind, ScalarType):
            return True
        return not kind.symbols and kind.scalar is not Scalar.TIMESTAMP and kind.logical in _MASKABLE | {"recursive"}


_Leaf = Callable[[object, _Place], object]


class EventMasking:
    """Masks events of all types."""

    def __init__(self, mask: Mask, recipients: Recipients) -> None:
        self._mask = mask
        self._recipients = recipients

    def masked(self, event: Event, schema: EventSchema | None) -> Event:
        """The event with other data; `schema` is that in whose form the data is, if it has one.

        Masked are the values of recipients, of fields with a person's names, and of the record's key, wherever else
        they are in the event; and parts of texts that look like a telephone number, mail address or identity card.
        """
        paths = self._recipients.of(event.type)
        place = _Place((), "", "", None if schema is None else schema.root)
        values = _key_texts(event.record.key)

        def collect(value: object, at: _Place) -> object:
            if type(value) in {str, int} and self._is_marked(at, paths):
                values.add(str(value))
            return value

        _walk(event.data, place, collect, str)
        values.discard("")
        inside = _pattern(values)

        def text(found: str) -> str:
            if found in values:
                return self._mask.text(found)
            return inside.sub(lambda part: self._mask.text(part[0]), found)

        def leaf(value: object, at: _Place) -> object:
            if not at.is_plain:
                return value
            is_marked = self._is_marked(at, paths)
            if isinstance(value, str):
                return self._mask.text(value) if is_marked else text(value)
            if isinstance(value, bytes):
                return self._mask.raw(value) if is_marked else value
            if isinstance(value, int) and not isinstance(value, bool):
                is_elsewhere = len(str(value)) >= SHORTEST_PART and str(value) in values
                return self._mask.number(value) if is_marked or is_elsewhere else value
            return value

        data = _walk(event.data, place, leaf, text)
        assert isinstance(data, dict)  # noqa: S101 - made of an object
        return replace(event, data=data)

    def _is_marked(self, at: _Place, paths: frozenset[Path]) -> bool:
        return at.is_plain and (
            is_personal(at.name, at.holder)
            # A path may end at what holds the value, or go on where a function took the value for a list.
            or any(all(one in {step, ANY} for one, step in zip(path, at.path, strict=False)) for path in paths)
        )


def _key_texts(key: bytes | None) -> set[str]:
    """The record's key as the event may have it."""
    text = (key or b"").decode(errors="ignore")
    words = _WORD.findall(text)
    # In Avro's encoding a text follows its length, which may be a printable character.
    return {text, *words, *(word[1:] for word in words if text[:1] == "\0")}


def _pattern(values: set[str]) -> re.Pattern[str]:
    parts = sorted((re.escape(value) for value in values if len(value) >= SHORTEST_PART), key=len, reverse=True)
    return re.compile("|".join([*parts, FORMS.pattern]), re.ASCII)


def _walk(value: object, at: _Place, leaf: _Leaf, key_of: Callable[[str], str]) -> object:
    """The value with each plain value in it replaced by `leaf`, and the keys of maps by `key_of`."""
    kind = at.kind
    while isinstance(kind, NullableType) or (isinstance(kind, ScalarType) and kind.record is not None):
        kind = kind.inner if isinstance(kind, NullableType) else _definition(kind)
    at = at._replace(kind=kind)
    if isinstance(value, Mapping):
        if isinstance(kind, RecordType):
            types = {field.name: field.type for field in kind.fields}
            return {name: _walk(one, at.below(name, types.get(name)), leaf, key_of) for name, one in value.items()}
        below = kind.value if isinstance(kind, MapType) else None
        return {key_of(name): _walk(one, at.below(name, below), leaf, key_of) for name, one in value.items()}
    if isinstance(value, list):
        item = at.below(ANY, kind.item if isinstance(kind, ListType) else None)
        return [_walk(one, item, leaf, key_of) for one in value]
    return leaf(value, at)


def _definition(kind: ScalarType) -> RecordType:
    assert isinstance(kind.record, RecordReference)  # noqa: S101 - as its caller looked
    return kind.record.definition

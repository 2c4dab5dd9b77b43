"""What of an event a card may show: for each field its expression, the kinds of template fields, and its branches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from babel.numbers import list_currencies

from pipeline.authoring.drafting.labels import field_label, value_label
from pipeline.authoring.examples.meanings import Meaning, meaning_of, singular, snake
from pipeline.authoring.examples.words import Language
from pipeline.phrases import phrase
from pipeline.rules.lint.money_warnings import counts_cents, is_money
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.types import (
    READABLE_NAME,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordType,
    Scalar,
    ScalarType,
    without_null,
)

TIME, DATE = "YYYY年M月D日 HH:mm", "YYYY年M月D日"
_DECIMALS, _MOST_DECIMALS = 2, 6
"""Of a number without a scale; at most."""
MOST_LABELS = 12
"""Values of an enum that get a label of their own."""
NOTHING = "-"
"""Shown in place of a text that is missing."""
_ABSENT = f'"{NOTHING}"'


class Variant(NamedTuple):
    """A change of the event that takes another branch of an expression."""

    name: str
    change: Mapping[str, object]
    """As `with:` of a test: within records only the named fields."""


def _is(field: str, value: str, change: Mapping[str, object]) -> Variant:
    return Variant(phrase("{field} is {value}", field=field, value=value), change)


def _is_missing(field: str, change: Mapping[str, object]) -> Variant:
    return Variant(phrase("{field} is missing", field=field), change)


class ShownField(NamedTuple):
    """A field as a card may show it."""

    path: str
    """Such as `event.buyer.name`."""
    label: str
    expression: str
    """In CEL, without `${}`."""
    kinds: Sequence[str]
    """Kinds of template fields that take it, the best first."""
    variants: Sequence[Variant]
    rank: int
    """Its weight for the customer: the least first."""
    may_be_empty: bool = False
    """Whether it comes to nothing for some events: for optional fields only."""
    may_be_cut: bool = False
    holder: str = ""
    """The label of the record around it; empty for a field of the event itself."""


def shown_fields(schema: EventSchema, language: Language) -> list[ShownField]:
    """Every field that a card may show, in the schema's order; labels that would be equal name the record as well."""
    found = list(_Reader(schema, language).fields(schema.root, _Place(("event",))))
    times = Counter(one.label for one in found)
    return [one._replace(label=_longer(one, language)) if times[one.label] > 1 else one for one in found]


def _longer(field: ShownField, language: Language) -> str:
    if not field.holder:
        return field.label
    return f"{field.holder}{field.label}" if language == "zh" else f"{field.holder} {field.label.lower()}"


class _Place(NamedTuple):
    """A record, by its path, and the records around it that may be null."""

    parts: tuple[str, ...]
    nullable: tuple[tuple[str, ...], ...] = ()
    label: str = ""
    """The record's; empty for the event itself."""

    @property
    def holder(self) -> str:
        return self.parts[-1] if len(self.parts) > 1 else ""


class _Part(NamedTuple):
    """The parts of a field that its type decides."""

    expression: str
    kinds: Sequence[str]
    rank: int
    variants: Sequence[Variant] = ()
    may_be_cut: bool = False
    fallback: str | None = None
    """The same where the field may be null, by `default()`; None: there is no such form."""
    instead: str = '""'
    """In place of a null, where `default()` cannot say it. Empty: a made-up amount or time would be wrong."""


class _Reader:
    def __init__(self, schema: EventSchema, language: Language) -> None:
        self._root = schema.root
        self._language: Language = language
        self._currency = _currency(schema.root)

    def fields(self, record: RecordType, place: _Place) -> Iterator[ShownField]:
        for field in record.fields:
            if READABLE_NAME.fullmatch(field.name) is None:
                continue
            parts = (*place.parts, field.name)
            kind, nullable = field.type, place.nullable
            is_null = isinstance(kind, NullableType)
            if isinstance(kind, NullableType):
                kind = kind.inner
            label = field_label(field.name, field.doc, place.holder, self._language)
            if isinstance(kind, RecordType):
                yield from self.fields(kind, _Place(parts, (*nullable, parts) if is_null else nullable, label))
                continue
            part = self._part(kind, field.name, parts, place.holder)
            if part is not None:
                yield _shown(parts, label, part, nullable, is_null=is_null)._replace(holder=place.label)

    def _part(self, kind: FieldType, name: str, parts: tuple[str, ...], holder: str) -> _Part | None:
        path = ".".join(parts)
        match kind:
            case ScalarType():
                return self._scalar(kind, name, parts, holder)
            case ListType(item):
                texts = _texts_of(item, path)
                if texts is None:
                    return _Part(
                        f"size({path})",
                        ("number", "thing"),
                        60,
                        fallback=f"{path} != null ? size({path}) : 0",
                        instead="0",
                    )
                joined = f'default(join({texts}, "、"), "{NOTHING}")'
                empty = Variant(phrase("{field} is empty", field=name), _change(parts, []))
                return _Part(joined, ("thing",), 45, (empty,), may_be_cut=True, instead=_ABSENT)
            case _:
                return _Part(f"size({path})", ("number", "thing"), 70) if isinstance(kind, MapType) else None

    def _scalar(self, kind: ScalarType, name: str, parts: tuple[str, ...], holder: str) -> _Part | None:
        path, logical = ".".join(parts), kind.logical or ""
        if kind.symbols:
            return None if meaning_of(name) in _NOT_SHOWN else self._enum(kind, name, parts)
        if kind.scalar in {Scalar.INT, Scalar.DOUBLE}:
            return self._number(kind, name, parts)
        match kind.scalar:
            case Scalar.TIMESTAMP:
                rank = 55 if snake(name) in _TECHNICAL_TIMES else 20
                return _Part(f'local_time({path}, "{TIME}")', ("time", "date", "thing"), rank)
            case Scalar.BOOL:
                yes, no = ("是", "否") if self._language == "zh" else ("Yes", "No")
                sides = tuple(_is(name, str(side).lower(), _change(parts, side)) for side in (True, False))
                return _Part(
                    f'{path} ? "{yes}" : "{no}"', ("phrase", "thing") if yes == "是" else ("thing",), 65, sides
                )
            case Scalar.STRING:
                return self._clock(logical, path) if logical else self._text(name, path, holder)
            case _:
                return None

    def _number(self, kind: ScalarType, name: str, parts: tuple[str, ...]) -> _Part:
        path = ".".join(parts)
        if kind.scalar is Scalar.INT:
            if counts_cents(name):
                return self._amount(f"money_of_cents({path}, {{0}})", parts)
            rank = 90 if meaning_of(name) in {Meaning.NUMBER, Meaning.RECIPIENT} else 40
            return _Part(path, ("number", "thing"), rank, fallback=f"default({path}, 0)", instead="0")
        if is_money(name, kind):
            return self._amount(f"money({path}, {{0}})", parts)
        decimals = _DECIMALS if kind.scale is None else min(kind.scale, _MOST_DECIMALS)
        return _Part(f"decimal({path}, {decimals})", ("number", "thing"), 42)

    def _enum(self, kind: ScalarType, name: str, parts: tuple[str, ...]) -> _Part:
        path, symbols = ".".join(parts), kind.symbols[:MOST_LABELS]
        labels = {symbol: value_label(symbol, self._language) for symbol in symbols}
        more = kind.symbols[MOST_LABELS : MOST_LABELS + 1]
        if more:
            labels["*"] = "其他" if self._language == "zh" else "Other"
        written = ", ".join(f"{_quoted(symbol)}: {_quoted(label)}" for symbol, label in labels.items())
        variants = tuple(_is(name, one, _change(parts, one)) for one in (*symbols, *more))
        return _Part(f"label({path}, {{{written}}})", ("thing",), 30, variants, instead=_ABSENT)

    def _amount(self, form: str, parts: tuple[str, ...]) -> _Part:
        currency, variants = self._currency
        rank = 10 if len(parts) == 2 else 35  # noqa: PLR2004 - a field of the event itself
        return _Part(form.format(currency), ("amount",), rank, variants)

    @staticmethod
    def _clock(logical: str, path: str) -> _Part | None:
        if logical == "date":
            return _Part(f'local_date({path}, "{DATE}")', ("date", "time", "thing"), 22)
        if logical.startswith("time-"):
            return _Part(path, ("time",), 48)
        if logical.startswith("local-timestamp"):
            return _Part(f'local_time(timestamp({path} + "Z"), "{TIME}", "UTC")', ("time", "date", "thing"), 21)
        return None

    @staticmethod
    def _text(name: str, path: str, holder: str) -> _Part | None:
        meaning = meaning_of(name, holder)
        if meaning in _NOT_SHOWN:
            return None
        fallback = f'default({path}, "{NOTHING}")'
        match meaning:
            case Meaning.PHONE:
                return _Part(
                    f"mask({path})", ("phone_number", "thing"), 50, fallback=f"mask({fallback})", instead=_ABSENT
                )
            case Meaning.CARD:
                hidden = f"mask({path}, 0, 4)"
                return _Part(
                    hidden, ("character_string", "thing"), 52, fallback=f"mask({fallback}, 0, 4)", instead=_ABSENT
                )
            case Meaning.NUMBER | Meaning.FLIGHT | Meaning.PICKUP_CODE:
                rank = 80 if snake(name).endswith(("_id", "_key")) or name == "id" else 5
                return _Part(path, ("character_string", "thing"), rank, fallback=fallback, instead=_ABSENT)
            case Meaning.PLATE:
                return _Part(path, ("car_number", "thing"), 12)
            case Meaning.PERSON:
                return _Part(path, ("name", "thing"), 25, fallback=fallback, instead=_ABSENT)
            case Meaning.GATE | Meaning.SEAT | Meaning.AIRPORT:
                return _Part(path, ("thing",), 28, fallback=fallback, instead=_ABSENT)
            case _:
                rank = 46 if meaning in {Meaning.NOTE, Meaning.OTHER} else 26
                return _Part(path, ("thing",), rank, may_be_cut=True, fallback=fallback, instead=_ABSENT)


_NOT_SHOWN = frozenset({Meaning.RECIPIENT, Meaning.EMAIL, Meaning.URL, Meaning.CURRENCY, Meaning.LOCALE, Meaning.ZONE})
_TECHNICAL_TIMES = frozenset(
    {"occurred_at", "created_at", "updated_at", "emitted_at", "timestamp", "event_time", "time"}
)
_LATER = 4
"""Ranks by which a field that may be missing comes later."""


def _shown(
    parts: tuple[str, ...], label: str, part: _Part, nullable: tuple[tuple[str, ...], ...], *, is_null: bool
) -> ShownField:
    """The field with what its expression does where it, or a record around it, is null."""
    path = ".".join(parts)
    above = [".".join(one) for one in nullable]
    absent = [_is_missing(".".join(one[1:]), _change(one, None)) for one in nullable]
    expression, may_be_empty = part.expression, False
    guards = [f"{one} != null" for one in above]
    if is_null:
        absent.append(_is_missing(".".join(parts[1:]), _change(parts, None)))
        if part.fallback is not None:
            expression = part.fallback
        else:
            guards.append(f"{path} != null")
    if guards:
        may_be_empty = part.instead == '""'
        value = f"({expression})" if " ? " in expression else expression
        expression = f"{' && '.join(guards)} ? {value} : {part.instead}"
    rank = part.rank + _LATER * len(absent) + 2 * (len(parts) - 2)
    return ShownField(
        path, label, expression, part.kinds, (*part.variants, *absent), rank, may_be_empty, part.may_be_cut
    )


def _change(parts: tuple[str, ...], value: object) -> Mapping[str, object]:
    """The value at a path that begins with `event`, as `with:` of a test sets it."""
    changed = value
    for name in reversed(parts[1:]):
        changed = {name: changed}
    assert isinstance(changed, dict)  # noqa: S101 - a field has a name
    return changed


def _texts_of(item: FieldType, path: str) -> str | None:
    """An expression for the texts of a list, if its items are texts or have a name."""
    if isinstance(item, ScalarType):
        return path if item.scalar is Scalar.STRING and not item.symbols and item.logical is None else None
    if not isinstance(item, RecordType):
        return None
    one = singular(snake(path.rpartition(".")[2]))
    one = one if READABLE_NAME.fullmatch(one) and one not in _RESERVED and one != "event" else "one"
    texts = [
        field.name
        for field in item.fields
        if isinstance(field.type, ScalarType)
        and field.type.scalar is Scalar.STRING
        and not field.type.symbols
        and field.type.logical is None
        and READABLE_NAME.fullmatch(field.name)
    ]
    named = next((name for name in texts if snake(name).endswith(("name", "title"))), None)
    return f"{path}.map({one}, {one}.{named})" if named is not None else None


_RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"),
        *("null", "namespace", "package", "return", "true", "var", "void", "while", "map", "list", "string", "int"),
        *("double", "bool", "bytes", "type", "duration", "timestamp", "size", "label", "items", "default"),
    )
)
"""Names that CEL or our functions have."""


def _currency(root: RecordType) -> tuple[str, tuple[Variant, ...]]:
    """The expression of the event's currency, and what else it may come to."""
    for field in root.fields:
        if meaning_of(field.name) is not Meaning.CURRENCY or READABLE_NAME.fullmatch(field.name) is None:
            continue
        kind = without_null(field.type)
        if not isinstance(kind, ScalarType) or kind.scalar is not Scalar.STRING:
            continue
        if kind.symbols and not list_currencies().issuperset(kind.symbols):
            continue
        if isinstance(field.type, NullableType):
            gone = _is_missing(field.name, {field.name: None})
            return f'default(event.{field.name}, "CNY")', (gone,)
        return f"event.{field.name}", ()
    return '"CNY"', ()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

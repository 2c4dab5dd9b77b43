"""An example event from a schema, with values that fit the names and types of its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from pipeline.authoring.examples.meanings import Meaning, meaning_of, singular, snake
from pipeline.authoring.examples.words import Chance, Words, digits
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import BEGIN, is_endless, plain_value
from pipeline.rules.schema.types import FieldType, ListType, MapType, NullableType, RecordType, Scalar, ScalarType

MOST_TEXT = 20
"""Characters of a text: what the smallest field for free text (`thing`) takes."""
_FUTURE = re.compile(
    r"(?:^|_)(?:expires?|expiry|due|until|end|ends|deadline|scheduled|estimated|departure|departs|arrival|arrives|"
    r"appointment|begins?|starts?|next|renews?|renewal|delivery|pickup|valid|new|slot|visit)(?:$|_)"
)
_INTEGERS: tuple[tuple[re.Pattern[str], tuple[int, int]], ...] = (
    (re.compile(r"(?:.*_)?(?:id|uid|no|number)"), (10_000_000, 99_999_999)),
    (re.compile(r".*(?:cents?|fen|minor)"), (1_000, 50_000)),
    (re.compile(r".*(?:minutes?|mins?)"), (15, 180)),
    (re.compile(r".*(?:seconds?|secs?)"), (30, 900)),
    (re.compile(r".*hours?"), (1, 48)),
    (re.compile(r".*(?:days?|nights?)"), (1, 14)),
    (re.compile(r".*(?:percent|rate)"), (5, 95)),
    (re.compile(r".*(?:points?|score)"), (100, 2_000)),
    (re.compile(r"(?:.*_)?(?:grade|level|floor|rank)"), (1, 9)),
    (re.compile(r"(?:.*_)?age"), (18, 80)),
    (re.compile(r".*year"), (2026, 2027)),
    (re.compile(r".*(?:mileage|odometer|km)(?:_km)?"), (3_000, 90_000)),
    (re.compile(r".*(?:count|quantity|qty|size|items?|people|guests?)"), (1, 5)),
)


class Wanted(NamedTuple):
    """What an example is to be like."""

    words: Words
    given: Mapping[str, str] = {}
    """Texts to use, by path such as `event.item_summary`: those that a template has as its examples."""
    nulls: float = 0.0
    """Share of the fields that may be missing which are null."""


def lifelike(schema: EventSchema, chance: Callable[[str], Chance], wanted: Wanted) -> dict[str, object]:
    """An event of this type as JSON. `chance` gives the random numbers of each path: they decide everything.

    A field of its own path keeps its value when the schema gets other fields.
    """
    return _Maker(chance, wanted).record(schema.root, "event", "")


class _Maker:
    def __init__(self, chance: Callable[[str], Chance], wanted: Wanted) -> None:
        self._chance = chance
        self._wanted = wanted
        self._hours = 0
        """Times in the future follow each other in the order of their fields: an end is after its begin."""

    def record(self, kind: RecordType, path: str, holder: str) -> dict[str, object]:
        return {
            field.name: self._value(field.type, f"{path}.{field.name}", field.name, holder) for field in kind.fields
        }

    def _value(self, kind: FieldType, path: str, name: str, holder: str) -> object:
        match kind:
            case NullableType(inner):
                is_null = self._chance(f"{path}?")() < self._wanted.nulls
                return None if is_null else self._value(inner, path, name, holder)
            case RecordType():
                return self.record(kind, path, name)
            case ListType(item) if is_endless(item):
                return []
            case MapType(item) if is_endless(item):
                return {}
            case ListType(item):
                count = 1 + int(self._chance(f"{path}[]")() * 3)
                return [self._value(item, f"{path}[{at}]", singular(name), holder) for at in range(count)]
            case MapType(item):
                one = singular(name)
                return {f"{one}{at}": self._value(item, f"{path}[{at}]", one, holder) for at in (1, 2)}
            case ScalarType():
                return self._scalar(kind, path, name, holder)

    def _scalar(self, kind: ScalarType, path: str, name: str, holder: str) -> object:
        chance = self._chance(path)
        given = self._wanted.given.get(path)
        if given is not None and _is_free_text(kind):
            return given
        if kind.symbols:
            return kind.symbols[int(chance() * len(kind.symbols))]
        if kind.scalar is Scalar.TIMESTAMP or kind.logical in _OF_CLOCKS:
            return self._time(kind, name, chance)
        if kind.scalar is Scalar.INT:
            return self._integer(snake(name), chance)
        if kind.scalar is Scalar.DOUBLE:
            return given if given is not None else _number(kind, snake(name), chance)
        if _is_free_text(kind):
            return self._text(name, holder, chance)
        return plain_value(kind, name, chance, int(chance() * 10**6))

    def _time(self, kind: ScalarType, name: str, chance: Chance) -> str:
        logical = kind.logical or ""
        if logical.startswith("time-") and kind.scalar is Scalar.STRING:
            return f"{9 + int(chance() * 9):02}:{5 * int(chance() * 12):02}:00"
        after = self._after(name, chance)
        if logical == "date":
            return (BEGIN + after * 12).date().isoformat()
        local = (BEGIN + after).replace(tzinfo=None).isoformat()
        return local if logical.startswith("local-timestamp") else f"{local}Z"

    def _after(self, name: str, chance: Chance) -> timedelta:
        if _FUTURE.search(snake(name)) is None:
            return timedelta(0)
        self._hours += 1 + int(chance() * 4)
        return timedelta(hours=self._hours, minutes=5 * int(chance() * 12))

    @staticmethod
    def _integer(name: str, chance: Chance) -> int:
        low, high = next((bounds for pattern, bounds in _INTEGERS if pattern.fullmatch(name)), (1, 100))
        return low + int(chance() * (high - low + 1))

    def _text(self, name: str, holder: str, chance: Chance) -> str:
        if snake(name).endswith(("last4", "last_4", "last_four")):
            return digits(4, chance)
        meaning = meaning_of(name, holder)
        word = self._wanted.words.word(meaning, chance)
        if word is None:
            prefix = "".join(part[:1] for part in snake(name).split("_")[:2]).upper() or "X"
            return f"{prefix}{BEGIN:%Y%m%d}{digits(6, chance)}"
        return word if meaning in _LONGER else word[:MOST_TEXT]


def _is_free_text(kind: ScalarType) -> bool:
    return kind.scalar is Scalar.STRING and not kind.symbols and kind.logical is None


_OF_CLOCKS = frozenset(
    ("date", "time-millis", "time-micros", *(f"local-timestamp-{unit}" for unit in ("millis", "micros", "nanos")))
)
_LONGER = frozenset({Meaning.RECIPIENT, Meaning.EMAIL, Meaning.URL, Meaning.ZONE})
"""What a shorter text would make wrong."""
_CENTS = 2
"""Decimals of an amount; a price of a unit and a volume have more."""
_ENDINGS = (0, 0, 50, 90, 99)
"""Cents that prices end in."""


def _number(kind: ScalarType, name: str, chance: Chance) -> str:
    scale = kind.scale if kind.scale is not None else 2
    whole = min(480, 10 ** max(1, (kind.precision or 12) - scale) - 1)
    is_small = scale > _CENTS or re.search(r"rate|ratio|percent|weight|kg", name) is not None
    low, high = (1, min(whole, 60)) if is_small else (min(9, whole), whole)
    units = low + int(chance() * max(1, high - low))
    if scale == 0:
        return str(units)
    cents = f"{_ENDINGS[int(chance() * len(_ENDINGS))]:02}"
    return f"{units}.{cents[:scale].ljust(min(scale, 6), '0')}"

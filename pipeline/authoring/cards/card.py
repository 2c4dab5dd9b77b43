"""The card that a customer will see, in the channel's two ways of showing it, and what is lost on the way there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from pipeline.rules.source.templates import Template, TemplateField
from pipeline.styles.history import AROUND
from pipeline.styles.style import Mode, Shown


class Value(NamedTuple):
    """What a message says in one field."""

    text: str
    color: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One field on the card."""

    key: str
    label: str
    text: str
    """As sent."""
    shown: str
    """As the customer sees it; empty where the channel leaves the field out."""
    color: str | None
    """As the customer sees it."""
    count: int
    """Characters, as the channel counts them in this field."""
    limit: int
    losses: tuple[str, ...]
    """What of `text` the customer does not see, in words."""
    fault: str | None
    """What the channel would refuse the message for, in words."""


class Card(NamedTuple):
    """One message as the customer sees it."""

    title: str
    mode: Mode
    lines: tuple[Line, ...]
    """Fields of the template in its order, then those that it does not have."""
    url: str | None

    @property
    def heading(self) -> Line | None:
        """The `first` line, where it is shown."""
        return self._shown("first")

    @property
    def footing(self) -> Line | None:
        """The `remark` line, where it is shown."""
        return self._shown("remark")

    @property
    def rows(self) -> tuple[Line, ...]:
        """The fields with a label beside them that are shown."""
        return tuple(line for line in self.lines if line.shown and line.key not in AROUND)

    def _shown(self, key: str) -> Line | None:
        return next((line for line in self.lines if line.key == key and line.shown), None)

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "title": self.title,
            "mode": self.mode.value,
            "url": self.url,
            "lines": [asdict(line) for line in self.lines],
        }


def card(template: Template, values: Mapping[str, Value], mode: Mode, url: str | None = None) -> Card:
    """The card for the message that `template` makes of `values` (field key to what it says)."""
    known = [field for field in template.fields if field.key in values or not field.optional]
    lines = [_line(template, field, values.get(field.key), mode) for field in known]
    lines += [
        Line(key, key, value.text, "", None, len(value.text), 0, (), "the template has no such field")
        for key, value in values.items()
        if template.field(key) is None
    ]
    return Card(template.title, mode, tuple(lines), url)


def plain_card(title: str, values: Mapping[str, Value], mode: Mode, url: str | None = None) -> Card:
    """The card of a message whose template nobody here knows: keys for labels, nothing judged."""
    lines = (
        Line(key, key, value.text, value.text, value.color, len(value.text), 0, (), None)
        for key, value in values.items()
    )
    return Card(title, mode, tuple(lines), url)


def example_card(template: Template, mode: Mode) -> Card:
    """The card of the template's own examples."""
    values = {field.key: Value(field.example or f"{{{field.key}}}") for field in template.fields}
    return card(template, values, mode)


def values_of(body: Mapping[str, object]) -> dict[str, Value]:
    """What a request body says in its fields; what has not the contract's shape is left out."""
    data = body.get("data")
    values: dict[str, Value] = {}
    for key, field in data.items() if isinstance(data, Mapping) else ():
        text = field.get("value") if isinstance(field, Mapping) else None
        color = field.get("color") if isinstance(field, Mapping) else None
        if isinstance(text, str):
            values[str(key)] = Value(text, color if isinstance(color, str) else None)
    return values


def _line(template: Template, field: TemplateField, value: Value | None, mode: Mode) -> Line:
    kind, label = field.kind, field.label or field.key
    if value is None:
        return Line(field.key, label, "", "", None, 0, kind.most, (), "gets no value")
    shown = Shown(value.text, value.color, len(value.text), kind.most)
    if mode is not Mode.LEGACY:
        shown = template.style.shown(field.key, kind, value.text, value.color)
    fault = kind.violation(value.text, field.values)
    return Line(field.key, label, value.text, shown.text, shown.color, shown.count, shown.limit, shown.losses, fault)

"""The card that a customer sees, in the two display modes of the channel, and what the channel does not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from pipeline.phrases import phrase
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.styles.history import AROUND
from pipeline.styles.style import Mode, Shown


class Value(NamedTuple):
    """Text and colour of one field."""

    text: str
    color: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One field on the card."""

    key: str
    label: str
    text: str
    """The text that is sent."""
    shown: str
    """The text that the customer sees; empty if the channel does not show the field."""
    color: str | None
    """The colour that the customer sees."""
    count: int
    """Number of characters, as the channel counts them for this field."""
    limit: int
    losses: tuple[str, ...]
    """Messages about what of `text` is not shown."""
    fault: str | None
    """Why the channel would refuse the message."""


class Card(NamedTuple):
    """One message as the customer sees it."""

    title: str
    mode: Mode
    mode_title: str
    lines: tuple[Line, ...]
    """Fields in the order of the template, then those that it does not have."""
    url: str | None

    @property
    def heading(self) -> Line | None:
        """The `first` line, if it is shown."""
        return self._shown("first")

    @property
    def footing(self) -> Line | None:
        """The `remark` line, if it is shown."""
        return self._shown("remark")

    @property
    def rows(self) -> tuple[Line, ...]:
        """The labelled fields that are shown."""
        return tuple(line for line in self.lines if line.shown and line.key not in AROUND)

    def _shown(self, key: str) -> Line | None:
        return next((line for line in self.lines if line.key == key and line.shown), None)

    def as_json(self) -> dict[str, object]:
        """The card as JSON values."""
        return {
            "title": self.title,
            "mode": self.mode.value,
            "url": self.url,
            "lines": [asdict(line) for line in self.lines],
        }


def card(template: Template, values: Mapping[str, Value], mode: Mode, url: str | None = None) -> Card:
    """The card of a message with `values` (by field key) in `template`."""
    known = [field for field in template.fields if field.key in values or not field.optional]
    lines = [_line(template, field, values.get(field.key), mode) for field in known]
    lines += [
        Line(key, key, value.text, "", None, len(value.text), 0, (), phrase("the template has no such field"))
        for key, value in values.items()
        if template.field(key) is None
    ]
    title = template.style.modes.get(mode, mode.value)
    return Card(template.title, mode, title, tuple(lines), url)


def plain_card(title: str, values: Mapping[str, Value], mode: Mode, url: str | None = None) -> Card:
    """The card of a message with an unknown template: its keys are the labels, and nothing is checked."""
    lines = (
        Line(key, key, value.text, value.text, value.color, len(value.text), 0, (), None)
        for key, value in values.items()
    )
    return Card(title, mode, phrase("As sent"), tuple(lines), url)


def values_of(body: Mapping[str, object]) -> dict[str, Value]:
    """The field values of a request body; those that do not have the contract's form are left out."""
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
        return Line(field.key, label, "", "", None, 0, kind.most, (), phrase("has no value"))
    shown = Shown(value.text, value.color, len(value.text), kind.most)
    if mode is not Mode.LEGACY:
        shown = template.style.shown(field.key, kind, value.text, value.color)
    fault = kind.violation(value.text, field.values)
    return Line(field.key, label, value.text, shown.text, shown.color, shown.count, shown.limit, shown.losses, fault)

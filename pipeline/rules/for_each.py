"""`for_each: person in event.people`: one message for each item of a list of the event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pipeline.errors import RenderRefused
from pipeline.model.outcome import Reason
from pipeline.phrases import phrase
from pipeline.rules.cel.engine import Activation, Expression
from pipeline.rules.cel.tree import path
from pipeline.rules.message import evaluated
from pipeline.rules.timestamp import EPOCH, Timestamp

_FORM = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s+in\s+(?=\S)")


class Written(NamedTuple):
    """The parts of `person in event.people`."""

    name: str
    at: int
    """Index of the list's expression in the text."""
    source: str


def taken_apart(text: str) -> Written | None:
    """The name and the list; None for a text of another form."""
    found = _FORM.match(text)
    return None if found is None else Written(found[1], found.end(), text[found.end() :].rstrip())


def _refused(reason: Reason, problem: str) -> RenderRefused:
    return RenderRefused(reason, phrase("{name}: {problem}", name="for_each", problem=problem), problem)


@dataclass(frozen=True, slots=True)
class ForEach:
    """The list of a rule, compiled."""

    name: str
    """An item's in the rule's expressions."""
    over: Expression
    most: int
    """Items that one event may have."""
    _path: tuple[str, ...] | None = field(init=False, compare=False, repr=False)
    """The names of the fields that lead to the list; None for any other expression."""

    def __post_init__(self) -> None:
        """Look whether the list is a field of the event."""
        names = path(self.over.tree().root)
        is_path = names is not None and names[0] == "event"
        object.__setattr__(self, "_path", names[1:] if names is not None and is_path else None)

    def items(self, activation: Activation) -> Sequence[object]:
        """The items for one event; none where the list is null.

        Raises:
            RenderRefused: the expression fails or gives no list, or the list is too long.
        """
        found = self._read(activation.data)
        if found is None:
            found = evaluated(self.over, activation, "for_each")
        if found is None:
            return ()
        if not isinstance(found, list):
            raise _refused(Reason.WRONG_TYPE, phrase("the value is not a list"))
        if len(found) > self.most:
            raise _refused(
                Reason.FIELD_LIMIT, phrase("{count} items, more than {most}", count=len(found), most=self.most)
            )
        return [_as_in_event(item) for item in found]

    def _read(self, data: Mapping[str, object]) -> object:
        """The list as the event has it, at a tenth of the cost of CEL's; None where CEL must say why it has none."""
        if self._path is None:
            return None
        found: object = data
        for name in self._path:
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found if isinstance(found, list) else None

    def bind(self, activation: Activation, item: object) -> Activation:
        """The event's data with one item of the list."""
        return activation.with_variable(self.name, item)


def _as_in_event(value: object) -> object:
    """A value of CEL as events have it: CEL gives times as `datetime`."""
    match value:
        case datetime():
            span = value - EPOCH
            return Timestamp(span.days * 86_400 + span.seconds, span.microseconds * 1_000)
        case list():
            return [_as_in_event(one) for one in value]
        case dict():
            return {key: _as_in_event(one) for key, one in value.items()}
        case _:
            return value

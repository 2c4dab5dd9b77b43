"""A message's whole body as one function of an event's data, for events that are usual in all their fields.

It gives up as an expression does (`direct.py`), and refuses at any text that may not be sent: `body.py` then goes text
by text, and tells of the first that is at fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from pipeline.rules.cel.engine import Expression
from pipeline.rules.cel.generated import NOT_WRITTEN, Writer, Written
from pipeline.rules.cel.operations import CompiledExpression, scalar
from pipeline.rules.message import (
    MAX_RECIPIENT,
    MAX_URL,
    RuleField,
    Text,
    as_text,
    checked_recipient,
    checked_url,
    fitted,
)

_USUAL_RECIPIENT = re.compile(f"[!-~]{{1,{MAX_RECIPIENT}}}").fullmatch
_USUAL_URL = re.compile(f"https://[!-~]{{0,{MAX_URL - len('https://')}}}").fullmatch


def direct_body(template_id: str, to: Text, url: Text | None, fields: Sequence[RuleField]) -> CompiledExpression | None:
    """The body as a function, for JSON; None where an expression has a part that only CEL can evaluate."""
    writer = _BodyWriter()
    try:
        return writer.function(writer.body(template_id, to, url, fields))
    except NOT_WRITTEN:
        return None


class _BodyWriter(Writer):
    """Writes `{"to": …, "template": …, "url": …, "data": {…}}`."""

    def body(self, template_id: str, to: Text, url: Text | None, fields: Sequence[RuleField]) -> str:
        entries = {"to": self._taken(to, _USUAL_RECIPIENT, checked_recipient), "template": self.given(template_id)}
        if url is not None:
            entries["url"] = self._taken(url, _USUAL_URL, checked_url)
        return self._record(entries | {"data": f"{{{', '.join(map(self._field, fields))}}}"})

    def _record(self, entries: dict[str, str]) -> str:
        return f"{{{', '.join(f'{self.given(key)}: {code}' for key, code in entries.items())}}}"

    def _field(self, field: RuleField) -> str:
        """One entry of `data`, or none where an optional field is left out."""
        if field.ready is not None:
            return f"{self.given(field.key)}: {self.given(field.ready)}"
        text = self._taken(field.text, field.fits, partial(fitted, field))
        color = {} if field.color is None else {"color": self.given(field.color)}
        if not field.optional:
            return f"{self.given(field.key)}: {self._record({'value': text} | color)}"
        name = self.variable()
        entry = self._record({field.key: self._record({"value": name} | color)})
        return f"**({entry} if ({name} := {text}) is not None else {self.given({})})"

    def _taken(self, text: Text, fits: Callable[[str], object], otherwise: Callable[[str], str | None]) -> str:
        """The text where it surely may be sent, else what `otherwise` makes of it."""
        usual, unusual = self.given(fits), self.given(otherwise)

        def look(found: Written) -> str:
            name = self.variable()
            if found.kind is str:
                return f"({name} if {usual}({name} := {found.code}) else {unusual}({name}))"
            asked = f"type({name} := {found.code}) is str and {usual}({name})"  # what fits has no NUL
            return f"({name} if {asked} else {unusual}({self.given(_spelt)}({name})))"

        if len(text.expressions) == len(text.parts) == 1:
            return self.written(text.expressions[0].tree().root, look)
        return look(Written(" + ".join(map(self._part, text.parts)) or self.given(""), str))

    def _part(self, part: str | Expression) -> str:
        return self.given(part) if isinstance(part, str) else self.written(part.tree().root, self._spelt)

    def _spelt(self, found: Written) -> str:
        """As it stands in a text."""
        return found.code if found.kind is str else self.otherwise(found, str, f"{self.given(_spelt)}({{}})")


def _spelt(value: object) -> str:
    """How a plain value stands in a text.

    Raises:
        GiveUp: it is none.
    """
    return as_text(scalar(value), "")

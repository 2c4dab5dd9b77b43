"""A message's whole body as one generated function of an event's data.

It saves calls: one function instead of one per expression and text. The benchmark's message costs 146,000 instructions
from record to notice with it and 193,000 without it (callgrind, CPython 3.11), of some 330,000 for a whole notice.

The function gives up as an expression does (`cel/generated.py`) and raises `RenderRefused` for a text that may not be
sent; `body.py` then makes the body text by text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from pipeline.rules.cel.engine import Expression
from pipeline.rules.cel.generated import NOT_GENERATED, Code, Writer
from pipeline.rules.cel.operations import GeneratedFunction, scalar
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


def generated_body(
    template_id: str, to: Text, url: Text | None, fields: Sequence[RuleField]
) -> GeneratedFunction | None:
    """The body as a function; None where an expression has a part that only CEL can evaluate."""
    writer = _BodyWriter()
    try:
        return writer.generated(writer.body(template_id, to, url, fields)).function
    except NOT_GENERATED:
        return None


class _BodyWriter(Writer):
    """Writes `{"to": …, "template": …, "url": …, "data": {…}}`."""

    def body(self, template_id: str, to: Text, url: Text | None, fields: Sequence[RuleField]) -> str:
        entries = {
            "to": self._sendable(to, _USUAL_RECIPIENT, checked_recipient),
            "template": self.constant(template_id),
        }
        if url is not None:
            entries["url"] = self._sendable(url, _USUAL_URL, checked_url)
        return self._dict(entries | {"data": f"{{{', '.join(map(self._field, fields))}}}"})

    def _dict(self, entries: dict[str, str]) -> str:
        return f"{{{', '.join(f'{self.constant(key)}: {source}' for key, source in entries.items())}}}"

    def _field(self, field: RuleField) -> str:
        """One entry of `data`; no entry where an optional field is left out."""
        if field.ready is not None:
            return f"{self.constant(field.key)}: {self.constant(field.ready)}"
        text = self._sendable(field.text, field.fits, partial(fitted, field))
        color = {} if field.color is None else {"color": self.constant(field.color)}
        if not field.optional:
            return f"{self.constant(field.key)}: {self._dict({'value': text} | color)}"
        name = self.variable()
        entry = self._dict({field.key: self._dict({"value": name} | color)})
        return f"**({entry} if ({name} := {text}) is not None else {self.constant({})})"

    def _sendable(self, text: Text, fits: Callable[[str], object], otherwise: Callable[[str], str | None]) -> str:
        """The text if `fits` finds that it may be sent, else the result of `otherwise`."""
        usual, unusual = self.constant(fits), self.constant(otherwise)

        def convert(code: Code) -> str:
            name = self.variable()
            if code.type is str:
                return f"({name} if {usual}({name} := {code.source}) else {unusual}({name}))"
            check = f"type({name} := {code.source}) is str and {usual}({name})"  # a text that fits has no NUL
            return f"({name} if {check} else {unusual}({self.constant(_text_of)}({name})))"

        if len(text.expressions) == len(text.parts) == 1:
            return self.write(text.expressions[0].tree().root, convert)
        return convert(Code(" + ".join(map(self._part, text.parts)) or self.constant(""), str))

    def _part(self, part: str | Expression) -> str:
        return self.constant(part) if isinstance(part, str) else self.write(part.tree().root, self._as_text)

    def _as_text(self, code: Code) -> str:
        """The value as text."""
        return code.source if code.type is str else self.checked(code, str, f"{self.constant(_text_of)}({{}})")


def _text_of(value: object) -> str:
    """A plain value as text.

    Raises:
        GiveUp: the value is not a plain one.
    """
    return as_text(scalar(value), "")

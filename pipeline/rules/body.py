"""A rule's request body for one event.

The generated function (`generated_body.py`) makes the body of an event whose fields all have the usual types. For any
other event the body is made text by text, which names the first text that cannot be sent. Both give the same body; a
property test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import RenderRefused
from pipeline.rules.cel.engine import Activation
from pipeline.rules.cel.operations import GIVE_UP_ERRORS, GeneratedFunction
from pipeline.rules.generated_body import generated_body
from pipeline.rules.message import RuleField, Text, checked_recipient, checked_url, rendered_fields


class Body:
    """What a rule sends. The function is generated at first use: of a thousand rules most are never used."""

    __slots__ = ("_fields", "_generated", "_is_prepared", "_template_id", "_to", "_url")

    def __init__(self, template_id: str, to: Text, url: Text | None, fields: Sequence[RuleField]) -> None:
        self._template_id = template_id
        self._to = to
        self._url = url
        self._fields = tuple(fields)
        self._is_prepared = False
        self._generated: GeneratedFunction | None = None

    def render(self, activation: Activation) -> dict[str, object]:
        """The request's `to`, `template`, `url` and `data`, as the contract names them.

        Raises:
            RenderRefused: an expression fails, or the channel would not take the result.
        """
        if not self._is_prepared:
            self._generated = generated_body(self._template_id, self._to, self._url, self._fields)
            self._is_prepared = True
        generated = self._generated  # `self._generated(…)` would look for a method first, at five times the cost
        if generated is not None:
            try:
                body: dict[str, object] = generated(activation.data)
            except (*GIVE_UP_ERRORS, RenderRefused):
                pass
            else:
                return body
        return self._text_by_text(activation)

    def _text_by_text(self, activation: Activation) -> dict[str, object]:
        body: dict[str, object] = {
            "to": checked_recipient(self._to.render(activation, "to")),
            "template": self._template_id,
        }
        if self._url is not None and (url := self._url.render(activation, "url")):
            body["url"] = checked_url(url)
        body["data"] = rendered_fields(self._fields, activation)
        return body

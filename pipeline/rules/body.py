"""A rule's request body for one event: in one go where the event is usual, else text by text, to tell what is wrong.

Both ways give the same body; a property test holds them against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.errors import RenderRefused
from pipeline.rules.cel.batched import BatchedExpressions, Named
from pipeline.rules.cel.engine import Activation, Environment
from pipeline.rules.cel.operations import GIVING_UP, CompiledExpression
from pipeline.rules.generated_body import direct_body
from pipeline.rules.message import RuleField, Text, checked_recipient, checked_url, data_of


class Body:
    """What a rule sends. What it needs is made when first used: of a thousand rules most are never."""

    __slots__ = ("_direct", "_fields", "_is_ready", "_template_id", "_to", "_together", "_url")

    def __init__(
        self, environment: Environment, template_id: str, to: Text, url: Text | None, fields: Sequence[RuleField]
    ) -> None:
        """`environment` is the one in which the texts were compiled."""
        self._template_id = template_id
        self._to = to
        self._url = url
        self._fields = tuple(fields)
        self._together = BatchedExpressions(environment, list(_expressions(to, url, fields)))
        self._is_ready = False
        self._direct: CompiledExpression | None = None

    def of(self, activation: Activation) -> dict[str, object]:
        """The request's `to`, `template`, `url` and `data`, as the contract names them.

        Raises:
            RenderRefused: an expression fails, or the channel would not take the result.
        """
        if not self._is_ready:
            self._direct = direct_body(self._template_id, self._to, self._url, self._fields)
            self._is_ready = True
        direct = self._direct  # called through `self` it would be looked for as a method, at five times the cost
        if direct is not None:
            try:
                body: dict[str, object] = direct(activation.data)
            except (*GIVING_UP, RenderRefused):
                pass  # a refusal is told of the first text at fault, when all expressions are known to have values
            else:
                return body
        return self._text_by_text(activation)

    def _text_by_text(self, activation: Activation) -> dict[str, object]:
        values = self._together.values(activation)
        body: dict[str, object] = {
            "to": checked_recipient(self._to.filled(values, "to")),
            "template": self._template_id,
        }
        if self._url is not None:
            url = self._url.filled(values, "url")
            if url:
                body["url"] = checked_url(url)
        body["data"] = data_of(self._fields, values)
        return body


def _expressions(to: Text, url: Text | None, fields: Sequence[RuleField]) -> Iterator[Named]:
    """Every expression of a message in the order in which its texts are filled: `to`, `url`, then the fields."""
    texts = [("to", to), *([("url", url)] if url is not None else []), *((one.key, one.text) for one in fields)]
    for name, text in texts:
        for expression in text.expressions:
            yield Named(name, expression)

"""The texts and fields of a rule's message, and the checks of what may be sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from pipeline.errors import RenderRefused
from pipeline.model.outcome import Reason
from pipeline.phrases import phrase
from pipeline.rules import numbers
from pipeline.rules.cel.engine import Activation, Expression, ExpressionFailed
from pipeline.rules.functions.texts import percent_encoded
from pipeline.styles.field_kind import FieldKind
from pipeline.styles.text import has_invisible, is_visible

MAX_RECIPIENT = 256
MAX_URL = 1_024
"""Characters. The contract has no limits; these stop a broken rule from sending megabytes."""
MAX_REFERENCE = 256
"""Characters of a business key in outcomes and dead letters."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text with `${…}`, compiled: literals and expressions in order."""

    parts: tuple[str | Expression, ...]
    source: str
    expressions: tuple[Expression, ...] = field(init=False, compare=False, repr=False)
    """The expressions alone, in order."""
    constant: str | None = field(init=False, compare=False, repr=False)
    """The text itself where no expression is in it."""

    def __post_init__(self) -> None:
        """Separate the expressions: each text is asked for them many times while its rule is compiled."""
        literals = [part for part in self.parts if isinstance(part, str)]
        expressions = tuple([part for part in self.parts if not isinstance(part, str)])
        object.__setattr__(self, "expressions", expressions)
        object.__setattr__(self, "constant", None if expressions else "".join(literals))

    def render(self, activation: Activation, name: str) -> str:
        """The text for one event.

        Raises:
            RenderRefused: an expression has no value, or a value that has no text.
        """
        return "".join(
            [part if isinstance(part, str) else as_text(evaluated(part, activation, name), name) for part in self.parts]
        )


@dataclass(frozen=True, slots=True)
class RuleField:
    """One field of a rule's message."""

    key: str
    text: Text
    color: str | None
    kind: FieldKind
    optional: bool
    truncate: bool
    values: tuple[str, ...] = ()
    fits: Callable[[str], object] = field(init=False, compare=False, repr=False)
    """A quick check, true of most texts that the channel takes."""
    ready: dict[str, str] | None = field(init=False, compare=False, repr=False)
    """The field of every request, if it does not depend on the event."""

    def __post_init__(self) -> None:
        """Prepare the quick check, and the field of a constant text."""
        object.__setattr__(self, "fits", self.kind.quick_look(self.values))
        constant = self.text.constant
        settled = constant is not None and self.fits(constant)
        object.__setattr__(self, "ready", self.shown(constant) if settled and constant is not None else None)

    def shown(self, text: str) -> dict[str, str]:
        """The field of a request."""
        return {"value": text} if self.color is None else {"value": text, "color": self.color}


def checked_recipient(recipient: str) -> str:
    """The recipient without the white space around it.

    Databases pad texts, and no platform's ids begin or end so; a recipient with and one without would be two lanes.

    Raises:
        RenderRefused: it is empty, too long, or contains a control or invisible character.
    """
    recipient = recipient.strip()
    if not is_visible(recipient):
        raise RenderRefused(Reason.RECIPIENT_EMPTY, phrase("to: is empty"))
    if len(recipient) > MAX_RECIPIENT:
        raise RenderRefused(
            Reason.FIELD_LIMIT, phrase("to: longer than {max_recipient} characters", max_recipient=MAX_RECIPIENT)
        )
    if not recipient.isprintable() or has_invisible(recipient):
        raise RenderRefused(
            Reason.FIELD_LIMIT, phrase("to: holds a line break, control character or invisible character")
        )
    return recipient


def reference_of(text: Text, activation: Activation) -> str | None:
    """The business key of a message, without the white space around it.

    None where it fails, shows nothing, is too long or has an invisible character.

    A message is never refused for it: the customer does not see it.
    """
    try:
        reference = text.render(activation, "reference").strip()
    except RenderRefused:
        return None
    is_fit = len(reference) <= MAX_REFERENCE and reference.isprintable() and not has_invisible(reference)
    return reference if is_fit and is_visible(reference) else None


def evaluated(expression: Expression, activation: Activation, name: str) -> object:
    """The expression's value for one event.

    Raises:
        RenderRefused: the expression fails; the detail begins with `name`.
    """
    try:
        return expression.evaluate(activation)
    except ExpressionFailed as failed:
        problem = phrase("`{source}`: {failed}", source=expression.source[:120], failed=failed.message)
        raise RenderRefused(
            Reason.EXPRESSION_FAILED, phrase("{name}: {problem}", name=name, problem=problem), problem
        ) from None


def rendered_fields(fields: Sequence[RuleField], activation: Activation) -> dict[str, dict[str, str]]:
    """The request's `data`: each field's text and colour.

    Raises:
        RenderRefused: an expression fails, or the channel would not take a text.
    """
    data: dict[str, dict[str, str]] = {}
    for one in fields:
        if one.ready is not None:
            data[one.key] = one.ready
            continue
        text = one.text.render(activation, one.key)
        if not one.fits(text):
            kept = fitted(one, text)
            if kept is None:
                continue
            text = kept
        data[one.key] = one.shown(text)
    return data


def fitted(one: RuleField, text: str) -> str | None:
    """The text as the channel takes it; None if the field is left out.

    Raises:
        RenderRefused: the text may be neither cut nor left out.
    """
    problem = one.kind.violation(text, one.values)
    if problem is None:
        return text
    if not is_visible(text):
        if one.optional:
            return None
        raise RenderRefused(Reason.FIELD_EMPTY, phrase("{key}: {problem}", key=one.key, problem=problem))
    if not one.truncate:
        raise RenderRefused(Reason.FIELD_LIMIT, phrase("{key}: {problem}", key=one.key, problem=problem))
    return one.kind.cut(text)


_ASCII = range(0x21, 0x7F)


def checked_url(url: str) -> str:
    """The url in ASCII, if it may be sent: an event's value must not turn it into another scheme or host.

    Characters outside ASCII are percent-encoded in UTF-8, as RFC 3987, section 3.1, turns an IRI into a URI.

    Raises:
        RenderRefused: it may not.
    """
    if not url.startswith("https://"):
        raise RenderRefused(Reason.URL_REFUSED, phrase("url: does not begin with https://"))
    if " " in url or not url.isprintable() or has_invisible(url):
        hint = phrase("write the part that the event gives as url_encode(…)")
        raise RenderRefused(
            Reason.URL_REFUSED, phrase("url: holds white space or an invisible character; {hint}", hint=hint)
        )
    encoded = url if url.isascii() else percent_encoded(url, _ASCII)
    if len(encoded) > MAX_URL:
        raise RenderRefused(Reason.URL_REFUSED, phrase("url: longer than {max_url} characters", max_url=MAX_URL))
    return encoded


def as_text(value: object, name: str) -> str:
    """A value as text: a number with all its digits and no exponent, null as the empty text."""
    if type(value) is str:
        return value
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | Decimal():
            try:
                return numbers.text_of(value)
            except ValueError as error:
                raise RenderRefused(
                    Reason.WRONG_TYPE, phrase("{name}: {error}", name=name, error=error.args[0])
                ) from None
        case None:
            return ""
        case datetime():
            raise RenderRefused(Reason.WRONG_TYPE, phrase("{name}: a time; write it with local_time()", name=name))
        case _:
            raise RenderRefused(Reason.WRONG_TYPE, phrase("{name}: neither text nor number", name=name))

"""`template: {by: …, of: {…}}`: one of several templates, by a value of the event."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import RenderRefused
from pipeline.model.outcome import Reason
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.message import evaluated

if TYPE_CHECKING:
    from pipeline.rules.cel.engine import Activation, Expression
    from pipeline.rules.ruleset import Rule
    from pipeline.rules.source.templates import Template

OTHERS = "*"
"""The key of every value that has none of its own."""


class TemplateChoice(NamedTuple):
    """A rule's templates by the values of an expression."""

    by: Expression
    of: Mapping[str, Rule]
    """The rule with each of the templates."""

    def key(self, activation: Activation) -> str:
        """The key of the template for an event: the value itself, its language (`zh` of `zh-TW`), or `*`.

        Raises:
            RenderRefused: the expression fails, or no key is for its value.
        """
        value = evaluated(self.by, activation, "template")
        if isinstance(value, str):
            for key in (value, value.replace("_", "-").partition("-")[0]):
                if key in self.of:
                    return key
        elif value is not None:
            raise RenderRefused(Reason.WRONG_TYPE, phrase("template: the value that chooses it is not a text"))
        if OTHERS not in self.of:
            raise RenderRefused(
                Reason.EXPRESSION_FAILED, phrase('template: there is none for the value of the event, and none for "*"')
            )
        return OTHERS

    def rule(self, activation: Activation) -> Rule:
        """The rule with the template for an event.

        Raises:
            RenderRefused: as `key`.
        """
        return self.of[self.key(activation)]


class ChoiceFault(NamedTuple):
    """What is wrong with the templates of a choice."""

    key: str | None
    """The key that it is about; None: the whole."""
    code: str
    message: str
    hint: str | None


def faults(
    keys: Collection[str], symbols: Sequence[Collection[str]], templates: Mapping[str, Template]
) -> Iterator[ChoiceFault]:
    """What is wrong with a choice; `symbols` are the enum's values in each version of the event, empty for a text.

    `templates` are those of the keys that are known.
    """
    known = {symbol: None for each in symbols for symbol in each}
    for key in keys if known and all(symbols) else ():
        if key != OTHERS and key not in known:
            message = phrase("the value that chooses the template is never `{key}`", key=key)
            yield ChoiceFault(
                key,
                "unknown-enum-value",
                message,
                did_you_mean(key, known, 0.5) or phrase("it is one of {known}", known=joined(", ", known)),
            )
    if OTHERS not in keys:
        missing = [symbol for symbol in known if symbol not in keys]
        if not known or not all(symbols):
            message = phrase("the event may have any value, and no template is for others")
            yield ChoiceFault(None, "template-missing", message, phrase('add one for others: "*": …'))
        elif missing:
            message = phrase("no template for {missing}", missing=joined(", ", missing))
            yield ChoiceFault(None, "template-missing", message, phrase('add them, or one for others: "*": …'))
    yield from _different(templates)


def _different(templates: Mapping[str, Template]) -> Iterator[ChoiceFault]:
    """Templates that need other fields than the first: the rule's `data` fills one and not the other."""
    first = next(iter(templates.values()), None)
    for key, other in templates.items():
        if first is None or other is first:
            continue
        needed, own = ({field.key for field in one.fields if not field.optional} for one in (first, other))
        if needed == own:
            continue
        parts = [
            phrase("{fields} of `{alias}`", fields=joined(", ", (f"`{one}`" for one in sorted(fields))), alias=alias)
            for fields, alias in ((own - needed, other.alias), (needed - own, first.alias))
            if fields
        ]
        message = phrase(
            "`{alias}` does not need the same fields as `{first}`: only {parts}",
            alias=other.alias,
            first=first.alias,
            parts=joined(" and ", parts),
        )
        yield ChoiceFault(
            key, "templates-differ", message, phrase("make the field optional in templates.yaml, or write two rules")
        )

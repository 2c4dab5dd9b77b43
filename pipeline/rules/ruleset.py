"""A rule set in use: compiled once, indexed by event type, evaluated for every event. Never raises for an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.notice import Notice, OnAmbiguous, Refusal, notice_id
from pipeline.model.outcome import Reason
from pipeline.rules import channel
from pipeline.rules.cel import Activation, Environment, Expression
from pipeline.rules.channel import FieldKind
from pipeline.rules.templates import Template
from pipeline.rules.together import Together, evaluated

MAX_RECIPIENT = 256
MAX_URL = 1_024
"""Characters. The contract names no limits; these keep a broken rule from sending books."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text with `${…}`, compiled: literals and expressions in order."""

    parts: tuple[str | Expression, ...]
    source: str

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions alone, in order."""
        return tuple(part for part in self.parts if not isinstance(part, str))

    @property
    def constant(self) -> str | None:
        """The text itself where no expression is in it."""
        if any(isinstance(part, Expression) for part in self.parts):
            return None
        return "".join(str(part) for part in self.parts)

    def render(self, activation: Activation, name: str) -> str:
        """The text for one event.

        Raises:
            RenderRefused: an expression has no value, or one that is no text.
        """
        return self.filled(iter([evaluated(part, activation, name) for part in self.expressions]), name)

    def filled(self, values: Iterator[object], name: str) -> str:
        """The text with its expressions' values, taken from `values` in order.

        Raises:
            RenderRefused: a value is no text.
        """
        texts = [part if part.__class__ is str else _as_text(next(values), name) for part in self.parts]
        return texts[0] if len(texts) == 1 else "".join(texts)


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


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled."""

    id: str
    on: tuple[str, ...]
    when: Expression | None
    to: Text
    template: str
    """The alias."""
    template_id: str
    url: Text | None
    fields: tuple[RuleField, ...]
    expires_after: int | None
    """Seconds after the event's time."""
    ordered: bool
    on_ambiguous: OnAmbiguous
    stop: bool
    together: Together = field(compare=False, repr=False)
    """All expressions of the message, in the order of its texts."""
    owner: str = ""
    description: str = ""
    category: str = "transactional"


class RuleSet:
    """All rules in use. Immutable."""

    def __init__(
        self, version: str, rules: Sequence[Rule], templates: Mapping[str, Template], environment: Environment
    ) -> None:
        self.version = version
        self.rules = tuple(rules)
        self.templates = templates
        self.environment = environment
        """In which the rules' expressions were compiled."""
        self._by_type: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for event_type in rule.on:
                self._by_type.setdefault(event_type, []).append(rule)
        self.event_types = frozenset(self._by_type)

    def for_type(self, event_type: str) -> Sequence[Rule]:
        """The rules that look at events of this type, in file order."""
        return self._by_type.get(event_type, ())

    def bind(self, event: Event) -> Activation:
        """The event's data, ready for this rule set's expressions."""
        return self.environment.bind(event.data)

    def concerned(self, event: Event) -> Sequence[Rule]:
        """The rules that look at this very event: one alone where it was sent again for that one."""
        rules = self._by_type.get(event.type, ())
        if event.redrive is not None and event.redrive.rule is not None:
            return [rule for rule in rules if rule.id == event.redrive.rule]
        return rules

    def expected(self, event: Event) -> tuple[str, ...]:
        """The rules of which `event` must have an outcome: those for which `evaluate` gives something."""
        rules = self.concerned(event)
        if not rules:
            return ()
        activation = self.environment.bind(event.data)
        found: list[str] = []
        for rule in rules:
            try:
                if not matches(rule, activation):
                    continue
            except RenderRefused:
                pass  # a condition that fails ends in an outcome, too
            found.append(rule.id)
            if rule.stop:
                break
        return tuple(found)

    def evaluate(self, event: Event) -> list[Notice | Refusal]:
        """What follows from `event`: each matching rule's notice, or why it cannot make one; in file order."""
        rules = self.concerned(event)
        if not rules:
            return []
        activation = self.environment.bind(event.data)
        results: list[Notice | Refusal] = []
        for rule in rules:
            item = result(rule, event, activation)
            if item is None:
                continue
            results.append(item)
            if rule.stop:
                break
        return results


def result(rule: Rule, event: Event, activation: Activation) -> Notice | Refusal | None:
    """The rule's message for one event, or why it cannot make one; None where it does not match."""
    try:
        return make_notice(rule, event, activation) if matches(rule, activation) else None
    except RenderRefused as refused:
        return _refusal(rule, event, refused)


def matches(rule: Rule, activation: Activation) -> bool:
    """Whether the rule's condition holds.

    Raises:
        RenderRefused: it has no truth value for this event.
    """
    if rule.when is None:
        return True
    value = evaluated(rule.when, activation, "when")
    if value is True or value is False:
        return value
    raise RenderRefused(Reason.WRONG_TYPE, "when: the condition is neither true nor false")


def make_notice(rule: Rule, event: Event, activation: Activation) -> Notice:
    """The rule's message for one event.

    Raises:
        RenderRefused: an expression fails, or the channel would not take the result.
    """
    values = rule.together.values(activation)
    recipient = _checked_recipient(rule.to.filled(values, "to"))
    body: dict[str, object] = {"to": recipient, "template": rule.template_id}
    if rule.url is not None:
        url = rule.url.filled(values, "url")
        if url:
            body["url"] = _checked_url(url)
    body["data"] = _data(rule, values)
    expiry = event.time_ms / 1000 + rule.expires_after if rule.expires_after is not None else None
    if event.expires_at_ms is not None:
        given = event.expires_at_ms / 1000
        expiry = given if expiry is None else min(expiry, given)
    return Notice(
        notice_id(event.identity, rule.id),
        rule.id,
        rule.template,
        recipient,
        orjson.dumps(body),
        expiry,
        rule.ordered,
        rule.on_ambiguous,
        None if event.redrive is None else _fresh_key(event, rule, event.redrive.key_round),
    )


def _fresh_key(event: Event, rule: Rule, key_round: int) -> str | None:
    """Another idempotency key than the id, as often as the API has refused the notice for good."""
    return notice_id(event.identity, rule.id, key_round) if key_round else None


def _checked_recipient(recipient: str) -> str:
    if not channel.is_visible(recipient):
        raise RenderRefused(Reason.RECIPIENT_EMPTY, "to: is empty")
    if len(recipient) > MAX_RECIPIENT:
        raise RenderRefused(Reason.FIELD_LIMIT, f"to: longer than {MAX_RECIPIENT} characters")
    if not recipient.isprintable():
        raise RenderRefused(Reason.FIELD_LIMIT, "to: holds a line break or control character")
    return recipient


def _data(rule: Rule, values: Iterator[object]) -> dict[str, dict[str, str]]:
    data: dict[str, dict[str, str]] = {}
    for one in rule.fields:
        text = one.text.filled(values, one.key)
        problem = channel.violation(one.kind, text, one.values)
        if problem is not None:
            if not text.strip():
                if one.optional:
                    continue
                raise RenderRefused(Reason.FIELD_EMPTY, f"{one.key}: {problem}")
            if not one.truncate:
                raise RenderRefused(Reason.FIELD_LIMIT, f"{one.key}: {problem}")
            text = channel.cut(one.kind, text)
        data[one.key] = {"value": text} if one.color is None else {"value": text, "color": one.color}
    return data


def _checked_url(url: str) -> str:
    """The url, if it is one that may be sent: an event's value must not turn it into another scheme or host."""
    if len(url) > MAX_URL or " " in url or not url.isprintable():
        raise RenderRefused(Reason.URL_REFUSED, "url: too long, or with white space in it")
    if not url.startswith("https://"):
        raise RenderRefused(Reason.URL_REFUSED, "url: does not begin with https://")
    return url


def _as_text(value: object, name: str) -> str:
    """How a value stands in a text: as CEL's own `string()` would write it; null is nothing."""
    if type(value) is str:
        return value
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value).removesuffix(".0")
        case None:
            return ""
        case datetime():
            raise RenderRefused(Reason.WRONG_TYPE, f"{name}: a time; write it with local_time()")
        case _:
            raise RenderRefused(Reason.WRONG_TYPE, f"{name}: neither text nor number")


def _refusal(rule: Rule, event: Event, refused: RenderRefused) -> Refusal:
    return Refusal(notice_id(event.identity, rule.id), rule.id, rule.template, None, refused.reason, refused.detail)

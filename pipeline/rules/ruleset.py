"""A rule set in use: compiled once, indexed by event type, evaluated for every event. Never raises for an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from pipeline.care.declaration import NO_CARE, Care
from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.make import make
from pipeline.model.notice import DEFAULT_API, Notice, OnAmbiguous, Refusal, item_key, notice_id, outcome_label
from pipeline.model.outcome import Reason
from pipeline.phrases import phrase
from pipeline.rules.active import Days
from pipeline.rules.body import Body
from pipeline.rules.cel.engine import Activation, Environment, Expression
from pipeline.rules.for_each import ForEach
from pipeline.rules.message import RuleField, Text, evaluated, reference_of
from pipeline.rules.once import RuleOnce
from pipeline.rules.source.templates import Template
from pipeline.rules.template_choice import TemplateChoice


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
    body: Body = field(compare=False, repr=False)
    """What is sent of all this."""
    owner: str = ""
    description: str = ""
    category: str = "transactional"
    file: str = field(default="", compare=False)
    """The file that holds it. Where a rule is does not change what it does."""
    api: str = DEFAULT_API
    """That of its template."""
    max_per_minute: int | None = None
    """Notices that may leave in any 60 s; None: as many as the configuration's default says."""
    reference: Text | None = None
    """The business key in outcomes."""
    active: Days | None = None
    """The days of its events; None: any."""
    choice: TemplateChoice | None = None
    """Its templates by a value of the event. The rule itself has the first of them."""
    for_each: ForEach | None = None
    """The list of which each item gets a message."""
    once: RuleOnce | None = None
    """The key of which the recipient gets one message within a time."""

    @property
    def templates(self) -> tuple[str, ...]:
        """The aliases of its templates."""
        return (
            (self.template,) if self.choice is None else tuple({one.template: None for one in self.choice.of.values()})
        )


class RuleSet:
    """All rules in use. Immutable."""

    def __init__(
        self,
        version: str,
        rules: Sequence[Rule],
        templates: Mapping[str, Template],
        environment: Environment,
        *,
        off: Collection[str] = (),
        files: Collection[str] = (),
        care: Care = NO_CARE,
    ) -> None:
        """`off` are the ids of rules that are present and not enabled; `files` are the files that were read.

        `care` is what care.yaml declares.
        """
        self.version = version
        self.rules = tuple(rules)
        self.off = frozenset(off)
        self.files = frozenset(files)
        self.templates = templates
        self.care = care
        self.environment = environment
        """In which the rules' expressions were compiled."""
        self._by_type: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for event_type in rule.on:
                self._by_type.setdefault(event_type, []).append(rule)
        self.event_types = frozenset(self._by_type)

    def limits(self, default: int | None) -> Mapping[str, int]:
        """The `max_per_minute` of each rule that has one; `default` is for the others, None: no limit."""
        limits = {rule.id: rule.max_per_minute or default for rule in self.rules}
        return {rule: limit for rule, limit in limits.items() if limit is not None}

    @property
    def remembers(self) -> float:
        """Seconds after a message in which it may hold back another one to the same recipient."""
        return max(self.care.longest, *[rule.once.within for rule in self.rules if rule.once is not None], 0)

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
        """The outcomes that `event` must have: those for which `evaluate` gives something, each as `outcome_label`."""
        rules = self.concerned(event)
        if not rules:
            return ()
        activation = self.environment.bind(event.data)
        found: list[str] = []
        for rule in rules:
            try:
                if not matches(rule, event, activation):
                    continue
                count = None if rule.for_each is None else len(rule.for_each.items(activation))
            except RenderRefused:
                count = None  # a condition or a list that fails ends in one outcome
            if count is None:
                found.append(rule.id)
            else:
                wanted = None if event.redrive is None else event.redrive.item
                found += [outcome_label(rule.id, at) for at in range(count) if wanted in {None, at}]
            if rule.stop:
                break
        return tuple(found)

    def evaluate(self, event: Event) -> list[Notice | Refusal]:
        """What follows from `event`: each matching rule's notices, or why it cannot make one; in file order."""
        rules = self._by_type.get(event.type, ()) if event.redrive is None else self.concerned(event)
        if not rules:
            return []
        activation = self.environment.bind(event.data)
        results: list[Notice | Refusal] = []
        for rule in rules:
            if rule.for_each is not None:
                several = made(rule, event, activation)
                if several is None:
                    continue
                results += several
            else:
                item = result(rule, event, activation)
                if item is None:
                    continue
                results.append(item)
            if rule.stop:
                break
        return results


def made(rule: Rule, event: Event, activation: Activation) -> Sequence[Notice | Refusal] | None:
    """The rule's messages for one event, in the order of its list; None where it does not match.

    Of a rule without `for_each` one message, or why it cannot be made.
    """
    if rule.for_each is None:
        item = result(rule, event, activation)
        return None if item is None else (item,)
    try:
        if not matches(rule, event, activation):
            return None
        items = rule.for_each.items(activation)
    except RenderRefused as refused:
        return (_refusal(rule, event, None, refused),)
    wanted = None if event.redrive is None else event.redrive.item
    return [
        _of_item(rule, event, rule.for_each.bind(activation, item), at)
        for at, item in enumerate(items)
        if wanted is None or wanted == at
    ]


def _of_item(rule: Rule, event: Event, activation: Activation, at: int) -> Notice | Refusal:
    """The message for one item."""
    try:
        chosen = rule if rule.choice is None else rule.choice.rule(activation)
        return make_notice(chosen, event, activation, at)
    except RenderRefused as refused:
        return _refusal(rule, event, activation, refused, at)


def result(rule: Rule, event: Event, activation: Activation) -> Notice | Refusal | None:
    """The message of a rule without `for_each`, or why it cannot be made; None where it does not match."""
    try:
        if not matches(rule, event, activation):
            return None
        if rule.choice is not None:
            rule = rule.choice.rule(activation)
        return make_notice(rule, event, activation)
    except RenderRefused as refused:
        return _refusal(rule, event, activation, refused)


def matches(rule: Rule, event: Event, activation: Activation) -> bool:
    """Whether the rule is active and its condition holds.

    Raises:
        RenderRefused: it has no truth value for this event.
    """
    if rule.active is not None and not rule.active.has(event):
        return False
    if rule.when is None:
        return True
    value = evaluated(rule.when, activation, "when")
    if value is True or value is False:
        return value
    raise RenderRefused(Reason.WRONG_TYPE, phrase("when: the condition is neither true nor false"))


def make_notice(rule: Rule, event: Event, activation: Activation, item: int | None = None) -> Notice:
    """The rule's message for one event, or for the item of its list at that position.

    Raises:
        RenderRefused: an expression fails, or the channel would not take the result.
    """
    body = rule.body.render(activation)
    expiry = event.time_ms / 1000 + rule.expires_after if rule.expires_after is not None else None
    if event.expires_at_ms is not None:
        given = event.expires_at_ms / 1000
        expiry = given if expiry is None else min(expiry, given)
    key = rule.id if item is None else item_key(rule.id, item)
    values = (
        notice_id(event.identity, key),
        rule.id,
        rule.template,
        str(body["to"]),
        # A copy: orjson's own result keeps the 4 KiB that it was written into, for as long as the notice waits.
        b"".join((orjson.dumps(body), b"")),
        expiry,
        rule.ordered,
        rule.on_ambiguous,
        None if event.redrive is None else _fresh_key(event, key, event.redrive.key_round),
        rule.api,
        None if rule.reference is None else reference_of(rule.reference, activation),
        item,
        rule.category,
        None if rule.once is None else rule.once.of(rule.id, activation),
    )
    return make(Notice, values)


def _fresh_key(event: Event, key: str, key_round: int) -> str | None:
    """An idempotency key other than the id, for each time that the API permanently refused the notice."""
    return notice_id(event.identity, key, key_round) if key_round else None


def _refusal(
    rule: Rule, event: Event, activation: Activation | None, refused: RenderRefused, item: int | None = None
) -> Refusal:
    """Why there is no message; without an activation the reference, which may read the item, is left out."""
    reference = None
    if rule.reference is not None and activation is not None:
        reference = reference_of(rule.reference, activation)
    name = notice_id(event.identity, rule.id if item is None else item_key(rule.id, item))
    return Refusal(name, rule.id, rule.template, None, refused.reason, refused.detail, reference, item)

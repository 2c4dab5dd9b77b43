"""The messages of one event as cards, with what is cut and what the channel would refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson

from pipeline.authoring.cards.card import Card, Value, card, values_of
from pipeline.authoring.care_words import care_of, category_in_words
from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.phrases import phrase
from pipeline.rules.cel.engine import Activation
from pipeline.rules.message import Text
from pipeline.rules.ruleset import Rule, RuleSet, made
from pipeline.rules.source.templates import Template
from pipeline.styles.style import Mode
from pipeline.styles.text import is_visible


class Shortened(NamedTuple):
    """A text that the rule cuts (`overflow: truncate`)."""

    key: str
    whole: str
    sent: str


class Preview(NamedTuple):
    """The message of one rule, or as much of it as can be made."""

    rule: str
    template: Template
    result: Notice | Refusal
    values: Mapping[str, Value]
    """Texts by field; of a refused message, those that can be made, at any length."""
    url: str | None
    shortened: tuple[Shortened, ...]
    is_matched: bool
    """False if the condition of the rule is false and was ignored to show the message."""
    inactive: str | None = None
    """Why the event is on none of the rule's days, which were ignored as well; None if it is on one."""
    category: str | None = None
    """The rule's category in words; None where care.yaml does not declare it."""
    care: tuple[str, ...] = ()
    """What may hold the message back, in words."""

    @property
    def unsent(self) -> str | None:
        """Why nothing would be sent although the message is shown; None if it would."""
        if self.inactive is not None:
            return phrase("nothing would be sent: {inactive}", inactive=self.inactive)
        return None if self.is_matched else phrase("its condition is false for this event: nothing would be sent")

    @property
    def request(self) -> Mapping[str, object] | None:
        """The body of the request to the notices API; None for a refused message."""
        body: Mapping[str, object] | None = orjson.loads(self.result.body) if isinstance(self.result, Notice) else None
        return body

    def cards(self, modes: Sequence[Mode]) -> tuple[Card, ...]:
        """The card in each of `modes` that the template's style has; in today's mode if it has none of them."""
        style = self.template.style
        possible = [mode for mode in modes if mode in style.modes] or [style.mode]
        return tuple(card(self.template, self.values, mode, self.url) for mode in possible)

    def as_json(self, modes: Sequence[Mode]) -> dict[str, object]:
        """The preview as JSON values."""
        made = self.result
        refusal = {"reason": made.reason.value, "detail": made.detail} if isinstance(made, Refusal) else None
        return {
            "rule": self.rule,
            "template": self.template.alias,
            "matched": self.is_matched,
            "inactive": self.inactive,
            "notice": made.id,
            "expires_at": made.expires_at if isinstance(made, Notice) else None,
            "reference": made.reference,
            "item": made.item,
            "request": self.request,
            "refusal": refusal,
            "shortened": [one._asdict() for one in self.shortened],
            "category": self.category,
            "care": list(self.care),
            "cards": [card.as_json() for card in self.cards(modes)],
        }


def previews(rules: RuleSet, event: Event) -> list[Preview]:
    """The messages of `event`, and those that matching rules cannot make, in the order of the rules."""
    activation = rules.bind(event)
    found: list[Preview] = []
    for rule in rules.concerned(event):
        results = made(rule, event, activation)
        if results is not None:
            found += [_preview(rules, rule, activation, one) for one in results]
            if rule.stop:
                break
    return found


def previews_of(rules: RuleSet, rule: Rule, event: Event) -> list[Preview]:
    """The messages of one rule, even if its condition is false or an earlier rule has `stop: true`.

    Of a rule with `for_each` none, where the event's list is empty.
    """
    activation = rules.bind(event)
    results = made(rule, event, activation)
    if results is not None:
        return [_preview(rules, rule, activation, one) for one in results]
    days = rule.active
    inactive = days.why_not(event) if days is not None and not days.has(event) else None
    results = made(replace(rule, when=None, active=None), event, activation)
    return [
        _preview(rules, rule, activation, one)._replace(is_matched=False, inactive=inactive) for one in results or ()
    ]


def _preview(rules: RuleSet, rule: Rule, activation: Activation, item: Notice | Refusal) -> Preview:
    if rule.for_each is not None and item.item is not None:
        activation = rule.for_each.bind(activation, rule.for_each.items(activation)[item.item])
    if rule.choice is not None:
        rule = next(one for one in rule.choice.of.values() if one.template == item.template)
    whole = {field.key: text for field in rule.fields if (text := _rendered(field.text, activation)) is not None}
    values = values_of(orjson.loads(item.body)) if isinstance(item, Notice) else dict(_as_far_as_made(rule, whole))
    shortened = tuple(
        Shortened(key, whole[key], value.text)
        for key, value in values.items()
        if whole.get(key, value.text) != value.text
    )
    url = _rendered(rule.url, activation) if rule.url is not None else None
    return Preview(
        rule.id,
        rules.templates[rule.template],
        item,
        values,
        url or None,
        shortened,
        is_matched=True,
        category=category_in_words(rule, rules.care),
        care=care_of(rule, rules.care),
    )


def _as_far_as_made(rule: Rule, whole: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    """The texts of a refused message, cut or left out as the rule says."""
    for field in rule.fields:
        text = whole.get(field.key)
        if text is None or (field.optional and not is_visible(text)):
            continue
        is_over = field.kind.violation(text, field.values) is not None
        yield field.key, Value(field.kind.cut(text) if is_over and field.truncate else text, field.color)


def _rendered(text: Text, activation: Activation) -> str | None:
    """The text; None if it cannot be made."""
    try:
        return text.render(activation, "")
    except RenderRefused:
        return None

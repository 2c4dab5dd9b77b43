"""Runs one test case in the service's own engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.authoring.care_words import zone_of
from pipeline.authoring.evaluation import Probe
from pipeline.authoring.evaluation import Result as Outcome
from pipeline.authoring.recipient_care import VirtualCare, facts_of
from pipeline.authoring.rule_tests.comparing import Message, Mismatch, WhyNot, compare, messages
from pipeline.care.decision import Decision, End
from pipeline.care.preferences import Preferences
from pipeline.care.words import in_words
from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.notice import Notice
from pipeline.model.outcome import CAP, Reason
from pipeline.phrases import joined, phrase
from pipeline.rules.lint.cases import Case, Moment
from pipeline.rules.lint.given_events import EventFiles, Unfit, given
from pipeline.rules.ruleset import Rule, RuleSet, made
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.document import Location
from pipeline.styles.text import is_visible
from pipeline.terminal_escape import shown


class NoticeDecision(NamedTuple):
    """What recipient care says of a message."""

    rule: str
    category: str | None
    decision: Decision


class Result(NamedTuple):
    """The result of a case."""

    case: Case
    mismatches: tuple[Mismatch, ...]
    """Differences; the case passed if there are none."""
    came: tuple[Message, ...]
    """The messages and refusals of the event."""
    event: Event | None = None
    """The event; None if it does not fit its schema."""
    decisions: tuple[NoticeDecision, ...] = ()
    """Of an entry of a timeline: what recipient care says of each message."""

    @property
    def passed(self) -> bool:
        """Whether there is no difference."""
        return not self.mismatches

    def location(self, mismatch: Mismatch) -> Location:
        """Path of the first expectation that was not met."""
        return self.case.document.value_location(mismatch.path)


def run(case: Case, rules: RuleSet, schemas: SchemaCatalogue, files: EventFiles) -> Result:
    """Evaluate the rules for the event of the case, and compare. The content of a test never raises.

    Of an entry of a timeline, recipient care decides about its messages after those of the entries before it.
    """
    try:
        event = given(case, schemas, files)
        decisions = () if case.moment is None else _decisions(case, case.moment, rules, schemas, files)
    except Unfit as unfit:
        return Result(case, (Mismatch(unfit.path, unfit.message, hint=unfit.hint),), ())
    came = tuple(_completed(message, rules, event) for message in messages(rules.evaluate(event)))
    if case.moment is not None:
        zone = zone_of(rules.care, case.moment.recipient.timezone)
        came = tuple(_decided(message, one, zone) for message, one in zip(came, decisions, strict=True))
    made = {message.rule for message in came}
    why = {name: _why_not(name, rules, event, came) for name in case.rules if name not in made}
    mismatches = compare(case.expect, case.expect_path, came, why)
    return Result(case, mismatches, came, event, tuple(one for one in decisions if one is not None))


def _decisions(
    case: Case, moment: Moment, rules: RuleSet, schemas: SchemaCatalogue, files: EventFiles
) -> tuple[NoticeDecision | None, ...]:
    """What recipient care says of each message of the case's event; None for one that cannot be made.

    Raises:
        Unfit: an event before it does not fit its schema, or cannot be made.
    """
    preferences = Preferences(frozenset(moment.recipient.opted_out), moment.recipient.timezone)
    care = VirtualCare(rules.care, preferences)
    decisions: tuple[NoticeDecision | None, ...] = ()
    for one in (*moment.before, case):
        at = moment.at if one.moment is None else one.moment.at
        decisions = tuple(
            NoticeDecision(result.rule, result.category, care.decide(result.recipient, facts_of(result), at))
            if isinstance(result, Notice)
            else None
            for result in rules.evaluate(given(one, schemas, files))
        )
    return decisions


def _decided(message: Message, decision: NoticeDecision | None, zone: str) -> Message:
    """The message with what recipient care says of it; times are on the clock of `zone`."""
    if decision is None or not isinstance(decision.decision, End):
        return message
    end = decision.decision
    detail = joined("; ", (in_words(one, zone) for one in end.because))
    caps = tuple(one.name for one in end.because if one.what == CAP and one.name is not None)
    return message._replace(suppressed=str(end.reason), detail=detail, caps=caps)


_MOST_SHOWN = 60
"""Characters of a refused text."""


def _completed(message: Message, rules: RuleSet, event: Event) -> Message:
    """A message with what only its rule has; a refusal with the text, which an outcome never contains."""
    rule = next((one for one in rules.rules if one.id == message.rule), None)
    if rule is not None and message.refused is None:
        return message._replace(expires_after=rule.expires_after, category=rule.category)
    if message.refused not in _OF_A_TEXT or rule is None:
        return message
    key = message.detail.partition(":")[0]
    texts = {"to": rule.to, "url": rule.url, **{field.key: field.text for field in rule.fields}}
    text = texts.get(key)
    if text is None:
        return message
    activation = rules.bind(event)
    try:
        if rule.for_each is not None and message.item is not None:
            activation = rule.for_each.bind(activation, rule.for_each.items(activation)[message.item])
        rendered = text.render(activation, key)
    except RenderRefused:
        return message
    if not is_visible(rendered):
        return message
    cut = rendered if len(rendered) <= _MOST_SHOWN else f"{rendered[:_MOST_SHOWN]}…"
    return message._replace(detail=phrase("{detail}: {text}", detail=message.detail, text=shown(cut)))


_OF_A_TEXT = frozenset({Reason.FIELD_LIMIT, Reason.URL_REFUSED})


def _why_not(name: str, rules: RuleSet, event: Event, came: Sequence[Message]) -> WhyNot:
    """Why the rule with that id makes no message of the event."""
    rule = next((one for one in rules.rules if one.id == name), None)
    if rule is None:
        return WhyNot(phrase("there is no rule with this id"))
    if event.type not in rule.on:
        return WhyNot(phrase("it is for {on}, not for {type}", on=joined(", ", rule.on), type=event.type))
    if rule.active is not None and not rule.active.has(event):
        return WhyNot(rule.active.why_not(event), phrase("`time:` of the test's event sets another time"))
    if (empty := _no_items(rule, rules, event)) is not None:
        return WhyNot(empty)
    false = list(_false_parts(rule, rules, event))
    if not false:
        stopper = came[-1].rule if came else name
        return WhyNot(phrase("the earlier rule `{stopper}` matched and has `stop: true`", stopper=stopper))
    others = joined(", ", (f"`{message.rule}`" for message in came))
    return WhyNot(
        phrase("its condition is false: {false}", false=joined("; ", false)),
        phrase("there are messages of {others}", others=others) if others else None,
    )


def _no_items(rule: Rule, rules: RuleSet, event: Event) -> str | None:
    """Why a rule with `for_each` that matches makes no message; None where it does not, or does not match."""
    if rule.for_each is None or made(rule, event, rules.bind(event)) != []:
        return None
    return phrase("it matches, and its list is empty: `{source}`", source=rule.for_each.over.source)


def _false_parts(rule: Rule, rules: RuleSet, event: Event) -> Iterator[str]:
    """The parts that make the condition false, with values of the event; empty if it is true."""
    if rule.when is None:
        return
    evaluation = Probe(rules.environment, rule.when).evaluate(rules.bind(event))
    if evaluation.result.value is True:
        return
    for node in evaluation.deciding():
        values = [
            phrase("{text} is {operand}", text=evaluation.tree.text(operand), operand=_value(evaluation.of(operand)))
            for operand in evaluation.operands(node)
        ]
        text = f"`{evaluation.tree.text(node)}`"
        yield phrase("{message} ({hint})", message=text, hint=joined(", ", values)) if values else text


def _value(result: Outcome | None) -> str:
    return shown(result.value) if result is not None and result.failed is None else phrase("not available")

"""The timeline of one event and of each of its notices, and the answer to "why did it not arrive?"."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from pipeline.care.words import CareWords
from pipeline.model.event import Position
from pipeline.model.outcome import OutcomeKind
from pipeline.model.outcome_words import outcome_words, reason_words
from pipeline.model.pause import Pause, ScopeKind
from pipeline.operations.find.ended import Ended
from pipeline.phrases import Phrase, counted, joined, phrase

NO_WORDS = CareWords()


class RuleResult(StrEnum):
    """What a rule of today makes of the event."""

    NOTICE = "notice"
    REFUSED = "refused"
    NO_MATCH = "no_match"
    STOPPED = "stopped"
    OFF = "off"
    """It would make a message, and is switched off."""


class RuleLine(NamedTuple):
    """One rule for events of this type."""

    rule: str
    result: RuleResult
    why: str
    """The part of the condition that decided, with values of the event."""
    template: str


class Letter(NamedTuple):
    """A dead letter, and when it was sent again."""

    position: Position
    at_ms: int
    redriven_ms: int | None
    redrives: int
    """How often the event had been sent again before this letter."""
    outcome_id: str


class StepKind(StrEnum):
    """One step of a notice."""

    MATCHED = "matched"
    FIRST_ATTEMPT = "first_attempt"
    ATTEMPTS = "attempts"
    OUTCOME = "outcome"
    DEAD_LETTER = "dead_letter"
    REDRIVEN = "redriven"
    WAITING = "waiting"
    MISSING = "missing"


class Step(NamedTuple):
    """What happened to a notice, and when."""

    at_ms: int | None
    """Milliseconds since the epoch; None where it has not happened yet."""
    kind: StepKind
    words: str


class NoticeStory(NamedTuple):
    """One notice: what happened to it, in order."""

    id: str | None
    rule: str | None
    """None for a record of which no notice was made."""
    template: str | None
    recipient: str | None
    reference: str | None
    item: int | None
    """Which item of its rule's `for_each` it is about, from 0; None for a rule without one."""
    steps: tuple[Step, ...]
    answer: str
    """One sentence for the customer's question."""
    outcomes: tuple[Ended, ...]
    """The oldest first."""


class EventFacts(NamedTuple):
    """What is known of an event, and what the rules of today make of it."""

    position: Position
    type: str | None = None
    id: str | None = None
    record_ms: int | None = None
    """Kafka's timestamp."""
    event_ms: int | None = None
    """The event's own time."""
    unreadable: str | None = None
    """Why the record cannot be shown."""
    found_in: tuple[str, ...] = ()
    """The fields that contain the text that was searched for."""
    rules: tuple[RuleLine, ...] = ()
    copies: tuple[Position, ...] = ()
    """Further records of the same event: those that were sent again."""
    is_of_former_topic: bool = False
    """Whether the topic of this name is another one now: its position is that of another event."""


class Progress(NamedTuple):
    """How far the group is."""

    committed: int | None
    """The next offset of the event's partition that the group has not finished; None: nothing is committed."""
    pauses: Sequence[Pause] = ()
    waiting: Collection[str] = ()
    """Rules whose message of the event is made and has not ended (recipient care)."""


class Story(NamedTuple):
    """One event."""

    event: EventFacts
    notices: tuple[NoticeStory, ...]
    answer: str


def tell(
    facts: EventFacts,
    outcomes: Sequence[Ended],
    letters: Mapping[str, Sequence[Letter]],
    progress: Progress | None,
    care: CareWords = NO_WORDS,
) -> Story:
    """Return the story of an event; `care` explains what recipient care decided.

    `outcomes` are all that were found for it, `letters` those of its outcome ids. Without `progress` it is not judged
    which outcomes are missing: the search may not have read all of them.
    """
    by_notice: dict[tuple[str | None, str], list[Ended]] = {}
    for one in sorted(outcomes, key=lambda one: (one.finished_ms, one.redrives)):
        by_notice.setdefault((one.rule, one.id), []).append(one)
    notices = [_ended_notice(ends, letters.get(key[1], ()), care) for key, ends in by_notice.items()]
    if progress is not None:
        done = {rule for rule, _ in by_notice}
        lacking = [line for line in facts.rules if line.result in _EXPECTED and line.rule not in done]
        notices += [_open_notice(line, facts, progress, judged=bool(done)) for line in lacking]
    return Story(facts, tuple(notices), _answer(facts, notices, progress))


_EXPECTED = frozenset({RuleResult.NOTICE, RuleResult.REFUSED})


def _ended_notice(ends: Sequence[Ended], letters: Sequence[Letter], care: CareWords) -> NoticeStory:
    last = ends[-1]
    steps: list[Step] = []
    for one in ends:
        if one.rule is not None:
            steps.append(Step(one.received_ms, StepKind.MATCHED, _matched(one)))
        if one.first_attempt_ms is not None:
            steps.append(Step(one.first_attempt_ms, StepKind.FIRST_ATTEMPT, phrase("first attempt")))
        if one.attempts > 1 or (one.attempts and one.kind != OutcomeKind.ACCEPTED):
            steps.append(Step(one.finished_ms, StepKind.ATTEMPTS, _attempts(one)))
        steps.append(Step(one.finished_ms, StepKind.OUTCOME, _outcome(one, care)))
    open_letters: list[Letter] = []
    for letter in letters:
        steps.append(
            Step(letter.at_ms, StepKind.DEAD_LETTER, phrase("dead letter {position}", position=letter.position))
        )
        if letter.redriven_ms is not None:
            steps.append(Step(letter.redriven_ms, StepKind.REDRIVEN, phrase("`redrive` sent it again")))
            if letter.redrives >= last.redrives:
                open_letters.append(letter)
    steps.sort(key=lambda step: step.at_ms or 0)
    answer = _held_back(last, care) or sentence(_outcome(last, care))
    if open_letters:
        steps.append(Step(None, StepKind.WAITING, phrase("sent again; no outcome yet")))
        answer = phrase(
            "Waiting: it was sent again and has no outcome yet. Before: {answer}",
            answer=_recased(answer, f"{answer[0].lower()}{answer[1:]}"),
        )
    return NoticeStory(
        id=last.id,
        rule=last.rule,
        template=last.template,
        recipient=last.recipient,
        reference=last.reference,
        item=last.item,
        steps=tuple(steps),
        answer=answer,
        outcomes=tuple(ends),
    )


def _matched(one: Ended) -> str:
    if not one.redrives:
        return phrase("read; the rule made a message")
    return phrase("read; the rule made a message (sent again, number {number})", number=one.redrives)


def _attempts(one: Ended) -> str:
    reply = [f"HTTP {one.http_status}"] if one.http_status is not None else []
    reply += [phrase("code {code}", code=one.body_code)] if one.body_code is not None else []
    return phrase(
        "{attempts}; last reply: {reply}",
        attempts=counted(one.attempts, "{count} attempt", "{count} attempts"),
        reply=joined(", ", reply) if reply else phrase("none"),
    )


def _held_back(one: Ended, care: CareWords) -> str:
    """The answer for a notice that recipient care held back; empty for others."""
    because = care.of(one.because) if one.kind == OutcomeKind.SUPPRESSED else ""
    return phrase("Matched, not sent: {because}.", because=because) if because else ""


def _outcome(one: Ended, care: CareWords) -> str:
    words = outcome_words(one.kind, one.reason, one.body_code, one.because)
    because = care.of(one.because)
    if because and one.kind == OutcomeKind.SUPPRESSED:
        return phrase("not sent: {because}", because=because)
    if because:  # a category that is sent over its caps
        words = phrase("{words}, although {because}", words=words, because=because)
    if one.detail and one.kind != OutcomeKind.ACCEPTED:
        return phrase("{words}; {detail}", words=words, detail=one.detail)
    return words


def _open_notice(line: RuleLine, facts: EventFacts, progress: Progress, *, judged: bool) -> NoticeStory:
    """Return a notice that today's rules make and that has no outcome."""
    offset, committed = facts.position.offset, progress.committed
    if line.rule in progress.waiting:
        kind, words = StepKind.WAITING, _waiting(line, offset, progress)
    elif committed is not None and offset < committed:
        kind = StepKind.MISSING
        words = (
            phrase(
                "no outcome, although the service has finished this event: the rule was added, changed or switched on "
                "later"
            )
            if judged
            else phrase(
                "no outcome, although the service has finished this event: the rule matches only since it was added, "
                "changed or switched on, or the outcome is older than what was searched; `audit` proves whether one is "
                "lost"
            )
        )
    else:
        kind, words = StepKind.WAITING, _waiting(line, offset, progress)
    return NoticeStory(
        None, line.rule, line.template, None, None, None, (Step(None, kind, words),), sentence(words), ()
    )


def _waiting(line: RuleLine, offset: int, progress: Progress) -> str:
    paused = next((one for one in progress.pauses if _concerns(one, line)), None)
    if paused is not None:
        waiting = phrase(
            "still waiting: sending is paused since {since} by {by}",
            since=_clock(paused.since),
            by=paused.by or phrase("an operator"),
        )
        return phrase("{waiting} ({reason})", waiting=waiting, reason=paused.reason) if paused.reason else waiting
    if line.rule in progress.waiting:
        return phrase("still waiting: the message is made, and is in the line of its recipient")
    if progress.committed is None:
        return phrase("still waiting: the group has not finished any event of this partition")
    before = offset - progress.committed
    if not before:
        return phrase("still waiting: it is the next event that its partition finishes")
    return phrase("still waiting: its partition is finished up to {count:,} events before this one", count=before)


def _concerns(pause: Pause, line: RuleLine) -> bool:
    kind, name = pause.scope
    return kind is ScopeKind.ALL or name == (line.rule if kind is ScopeKind.RULE else line.template)


def _answer(facts: EventFacts, notices: Sequence[NoticeStory], progress: Progress | None) -> str:
    if len(notices) == 1:
        return notices[0].answer
    if notices:
        return joined(" ", [phrase("{name}: {answer}", name=_name(one), answer=one.answer) for one in notices])
    if facts.unreadable is not None:
        return sentence(facts.unreadable)
    if progress is None:
        return phrase("No outcome was found.")
    off = [line for line in facts.rules if line.result is RuleResult.OFF]
    if off:
        return phrase(
            "No message: the rule `{rule}` is switched off (`enabled: false`); it would have matched.", rule=off[0].rule
        )
    if not facts.rules:
        return phrase("No message: {why} ({type}).", why=reason_words("no_rule_for_type"), type=facts.type)
    causes = joined("; ", [phrase("`{rule}`: {why}", rule=line.rule, why=line.why) for line in facts.rules])
    return phrase("No message: no rule matched. {causes}.", causes=causes)


def _name(notice: NoticeStory) -> str:
    name = notice.rule or phrase("Event")
    return name if notice.item is None else phrase("{name}, item {item}", name=name, item=notice.item)


def sentence(words: str) -> str:
    """Return words as a sentence: a capital letter and a full stop."""
    upper = f"{words[:1].upper()}{words[1:]}"
    return (
        _recased(words, upper) if words.endswith((".", "!", "?")) else phrase("{words}.", words=_recased(words, upper))
    )


def _recased(text: str, cased: str) -> str:
    """A text with a capital or small letter in English, and as it is in other languages."""
    return Phrase(cased, "{text}", {"text": text})


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"

"""Prints the stories of events as text, and converts them to JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.cli.language import in_language
from pipeline.cli.printing import bad, faint, good, plain, say, strong
from pipeline.model.outcome import Because, OutcomeKind
from pipeline.operations.find.story import NoticeStory, RuleLine, RuleResult, Step, StepKind, Story
from pipeline.phrases import joined, phrase

if TYPE_CHECKING:
    from pipeline.adapters.operations.find import Found

_RESULTS = {
    RuleResult.NOTICE: phrase("makes a message"),
    RuleResult.REFUSED: phrase("cannot make its message"),
    RuleResult.NO_MATCH: phrase("does not match"),
    RuleResult.STOPPED: phrase("is not evaluated"),
    RuleResult.OFF: phrase("is off"),
}


def show(found: Found[Story]) -> None:
    """Print each story: the answer, the event, the rules, and each notice's steps."""
    for number, story in enumerate(found.items):
        if number:
            say()
        _show_story(story)
    if found.left_out:
        say(faint(phrase("… and {count:,} older events (--limit)", count=found.left_out)))


def _show_story(story: Story) -> None:
    event = story.event
    about = [
        str(event.position),
        phrase("id {id}", id=event.id) if event.id is not None else "",
        time_text(event.record_ms),
    ]
    say(strong(event.type or phrase("event")), faint("  " + joined("  ", [part for part in about if part])))
    say(plain("  → "), (good if _arrived(story) else bad)(story.answer))
    if event.found_in:
        say(faint(phrase("  found in {fields}", fields=joined(", ", event.found_in))))
    if event.unreadable is not None:
        say(plain("  "), plain(event.unreadable))
    for copy in event.copies:
        say(faint(phrase("  sent again as {position}", position=copy)))
    for rule in event.rules:
        _show_rule(rule)
    for notice in story.notices:
        show_notice(notice)


def _arrived(story: Story) -> bool:
    kinds = {notice.outcomes[-1].kind if notice.outcomes else "" for notice in story.notices}
    return kinds == {OutcomeKind.ACCEPTED}


def _show_rule(rule: RuleLine) -> None:
    mark = good("✓") if rule.result is RuleResult.NOTICE else faint("·")
    say(plain("  "), mark, strong(f" {rule.rule}"), plain(" " + _RESULTS[rule.result]), faint("  " + rule.why))


def show_notice(notice: NoticeStory) -> None:
    """Print a notice's steps."""
    about = [notice.id or ""]
    about += [phrase("item {item}", item=notice.item)] if notice.item is not None else []
    about += [phrase("to {recipient}", recipient=notice.recipient)] if notice.recipient else []
    about += [phrase("reference {reference}", reference=notice.reference)] if notice.reference else []
    say(strong("  " + (notice.rule or phrase("no notice"))), faint("  " + joined("  ", about)))
    for step in notice.steps:
        _show_step(step)


def _show_step(step: Step) -> None:
    at = time_text(step.at_ms) or in_language(phrase("now"))
    style = bad if step.kind in {StepKind.WAITING, StepKind.MISSING} else plain
    say(faint(f"    {at:<24}  "), style(step.words))


def time_text(milliseconds: int | None) -> str:
    """Return a time in UTC with milliseconds; nothing for None, and the number for a year beyond the calendar."""
    if milliseconds is None:
        return ""
    try:
        time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(found: Found[Story]) -> dict[str, object]:
    """The stories as JSON values."""
    return {"found": len(found.items), "left_out": found.left_out, "events": [story_json(one) for one in found.items]}


def story_json(story: Story) -> dict[str, object]:
    """One story as JSON values."""
    event = story.event
    return {
        "answer": story.answer,
        "position": str(event.position),
        "type": event.type,
        "id": event.id,
        "time": time_text(event.event_ms) or None,
        "written": time_text(event.record_ms) or None,
        "unreadable": event.unreadable,
        "found_in": list(event.found_in),
        "copies": [str(one) for one in event.copies],
        "of_former_topic": event.is_of_former_topic,
        "rules": [rule._asdict() for rule in event.rules],
        "notices": [notice_json(one) for one in story.notices],
    }


def notice_json(notice: NoticeStory) -> dict[str, object]:
    """One notice as JSON values."""
    return {
        "id": notice.id,
        "rule": notice.rule,
        "template": notice.template,
        "recipient": notice.recipient,
        "reference": notice.reference,
        "item": notice.item,
        "answer": notice.answer,
        "steps": [
            {"time": time_text(step.at_ms) or None, "kind": step.kind, "words": step.words} for step in notice.steps
        ],
        "outcomes": [
            {
                "kind": one.kind,
                "reason": one.reason,
                "http_status": one.http_status,
                "code": one.body_code,
                "attempts": one.attempts,
                "finished": time_text(one.finished_ms),
                "redrives": one.redrives,
                "detail": one.detail,
                "because": [_because_json(why) for why in one.because],
                "outcome": str(one.written),
                "event": str(one.source),
            }
            for one in notice.outcomes
        ],
    }


def _because_json(why: Because) -> dict[str, object]:
    until = None if why.until is None else round(why.until * 1000)
    return {"what": why.what, "name": why.name, "value": why.value, "until": time_text(until) or None}

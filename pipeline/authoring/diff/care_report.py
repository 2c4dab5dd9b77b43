"""The report of a care simulation: lines of text, Markdown and JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pipeline.authoring.diff.care_simulation import CareSimulation, Held, Side
from pipeline.model.outcome import Reason
from pipeline.phrases import counted, joined, marked, phrase

MOST_HOURS = 3
"""Hours that a line names."""
_WHAT = {
    Reason.CAP_REACHED: marked("cap {name}"),
    Reason.QUIET_HOURS: marked("quiet hours {name}"),
    Reason.DUPLICATE: marked("once of {name}"),
    Reason.OPTED_OUT: marked("list {name}"),
}


def headline(care: CareSimulation) -> str:
    """What changes, in a sentence without its full stop."""
    before, after = care.before.sent.total(), care.after.sent.total()
    if not care.changes:
        return phrase("recipient care holds the same messages back")
    difference = after - before
    if not difference:
        return phrase("recipient care holds other messages back, as many")
    if difference < 0:
        return phrase("recipient care lets {count:,} fewer leave", count=-difference)
    return phrase("recipient care lets {count:,} more leave", count=difference)


def lines(care: CareSimulation) -> Iterator[str]:
    """Text for a terminal: a line for each category, and below it one for each part that held messages back."""
    for category in care.categories:
        sent = f"{care.before.sent[category]:,} → {care.after.sent[category]:,}"
        made = f"{care.before.made[category]:,} → {care.after.made[category]:,}"
        yield phrase("{category}: {sent} sent, of {made} messages", category=category, sent=sent, made=made)
        for held in care.held:
            if held.category == category:
                yield phrase("  {what}: {counts}", what=what(held), counts=_counts(care, held))


def markdown(care: CareSimulation) -> Iterator[str]:
    """The same as a table; `code` is applied to names by the caller's escape."""
    yield phrase("| category | held back by | before | after | recipients | most at |")
    yield "|---|---|--:|--:|--:|---|"
    for held in care.held:
        recipients = f"{len(care.before.recipients[held]):,} → {len(care.after.recipients[held]):,}"
        hours = care.after.hours[held] or care.before.hours[held]
        cells = (held.category, what(held), f"{care.before.held[held]:,}", f"{care.after.held[held]:,}", recipients)
        yield "| " + joined(" | ", (*cells, busiest(hours))) + " |"
    yield ""


def notes(care: CareSimulation) -> Iterator[str]:
    """What the reader must know of the simulation."""
    zone = care.zones[-1]
    yield (
        phrase(
            "recipient care was simulated on {events:,} events, each message sent at the time of "
            "its event; recorded events have no opt-outs and no zones of recipients: none opted "
            "out, and the clock is that of {zone}",
            events=care.events,
            zone=zone,
        )
    )
    if care.untimed:
        yield phrase(
            "{untimed:,} events have no time, so recipient care is not simulated for them", untimed=care.untimed
        )


def as_values(care: CareSimulation) -> dict[str, object]:
    """The simulation as JSON values: counts of messages, recipients, and messages by hour of the day."""
    return {
        "events": care.events,
        "untimed": care.untimed,
        "zones": {"before": care.zones[0], "after": care.zones[1]},
        "changes": care.changes,
        "categories": [
            {
                "category": name,
                "before": _category(care.before, name),
                "after": _category(care.after, name),
            }
            for name in care.categories
        ],
        "held_back": [
            {
                "category": held.category,
                "reason": held.reason.value,
                "name": held.name,
                "before": _held(care.before, held),
                "after": _held(care.after, held),
            }
            for held in care.held
        ],
    }


def what(held: Held) -> str:
    """What held messages back: `cap marketing-a-day`."""
    return phrase(_WHAT[held.reason], name=held.name)


def busiest(hours: Counter[int]) -> str:
    """The hours with most messages: `20:00 (12), 21:00 (5)`."""
    return joined(", ", (f"{hour:02}:00 ({count:,})" for hour, count in hours.most_common(MOST_HOURS)))


def _counts(care: CareSimulation, held: Held) -> str:
    before, after = care.before.held[held], care.after.held[held]
    recipients = len(care.after.recipients[held] or care.before.recipients[held])
    hours = busiest(care.after.hours[held] or care.before.hours[held])
    people = counted(recipients, "{count:,} recipient", "{count:,} recipients")
    return phrase(
        "{before:,} → {after:,} not sent, {people}; most at {hours}",
        before=before,
        after=after,
        people=people,
        hours=hours,
    )


def _category(side: Side, name: str) -> dict[str, int]:
    return {"made": side.made[name], "sent": side.sent[name]}


def _held(side: Side, held: Held) -> dict[str, object]:
    return {
        "messages": side.held[held],
        "recipients": len(side.recipients[held]),
        "hours": {str(hour): count for hour, count in sorted(side.hours[held].items())},
    }

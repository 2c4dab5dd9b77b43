"""May a message leave now? Opted out, then `once`, then quiet hours, then caps."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.care.caps import reached
from pipeline.care.declaration import Care, Category, InQuiet, OverCap
from pipeline.care.facts import CareFacts
from pipeline.care.recipient import Recipient, milliseconds, notice_number
from pipeline.care.wall_clock import WallClock, wall_clock
from pipeline.model.outcome import ONCE, OPT_OUT, QUIET_HOURS, Because, OutcomeKind, Reason


class Send(NamedTuple):
    """It may leave."""

    because: tuple[Because, ...] = ()
    """Caps that are reached, of a category that is sent nevertheless."""


class End(NamedTuple):
    """It ends unsent."""

    kind: OutcomeKind
    reason: Reason
    because: tuple[Because, ...]
    """At least one; `until` says when a message of this category would be possible again, as far as this condition is
    concerned; None: not by time alone."""


SEND = Send()
Decision = Send | End
_DROP = InQuiet.DROP
"""Looked up once: CPython 3.11 searches for an enum's member, 70 ns each time (docs/decisions/hot-path.md)."""


def decide(care: Care, facts: CareFacts, recipient: Recipient, now: float) -> Decision:
    """Decide about the first notice of a recipient's lane at `now`, seconds since the epoch.

    The reason is the first that applies. A notice is never counted against itself: one that is tried again after a
    crash, or redriven, may be in the state already.
    """
    _, _, name, once = facts
    category = None if name is None else care.categories.get(name)
    if category is not None:
        if category.urgent:
            return SEND
        if category.opt_out is not None and category.opt_out in recipient.preferences.opted_out:
            return _suppressed(Reason.OPTED_OUT, Because(OPT_OUT, category.opt_out))
    if once is not None and recipient.taken:
        taken = recipient.taken.get(int(once.key, 16))
        if taken is not None and taken.until_ms > milliseconds(now) and taken.number != notice_number(facts.notice_id):
            return _suppressed(Reason.DUPLICATE, Because(ONCE, facts.rule, None, taken.until_ms / 1_000))
    if category is None:
        return SEND
    quiet = category.quiet
    if quiet is not None and quiet.then is _DROP:
        clock = clock_of(care, recipient)
        if clock.is_in(quiet.hours, now):
            until = clock.leaves(quiet.hours, now)
            return _suppressed(
                Reason.QUIET_HOURS, Because(QUIET_HOURS, quiet.hours.name, f"{clock.shows(now):%H:%M}", until)
            )
    return _within_caps(care, category, facts, recipient, now) if category.caps else SEND


def _within_caps(care: Care, category: Category, facts: CareFacts, recipient: Recipient, now: float) -> Decision:
    because = reached(category, facts.notice_id, recipient, clock_of(care, recipient), now)
    if not because:
        return SEND
    return (
        Send(because) if category.over_cap is OverCap.SEND else End(OutcomeKind.SUPPRESSED, Reason.CAP_REACHED, because)
    )


def clock_of(care: Care, recipient: Recipient) -> WallClock:
    """Return the clocks by which a recipient's days and quiet hours are."""
    zone = recipient.preferences.zone if care.zone_of_preferences else None
    return wall_clock(care.zone if zone is None else zone, care.zone)


def _suppressed(reason: Reason, because: Because) -> End:
    return End(OutcomeKind.SUPPRESSED, reason, (because,))

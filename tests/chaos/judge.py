"""The verdict on a run, from Kafka and the API's journal alone. What the service reports about itself is not used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.model.outcome import RECIPIENT_CARE, OutcomeKind
from tests.chaos.journal import Journal
from tests.chaos.judge_care import CareEvidence, care_violations
from tests.chaos.kafka import Found
from tests.chaos.say import some

MOST_MEGABYTES = 400.0
"""One member's resident memory; about 100 of them are libraries."""


class Allowed(NamedTuple):
    """What the faults of a scenario excuse."""

    lost_replies: bool = False
    """The API took messages and its replies were lost: the same key may come again, at most once for each fault."""
    failures: bool = False
    """Notices may end otherwise than accepted."""
    damaged_ledger: bool = False
    """What is above the frontier may be sent again: it is recorded nowhere."""
    unsent: int = 0
    """Requests that a frozen process had made and not yet written: they leave when it is thawed, and nothing can stop
    them. At most as many as it may have in flight, each time."""
    exits: frozenset[int] = frozenset({0})
    findings: frozenset[str] = frozenset()
    """Codes of findings that `audit` may have with recipient care."""


class Evidence(NamedTuple):
    """What Kafka and the API know after a run."""

    ledger: Found
    journal: Journal
    ranges: dict[int, tuple[int, int]]
    """First and next offset of each source partition."""
    committed: dict[int, int]
    dead_letters: Mapping[str, int]
    excused: frozenset[str]
    """Notices that the API had taken, and the ledger did not have, when their owner was killed or cut off."""
    torn: tuple[float, ...]
    """The moments of that."""
    late: tuple[tuple[float, float], ...]
    """When a network delivered requests that it had delayed and that no client waits for any more."""
    exits: tuple[int, ...]
    peak_megabytes: float
    markers: frozenset[tuple[int, int]] = frozenset()
    """Partitions and offsets at which transactions end: no events."""
    care: CareEvidence | None = None
    """Where recipient care is on."""


def violations(evidence: Evidence, allowed: Allowed) -> list[str]:
    """Every broken promise, as text."""
    return [
        *_lost(evidence),
        *_doubled(evidence, allowed),
        *_order(evidence, allowed),
        *_failures(evidence, allowed),
        *_ends(evidence, allowed),
        *_care(evidence, allowed),
    ]


def _lost(evidence: Evidence) -> Iterable[str]:
    emitted = {(partition, offset) for partition, (low, high) in evidence.ranges.items() for offset in range(low, high)}
    there = {(position.partition, position.offset) for position in evidence.ledger.positions}
    yield from some("events without an outcome", emitted - there - evidence.markers)
    accepted = evidence.ledger.ends(OutcomeKind.ACCEPTED)
    yield from some("outcomes say accepted, the API knows nothing of it", accepted - evidence.journal.accepted.keys())
    # Taken from a member that was killed before it could write that down; a pause then ended the notice.
    suppressed = evidence.excused & evidence.ledger.ends(OutcomeKind.SUPPRESSED)
    taken = evidence.journal.accepted.keys() - suppressed
    yield from some("accepted by the API, without an outcome", taken - accepted)


def _doubled(evidence: Evidence, allowed: Allowed) -> Iterable[str]:
    if allowed.damaged_ledger:
        return
    doubled = evidence.ledger.doubled() - evidence.excused
    if len(doubled) > allowed.unsent:
        yield from some("more than one outcome, without a crash to excuse it", doubled)
    resent = {name for name, at in evidence.journal.resent().items() if not _late(evidence, at)} - evidence.excused
    if len(resent) <= allowed.unsent:
        return
    if not allowed.lost_replies:
        yield from some("sent again although accepted", resent)
    elif len(resent) > evidence.journal.counts.faults:
        yield f"{len(resent)} sent again although accepted, with {evidence.journal.counts.faults} faults to excuse them"


def _late(evidence: Evidence, at: float) -> bool:
    return any(begin <= at <= end for begin, end in evidence.late)


def _order(evidence: Evidence, allowed: Allowed) -> Iterable[str]:
    ranks = None if evidence.care is None else evidence.care.ranks
    # With the ledger a suppression may be forgotten: its notice leaves in a later decision, after others.
    if ranks is None or not allowed.damaged_ledger:
        yield from some("first attempts out of order", [line.key for line in evidence.journal.disordered(ranks)])
    overlaps = [
        overlap
        for overlap in evidence.journal.overlaps
        if not any(overlap.since <= moment <= overlap.at for moment in evidence.torn)
        and not _late(evidence, overlap.at)
    ]
    if len(overlaps) > allowed.unsent:
        yield from some("two requests at once for one recipient", [overlap.recipient for overlap in overlaps])


def _failures(evidence: Evidence, allowed: Allowed) -> Iterable[str]:
    failed = {
        name
        for name, found in evidence.ledger.outcomes.items()
        if found[-1].kind is not OutcomeKind.ACCEPTED and found[-1].reason not in RECIPIENT_CARE
    }
    if not allowed.failures:
        yield from some("notices that were not accepted", failed)
    left = {name for name in failed if evidence.ledger.outcomes[name][-1].leaves_dead_letter}
    yield from some("failed without a dead letter", left - evidence.dead_letters.keys())


def _ends(evidence: Evidence, allowed: Allowed) -> Iterable[str]:
    behind = {
        partition: end - evidence.committed.get(partition, -1)
        for partition, end in _last_records(evidence).items()
        if not end <= evidence.committed.get(partition, -1) <= evidence.ranges[partition][1]
    }
    yield from some("partitions not committed to their end", behind.items())
    yield from some("exit codes", [code for code in evidence.exits if code not in allowed.exits])
    if evidence.peak_megabytes > MOST_MEGABYTES:
        yield f"a member took {evidence.peak_megabytes:.0f} MB"


def _care(evidence: Evidence, allowed: Allowed) -> Iterable[str]:
    if evidence.care is not None:
        yield from care_violations(
            evidence.care,
            evidence.ledger,
            evidence.journal,
            evidence.excused,
            lost_state=allowed.damaged_ledger,
            expected=allowed.findings,
        )


def _last_records(evidence: Evidence) -> dict[int, int]:
    """The offset after the last record of each partition that has any."""
    ends: dict[int, int] = {}
    for partition, (low, high) in evidence.ranges.items():
        end = high
        while (partition, end - 1) in evidence.markers:
            end -= 1
        if end > low:
            ends[partition] = end
    return ends

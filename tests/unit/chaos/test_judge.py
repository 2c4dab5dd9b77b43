"""The judge of chaos sees each kind of broken promise, and nothing where there is none."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.model.event import Position
from pipeline.model.outcome import Outcome, OutcomeKind
from tests.chaos.journal import Arrival, Journal, Overlap
from tests.chaos.judge import Allowed, Evidence, violations
from tests.chaos.kafka import Found
from tests.fakes.outcomes import an_outcome


def outcome(number: int, kind: OutcomeKind = OutcomeKind.ACCEPTED) -> Outcome:
    """The outcome of the event with this number."""
    return an_outcome(Position("events", 0, number), kind, name=f"notice-{number}")._replace(recipient="ann")


NOTHING = Allowed()
AGAIN = Position("events", 0, 9)


class Case:
    """Three events that were delivered as they should be; each test breaks something."""

    def __init__(self) -> None:
        self.found = Found()
        self.journal = Journal()
        for number in range(3):
            self.found.note(outcome(number))
            self.arrives(number)
            self.journal.accepted[f"notice-{number}"] = float(number)
        self.committed = {0: 3}
        self.dead_letters = Counter[str]()
        self.excused: set[str] = set()
        self.torn: list[float] = []
        self.late: list[tuple[float, float]] = []
        self.exits = [0]
        self.megabytes = 100.0
        self.markers: frozenset[tuple[int, int]] = frozenset()

    def arrives(self, number: int, at: float | None = None) -> None:
        """A request for this event comes."""
        moment = float(number) if at is None else at
        self.journal.lines.append(Arrival(moment, f"notice-{number}", "ann", number))

    def broken(self, allowed: Allowed = NOTHING) -> list[str]:
        """What the judge says."""
        evidence = Evidence(
            self.found,
            self.journal,
            {0: (0, 3)},
            self.committed,
            self.dead_letters,
            frozenset(self.excused),
            tuple(self.torn),
            tuple(self.late),
            tuple(self.exits),
            self.megabytes,
            self.markers,
        )
        return violations(evidence, allowed)


@pytest.fixture
def case() -> Case:
    return Case()


def says(message: list[str], part: str) -> bool:
    return len(message) == 1 and part in message[0]


def test_a_faultless_run_breaks_nothing(case: Case) -> None:
    """Every event has its outcome, in order, once, committed."""
    assert case.broken() == []


def test_an_event_without_an_outcome_is_lost(case: Case) -> None:
    """It is named by its place."""
    case.found.positions.discard(Position("events", 0, 1))
    assert says(case.broken(), "1 events without an outcome: (0, 1)")


def test_an_outcome_that_the_api_does_not_know_is_a_lie(case: Case) -> None:
    """Accepted counts only where the API accepted."""
    del case.journal.accepted["notice-2"]
    assert says(case.broken(), "the API knows nothing of it: notice-2")


def test_two_outcomes_need_a_crash_to_excuse_them(case: Case) -> None:
    """Excused are only notices that were under way when their owner was torn away."""
    case.found.note(outcome(1))
    assert says(case.broken(), "more than one outcome")
    case.excused.add("notice-1")
    assert case.broken() == []


def test_a_second_sending_needs_a_reason(case: Case) -> None:
    """A crash, or a reply that was lost; and no more of these than there were faults."""
    case.arrives(2, at=9.0)
    assert says(case.broken(), "sent again although accepted: notice-2")
    assert says(case.broken(Allowed(lost_replies=True)), "with 0 faults to excuse them")
    case.journal.counts.faults = 1
    assert case.broken(Allowed(lost_replies=True)) == []


def test_a_later_event_first_is_disorder(case: Case) -> None:
    """First attempts count; a repeat may come late."""
    case.journal.lines[:2] = reversed(case.journal.lines[:2])
    assert says(case.broken(), "1 first attempts out of order: notice-0")


def test_two_at_once_are_seen_unless_a_member_died_between(case: Case) -> None:
    """What a dead process had sent may still be under way when its successor sends."""
    case.journal.overlaps.append(Overlap(at=5.0, since=4.0, recipient="ann"))
    assert says(case.broken(), "two requests at once")
    case.torn.append(4.5)
    assert case.broken() == []


def test_a_failed_notice_needs_its_dead_letter(case: Case) -> None:
    """And a scenario that allows failures."""
    case.found.outcomes["notice-2"] = [outcome(2, OutcomeKind.REJECTED)]
    del case.journal.accepted["notice-2"]
    assert says(case.broken(Allowed(failures=True)), "failed without a dead letter")
    case.dead_letters["notice-2"] = 1
    assert case.broken(Allowed(failures=True)) == []
    assert says(case.broken(), "not accepted: notice-2")


def test_what_is_left_uncommitted_is_seen(case: Case) -> None:
    """The frontier must have come to the topic's end."""
    case.committed[0] = 2
    assert says(case.broken(), "not committed to their end: (0, 1)")


def test_an_unclean_end_and_too_much_memory_are_seen(case: Case) -> None:
    """Whatever else went well."""
    case.exits.append(1)
    assert says(case.broken(), "exit codes: 1")
    assert case.broken(Allowed(exits=frozenset({0, 1}))) == []
    case.megabytes = 2_000.0
    assert says(case.broken(Allowed(exits=frozenset({0, 1}))), "took 2000 MB")


def test_what_a_frozen_process_had_not_written_is_bounded() -> None:
    """So many may leave late; one more is too many."""
    case = Case()
    case.arrives(2, at=9.0)
    case.journal.overlaps.append(Overlap(at=5.0, since=4.0, recipient="ann"))
    assert case.broken(Allowed(unsent=1)) == []
    case.arrives(1, at=9.5)
    assert says(case.broken(Allowed(unsent=1)), "2 sent again although accepted")


def test_what_a_network_gave_out_late_is_nobodys_fault() -> None:
    """Only then, and not a moment later."""
    case = Case()
    case.late.append((8.0, 9.0))
    case.arrives(2, at=8.5)
    case.journal.overlaps.append(Overlap(at=8.6, since=8.5, recipient="ann"))
    assert case.broken() == []
    case.arrives(1, at=9.1)
    assert says(case.broken(), "sent again although accepted: notice-1")


def test_a_pause_ends_a_notice_and_sending_it_again_is_no_double() -> None:
    """One outcome for each record; accepted once."""
    case = Case()
    case.found.outcomes["notice-2"].insert(0, outcome(2, OutcomeKind.SUPPRESSED)._replace(position=AGAIN))
    case.found.positions.add(AGAIN)
    assert case.broken() == []
    case.found.note(outcome(2, OutcomeKind.ACCEPTED))
    assert says(case.broken(), "more than one outcome")


def test_a_pause_may_end_what_a_killed_member_had_sent() -> None:
    """The API took the notice and its member could not write that down: excused by name only."""
    case = Case()
    case.found.outcomes["notice-2"] = [outcome(2, OutcomeKind.SUPPRESSED)]
    case.dead_letters["notice-2"] = 1
    assert says(case.broken(Allowed(failures=True)), "accepted by the API, without an outcome")
    case.excused.add("notice-2")
    assert case.broken(Allowed(failures=True)) == []


def test_the_end_of_a_transaction_is_no_event() -> None:
    """Its offset needs no outcome, and no commit if it is the last one."""
    case = Case()
    case.found.positions.discard(Position("events", 0, 1))
    case.markers = frozenset({(0, 1)})
    assert case.broken() == []
    case.found.positions.discard(Position("events", 0, 2))
    case.markers = frozenset({(0, 1), (0, 2)})
    case.committed[0] = 1
    assert case.broken() == []
    case.committed[0] = 0
    assert says(case.broken(), "not committed to their end: (0, 1)")

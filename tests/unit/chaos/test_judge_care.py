"""The judge of recipient care sees each kind of broken promise, and nothing where there is none."""

from __future__ import annotations

import math

import pytest

from pipeline.model.event import Position
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from tests.chaos.care import CAP_OF, CATEGORY, Kind, kind_of
from tests.chaos.journal import Arrival, Journal
from tests.chaos.judge_care import CareEvidence, care_violations
from tests.chaos.kafka import Found
from tests.fakes.outcomes import an_outcome

CAPPED = [4 * one + 1 for one in range(CAP_OF)]
ONCE, SAME, LATER = 3, 7, 503
"""Events whose rule has `once`: two of one key, and one of another."""
OUT = 4 * CAP_OF + 1


class Case:
    """One recipient got what it may; the rest was suppressed, each with its cause. Each test breaks something."""

    def __init__(self) -> None:
        self.found = Found()
        self.journal = Journal()
        self.forbidden: dict[str, float] = {name(OUT): math.inf}
        self.behind: dict[str, int] = {}
        self.audit: dict[str, int] = {"duplicate": 2}
        self.excused: set[str] = set()
        for number in (*CAPPED, ONCE, LATER):
            self.sends(number)
        self.ends(OUT, Reason.OPTED_OUT)
        self.ends(OUT + 4, Reason.CAP_REACHED)
        self.ends(SAME, Reason.DUPLICATE)

    def sends(self, number: int) -> None:
        """The API takes the message of this event."""
        self.journal.lines.append(Arrival(float(number), name(number), "ann", number))
        self.journal.accepted[name(number)] = float(number)
        self.found.note(outcome(number, OutcomeKind.ACCEPTED, Reason.OK))

    def ends(self, number: int, reason: Reason) -> None:
        """Recipient care suppresses the message of this event."""
        self.found.note(outcome(number, OutcomeKind.SUPPRESSED, reason))

    def broken(self) -> list[str]:
        """What the judge says."""
        evidence = CareEvidence({}, self.forbidden, frozenset({"ann"}), self.behind, self.audit)
        return list(care_violations(evidence, self.found, self.journal, frozenset(self.excused)))


def name(number: int) -> str:
    return f"notice-{number}"


def outcome(number: int, kind: OutcomeKind, reason: Reason) -> Outcome:
    is_capped = kind_of(number) is Kind.CAPPED
    return an_outcome(Position("events", 0, number), kind, name=name(number))._replace(
        reason=reason, recipient="ann", category=CATEGORY if is_capped else "transactional", rule=str(kind_of(number))
    )


@pytest.fixture
def case() -> Case:
    return Case()


def says(message: list[str], part: str) -> bool:
    return len(message) == 1 and part in message[0]


def test_a_faultless_run_breaks_nothing(case: Case) -> None:
    """Duplicates after a crash are judged elsewhere, by name."""
    assert case.broken() == []


def test_one_message_over_the_cap_is_seen(case: Case) -> None:
    """Each message once, however often it came."""
    case.sends(CAPPED[0])
    assert case.broken() == []
    case.sends(4 * CAP_OF + 9)
    assert says(case.broken(), f"1 recipients got more than {CAP_OF}: ann")


def test_a_second_message_of_a_key_is_seen(case: Case) -> None:
    """Of one key alone."""
    case.sends(SAME + 4)
    assert says(case.broken(), "1 keys of `once` were sent twice")


def test_a_message_after_an_opt_out_is_seen(case: Case) -> None:
    """Unless the recipient had opted in again when it came, or it was taken from a member that was killed."""
    case.journal.lines.append(Arrival(50.0, name(OUT), "ann", OUT))
    assert says(case.broken(), f"1 sent after an opt-out: {name(OUT)}")
    case.forbidden[name(OUT)] = 49.0
    assert case.broken() == []


def test_what_a_successor_suppressed_after_an_opt_out_is_not_counted(case: Case) -> None:
    """The API had taken it from a member that was cut off, whose outcome comes late."""
    case.ends(OUT + 8, Reason.OPTED_OUT)
    case.sends(OUT + 8)
    assert says(case.broken(), "got more than")
    case.excused.add(name(OUT + 8))
    assert case.broken() == []


def test_a_cap_that_holds_back_too_much_is_seen(case: Case) -> None:
    """Fewer were sent than it allows."""
    del case.found.outcomes[name(CAPPED[0])]
    assert says(case.broken(), "1 suppressed without a cause: notice-29 (cap_reached)")


def test_what_is_left_and_what_audit_finds_is_seen(case: Case) -> None:
    """Each by its own line."""
    case.behind["notice.intents"] = 1
    case.audit["lost"] = 1
    assert len(case.broken()) == 2

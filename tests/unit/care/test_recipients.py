"""The recipients of a partition: what is written when, and what a next owner must read."""

from __future__ import annotations

from pipeline.care.preferences import Choice, Preferences
from pipeline.care.recipient import Recipient
from pipeline.care.recipients import FLUSH_SECONDS, LATEST_SECONDS, MOST_WRITES, CareTerms, CareWrite, Recipients
from pipeline.model.ledger import RestoredCare
from pipeline.model.notice import Notice
from pipeline.model.once import Once, OnceUntil, once_key
from pipeline.model.outcome import OutcomeKind, Reason
from tests.fakes.outcomes import an_outcome
from tests.unit.care.cares import CARE, accepted, at, facts

NOON = at("2026-11-30 12:00")


def _recipients(restored: RestoredCare | None = None) -> Recipients:
    return Recipients(CareTerms(CARE, lambda text: f"#{text}"), restored or RestoredCare({}, {}), NOON)


def _sent(
    known: Recipients, ticket: int, to: str = "ann", *, at: float = NOON, category: str | None = "marketing"
) -> None:
    outcome = an_outcome()._replace(
        id=f"n{ticket}", kind=OutcomeKind.ACCEPTED, recipient=to, category=category, finished_at=at, once=None
    )
    known.ended(ticket, outcome)


def _lowest(known: Recipients) -> int | None:
    """Read again at each call, which type checkers do not expect of a property."""
    return known.lowest


def _notice(name: str = "new", category: str | None = "marketing", once: Once | None = None) -> Notice:
    return Notice(name, "coupon", "template", "ann", b"{}", None, ordered=True, category=category, once=once)


def test_a_message_counts_before_kafka_has_its_outcome() -> None:
    """The next one of the lane is decided right after the reply."""
    known = _recipients()
    for ticket in (1, 2):
        assert known.decide(_notice(), NOON) is None
        _sent(known, ticket)
    end = known.decide(_notice(), NOON)
    assert end is not None
    assert (end.kind, end.reason) == (OutcomeKind.SUPPRESSED, Reason.CAP_REACHED)


def test_a_message_without_category_and_key_is_not_decided() -> None:
    """Also one of a category that care.yaml does not declare."""
    known = _recipients()
    assert known.decide(_notice(category=None), NOON) is None
    assert known.decide(_notice(category="other"), NOON) is None
    _sent(known, 1, category=None)
    assert len(known) == 0


def test_a_record_is_written_some_seconds_after_the_acknowledgement() -> None:
    """One for several messages; until Kafka has it, the ledger is read from the first of them."""
    known = _recipients()
    _sent(known, 1)
    _sent(known, 2)
    known.writes(NOON)
    known.acknowledged(1, 40)
    known.acknowledged(2, 41)
    assert _lowest(known) == 40
    assert known.writes(NOON + FLUSH_SECONDS - 0.1) == []
    (write,) = known.writes(NOON + FLUSH_SECONDS)
    assert write.state is not None
    assert (len(Recipient.unpack(write.state).sends), Recipient.unpack(write.state).covered) == (2, 41)
    assert _lowest(known) == 40
    known.written(write)
    assert _lowest(known) is None
    assert known.writes(NOON + 100) == []


def test_what_changes_during_a_write_is_written_afterwards() -> None:
    """The first acknowledgement covers the first message alone."""
    known = _recipients()
    _sent(known, 1)
    known.acknowledged(1, 40)
    (write,) = known.writes(NOON + 6)
    _sent(known, 2)
    known.acknowledged(2, 50)
    assert known.writes(NOON + 20) == []
    known.written(write)
    assert _lowest(known) == 50
    (second,) = known.writes(NOON + 40)
    known.written(second)
    assert _lowest(known) is None


def test_a_refused_record_is_written_again() -> None:
    """With the choice that waits for it."""
    known, done = _recipients(), list[int]()
    known.choose(Choice("#ann", Preferences(frozenset({"promotions"}))), 7, NOON, lambda: done.append(7))
    _sent(known, 1)
    known.acknowledged(1, 40)
    (write,) = known.writes(NOON + 6)
    known.failed(write)
    assert _lowest(known) == 40
    assert not done
    (again,) = known.writes(NOON + 6)
    known.written(again)
    assert done == [7]
    assert _lowest(known) is None


def test_a_choice_is_in_force_at_once_and_written_at_once() -> None:
    """And done when Kafka has it."""
    known, done = _recipients(), list[int]()
    known.choose(Choice("#ann", Preferences(frozenset({"promotions"}))), 7, NOON, lambda: done.append(7))
    end = known.decide(_notice(), NOON)
    assert end is not None
    assert end.reason is Reason.OPTED_OUT
    (write,) = known.writes(NOON)
    assert not done
    known.written(write)
    assert done == [7]
    known.choose(Choice("#ann", None), 8, NOON, lambda: done.append(8))
    assert known.decide(_notice(), NOON) is None
    (write,) = known.writes(NOON)
    known.written(write)
    assert done == [7, 8]
    assert write.state is not None


def test_a_choice_of_nothing_is_forgotten_after_an_hour() -> None:
    """Within it a late record of another process must not bring back the choice before."""
    known = _recipients()
    before = Recipient()
    before.choose(Preferences(frozenset({"promotions"})), 7, 0)
    known.choose(Choice("#ann", None), 8, NOON, lambda: None)
    known.again("#ann", before.pack())
    assert known.decide(_notice(), NOON) is None
    (write,) = known.writes(NOON)
    known.written(write)
    removed = [*known.writes(NOON + 3_600), *known.writes(NOON + 3_600), *known.writes(NOON + 3_606)]
    assert [one.state for one in removed] == [None]
    assert len(known) == 0


def test_a_record_waits_for_open_outcomes_but_not_without_end() -> None:
    """A recipient to whom messages leave without a pause must not hold up the pointer."""
    known = _recipients()
    _sent(known, 1)
    known.acknowledged(1, 40)
    _sent(known, 2)
    assert known.writes(NOON + FLUSH_SECONDS + 1) == []
    (write,) = known.writes(NOON + LATEST_SECONDS + 1)
    known.written(write)
    assert _lowest(known) is None
    known.acknowledged(2, 41)
    assert _lowest(known) == 41


def test_at_most_so_many_records_are_on_their_way() -> None:
    """The rest follows."""
    known = _recipients()
    for ticket in range(MOST_WRITES + 1):
        _sent(known, ticket, f"to-{ticket}")
        known.acknowledged(ticket, ticket)
    writes = known.writes(NOON + 6)
    assert len(writes) == MOST_WRITES
    assert known.writes(NOON + 6) == []
    known.written(writes[0])
    assert len(known.writes(NOON + 6)) == 1


def test_once_is_taken_until_its_end() -> None:
    """And the same notice again is not its own duplicate."""
    known, once = _recipients(), Once(once_key("coupon", "X"), 60.0)
    outcome = an_outcome()._replace(
        id="first",
        kind=OutcomeKind.UNKNOWN,
        recipient="ann",
        category=None,
        once=OnceUntil(once.key, NOON + 60),
        finished_at=NOON,
    )
    known.ended(1, outcome)
    end = known.decide(_notice("second", None, once), NOON + 59)
    assert end is not None
    assert end.reason is Reason.DUPLICATE
    assert known.decide(_notice("first", None, once), NOON + 59) is None
    assert known.decide(_notice("second", None, once), NOON + 60) is None


def test_a_step_of_the_clock_counts_as_the_ledger_has_it() -> None:
    """Outcomes are written with corrected times."""
    known = _recipients()
    outcome = an_outcome()._replace(
        kind=OutcomeKind.ACCEPTED, recipient="ann", category="marketing", finished_at=NOON, once=None
    )
    known.ended(1, outcome, -3_600.0)
    assert known.of("#ann").sends[0].at_ms == (NOON - 3_600) * 1_000


def test_a_forgotten_recipient_is_removed_from_kafka_too() -> None:
    """Once nothing that is known can decide anything."""
    known = _recipients()
    _sent(known, 1)
    known.acknowledged(1, 40)
    (write,) = known.writes(NOON + 6)
    known.written(write)
    later = NOON + 40 * 86_400
    removed: list[CareWrite] = []
    for step in range(4):
        removed += known.writes(later + step * 6)
    assert [one.state for one in removed] == [None]
    assert len(known) == 0


def test_what_another_process_wrote_is_merged_and_written_over() -> None:
    """It has lost the partition and does not know it."""
    known = _recipients()
    _sent(known, 1)
    known.acknowledged(1, 40)
    (write,) = known.writes(NOON + 6)
    known.written(write)
    other = Recipient()
    other.fold(accepted(facts("other"), NOON))
    known.again("#ann", other.pack())
    (again,) = known.writes(NOON + 20)
    assert again.state is not None
    assert len(Recipient.unpack(again.state).sends) == 2


def test_a_new_owner_writes_what_the_records_do_not_have() -> None:
    """And keeps the ledger from there for the owner after it."""
    one = Recipient()
    one.fold(accepted(facts("a"), NOON))
    known = _recipients(RestoredCare({"#ann": one.pack(), "#bob": one.pack()}, {"#ann": 12}, frozenset({"#bob"})))
    assert _lowest(known) == 12
    writes = known.writes(NOON + 6)
    assert {write.recipient for write in writes} == {"#ann", "#bob"}
    for write in writes:
        known.written(write)
    assert _lowest(known) is None

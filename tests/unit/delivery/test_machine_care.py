"""Recipient care in the machine: decided when a message would leave, counted when it has ended."""

from __future__ import annotations

from pipeline.care.preferences import Choice, Preferences
from pipeline.care.recipients import CareTerms
from pipeline.delivery import pointer
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import LedgerPosition
from pipeline.model.notice import Notice
from pipeline.model.outcome import CAP, OutcomeKind, Reason
from pipeline.model.pause import Pause, Scope, ScopeKind
from tests.unit.care.cares import CARE, at

from .making import BAD_CONTENT, P0, TIMEOUT, Bench, arrival, notice

NOON, NIGHT = at("2026-11-30 12:00"), at("2026-11-30 21:59:58")
OUT = Preferences(frozenset({"promotions"}))


def _bench(now: float = NOON) -> Bench:
    bench = Bench(care=CareTerms(CARE, lambda text: f"#{text}"))
    bench.now = now
    return bench


def _coupon(name: str, to: str = "ann", category: str = "marketing") -> Notice:
    return notice(name, to, rule="coupon")._replace(category=category)


def _pointer(bench: Bench) -> LedgerPosition:
    (point,) = bench.delivery.commit_points()
    found = pointer.read(point.metadata)
    assert isinstance(found, pointer.Pointer)
    return found.ledger


def test_the_third_of_a_day_is_suppressed_with_its_reason() -> None:
    """Decided after the earlier ones have ended, whenever they arrived."""
    bench = _bench()
    bench.offer(arrival(0, _coupon("a"), _coupon("b"), _coupon("c")))
    for name in ("a", "b"):
        assert [one.notice.id for one in bench.round()] == [name]
    assert bench.round() == []
    assert bench.ends() == [
        ("a", OutcomeKind.ACCEPTED, Reason.OK),
        ("b", OutcomeKind.ACCEPTED, Reason.OK),
        ("c", OutcomeKind.SUPPRESSED, Reason.CAP_REACHED),
    ]
    (why,) = bench.outcomes[-1].because
    assert (why.what, why.name) == (CAP, "marketing-a-day")
    assert bench.outcomes[-1].category == "marketing"
    bench.acknowledge()
    assert bench.committed() == {P0: 1}


def test_a_message_that_was_rejected_does_not_count() -> None:
    """Only what was sent, or may have been."""
    bench = _bench()
    bench.offer(arrival(0, *[_coupon(name) for name in "abc"]))
    bench.round(BAD_CONTENT)
    bench.round()
    assert [one.notice.id for one in bench.round()] == ["c"]


def test_a_message_that_is_sent_over_its_cap_names_the_cap() -> None:
    """Of a category with `over_cap: send`, and only once the cap is reached."""
    bench = _bench()
    bench.offer(arrival(0, *[_coupon(str(number), category="transactional") for number in range(11)]))
    for _ in range(11):
        bench.round()
    assert len(bench.ends()) == 11
    assert {one.kind for one in bench.outcomes} == {OutcomeKind.ACCEPTED}
    assert [one.because for one in bench.outcomes[:10]] == [()] * 10
    assert [(why.what, why.name) for why in bench.outcomes[10].because] == [(CAP, "everything")]


def test_a_message_that_is_over_its_cap_and_refused_does_not_name_it() -> None:
    """It was not sent."""
    bench = _bench()
    bench.offer(arrival(0, *[_coupon(str(number), category="transactional") for number in range(11)]))
    for number in range(11):
        bench.round(*([BAD_CONTENT] if number == 10 else []))
    assert bench.ends()[10] == ("10", OutcomeKind.REJECTED, Reason.CONTENT)
    assert bench.outcomes[10].because == ()


def test_recipients_of_a_partition_without_care_are_not_decided() -> None:
    """The same machine sends what comes past recipient care."""
    bench = Bench()
    bench.offer(arrival(0, *[_coupon(name) for name in "abc"]))
    assert [len(bench.round()) for _ in range(3)] == [1, 1, 1]
    assert bench.delivery.care_writes(bench.now) == []


def test_expired_and_paused_come_before_care() -> None:
    """What is final for the message itself, before what is said of its recipient."""
    bench = _bench()
    for _ in range(2):
        bench.offer(arrival(0, _coupon("a"), _coupon("b")))
    bench.round()
    bench.round()
    bench.offer(
        arrival(1, _coupon("late")._replace(expires_at=NOON - 1)),
        arrival(2, notice("paused", rule="other")._replace(category="marketing")),
    )
    bench.collect()
    bench.delivery.pause([Pause(Scope(ScopeKind.RULE, "other"), NOON, None, drop=False, by="ops", reason="")], NOON)
    bench.round()
    assert {name: reason for name, _, reason in bench.ends()} == {"late": Reason.EXPIRED, "paused": Reason.PAUSED}


def test_a_message_that_is_tried_again_is_decided_again() -> None:
    """Night may have come meanwhile, and the recipient may have opted out."""
    bench = _bench(NIGHT)
    bench.offer(arrival(0, _coupon("a"), _coupon("b", "bob")))
    bench.round(TIMEOUT)
    bench.offer(choice := arrival(1))
    choice.choice = Choice("#bob", OUT)
    bench.later(4)
    assert bench.round() == []
    assert {name: reason for name, _, reason in bench.ends()} == {"a": Reason.QUIET_HOURS, "b": Reason.QUIET_HOURS}


def test_an_opt_out_stops_what_waits_behind_another_message() -> None:
    """It is in force as soon as it is read; the message in flight is not called back."""
    bench = _bench()
    bench.offer(arrival(0, _coupon("a"), _coupon("b")))
    (first,) = bench.attempts()
    choice = arrival(1)
    choice.choice = Choice("#ann", OUT)
    bench.offer(choice)
    bench.reply(first)
    assert bench.attempts() == []
    assert [reason for _, _, reason in bench.ends()] == [Reason.OK, Reason.OPTED_OUT]


def test_a_choice_is_committed_once_kafka_has_its_record() -> None:
    """Before that a crash would lose it."""
    bench = _bench()
    choice = arrival(0)
    choice.choice = Choice("#ann", OUT)
    bench.offer(choice)
    assert bench.committed() == {P0: 0}
    (record,) = bench.delivery.care_writes(bench.now)
    bench.delivery.care_written(record, is_written=False)
    assert bench.committed() == {}
    (record,) = bench.delivery.care_writes(bench.now)
    bench.delivery.care_written(record, is_written=True)
    assert bench.committed() == {P0: 1}


def test_a_choice_on_a_partition_without_care_is_passed_over() -> None:
    """It must not hold up the partition."""
    bench = Bench()
    choice = arrival(0)
    choice.choice = Choice("#ann", OUT)
    bench.offer(choice)
    assert bench.committed() == {P0: 1}


def test_the_pointer_stays_at_an_outcome_until_its_record_is_written() -> None:
    """The next owner counts it from the ledger."""
    bench = _bench()
    bench.assign(epoch=2, ledger_end=LedgerPosition(0, 0))
    bench.offer(arrival(0, _coupon("a"), epoch=2))
    bench.round()
    bench.acknowledge()
    assert _pointer(bench).offset == 0
    bench.later(6)
    (record,) = bench.delivery.care_writes(bench.now)
    bench.delivery.care_written(record, is_written=True)
    assert _pointer(bench).offset == 1


def test_what_belongs_to_a_released_partition_changes_nothing() -> None:
    """Late acknowledgements of both kinds."""
    bench = _bench()
    choice = arrival(0)
    choice.choice = Choice("#ann", OUT)
    bench.offer(choice, arrival(1, _coupon("a", "bob")))
    bench.round()
    bench.collect()
    (record,) = bench.delivery.care_writes(bench.now)
    bench.delivery.release([P0])
    bench.delivery.care_written(record, is_written=True)
    bench.acknowledge()
    bench.delivery.care_overwritten(TopicPartition("orders", 0), "#ann", None)
    assert bench.delivery.snapshot(bench.now).buffered == 0

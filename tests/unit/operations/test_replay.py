"""Which events are replayed: those without an outcome of the rule; nothing twice unless it is asked for."""

from __future__ import annotations

import pytest

from pipeline.model import dead_letter
from pipeline.model.event import Event, Origin, Record
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.operations.redrive.record import replayed
from pipeline.operations.replay.selection import Notices, Replay, ReplayDecision

NOW = 1_700_000_000.0
RECORD = Record("orders", 2, 17, b"k", b"v", (("n", b"1"), ("notice.rule", b"old")), 1_699_999_000_000)
ORIGIN = Origin("group", "cluster", "topic-id")


def notices(expires_at: float | None = None) -> Notices:
    """What the rule makes of the event."""
    event = Event("order.paid", {}, RECORD, "orders/2/17", None, None, RECORD.timestamp_ms, None, None)
    return Notices(event, [Notice("id", "paid", "template", "ann", b"{}", expires_at)])


def replay(kind: OutcomeKind | None = None, *, twice: bool = False, done: str = "") -> Replay:
    """A first replay of the rule `paid`, of which the event has this outcome."""
    return Replay("paid", 1, twice, NOW, {} if kind is None else {"id": kind}, {done})


def test_an_event_without_an_outcome_of_the_rule_is_sent() -> None:
    """Also where the rule can make no message of it: the outcome will say why."""
    assert replay().fate(notices()) is ReplayDecision.SEND
    refusal = Refusal("id", "paid", "template", None, Reason.FIELD_EMPTY, "thing1")
    assert replay().fate(notices()._replace(items=[refusal])) is ReplayDecision.SEND


@pytest.mark.parametrize("kind", [OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN])
def test_who_has_the_message_or_may_have_it_gets_no_second_one_unasked(kind: OutcomeKind) -> None:
    """`--twice` asks for it."""
    assert replay(kind).fate(notices()) is ReplayDecision.TWICE
    assert replay(kind, twice=True).fate(notices()) is ReplayDecision.SEND


@pytest.mark.parametrize("kind", sorted(set(OutcomeKind) - {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}))
def test_what_ended_without_a_message_is_left_to_redrive(kind: OutcomeKind) -> None:
    """It has a dead letter."""
    assert replay(kind, twice=True).fate(notices()) is ReplayDecision.REDRIVE


def test_what_recipient_care_held_back_is_sent_only_if_its_position_is_named() -> None:
    """It has no dead letter; whether it may leave now is decided again."""
    held = replay(OutcomeKind.SUPPRESSED)._replace(held_back={"id"})
    assert held.fate(notices()) is ReplayDecision.HELD_BACK
    assert held._replace(named=True).fate(notices()) is ReplayDecision.SEND
    assert held._replace(named=True).fate(notices(NOW)) is ReplayDecision.EXPIRED
    assert replay(OutcomeKind.SUPPRESSED)._replace(named=True).fate(notices()) is ReplayDecision.REDRIVE


def test_a_message_that_would_be_too_late_is_not_sent() -> None:
    """To the second."""
    assert replay().fate(notices(NOW)) is ReplayDecision.EXPIRED
    assert replay().fate(notices(NOW + 1)) is ReplayDecision.SEND


def test_what_a_replay_of_this_round_wrote_is_done() -> None:
    """Whatever became of it; another rule and another round are other replays."""
    done = replay().mark(notices())
    assert replay(OutcomeKind.ACCEPTED, twice=True, done=done).fate(notices()) is ReplayDecision.DONE
    assert replay(done=done)._replace(round=2).fate(notices()) is ReplayDecision.SEND
    assert replay(done=done)._replace(rule="other").fate(notices()) is ReplayDecision.SEND


def test_the_record_runs_one_rule_and_keeps_identity_and_time() -> None:
    """A new key only where the recipient has the message; headers of ours that came from elsewhere are dropped."""
    record = replayed(RECORD, ORIGIN, "paid", 2, new_key=False)
    assert (record.key, record.value) == (b"k", b"v")
    assert dict(record.headers) == {
        "n": b"1",
        dead_letter.REDRIVES: b"2",
        dead_letter.GROUP: b"group",
        dead_letter.EVENT_IDENTITY: b"cluster/topic-id/2/17",
        dead_letter.FIRST_POSITION: b"orders/2/17",
        dead_letter.EVENT_TIME: b"1699999000000",
        dead_letter.ONLY_RULE: b"paid",
    }
    assert dict(replayed(RECORD, ORIGIN, "paid", 2, new_key=True).headers)[dead_letter.KEY_ROUND] == b"2"


def test_one_message_of_several_that_someone_has_keeps_the_event_back() -> None:
    """The service makes all of them again."""
    other = Notice("other", "paid", "template", "bob", b"{}", NOW)
    several = notices()._replace(items=[*notices().items, other])
    assert replay().fate(several) is ReplayDecision.SEND
    assert replay(OutcomeKind.ACCEPTED).fate(several) is ReplayDecision.TWICE
    assert replay().fate(several._replace(items=[other])) is ReplayDecision.EXPIRED


def of_a_list(*ids: str) -> Notices:
    """What a rule with `for_each` makes of the event."""
    items = [Notice(name, "paid", "template", name, b"{}", None, item=at) for at, name in enumerate(ids)]
    return notices()._replace(items=items)


def test_items_of_a_list_that_ended_differently_are_decided_on_one_by_one() -> None:
    """Who never got the message gets it alone; who has it, or failed, is treated as in any other event."""
    asked = replay()._replace(outcomes={"ann": OutcomeKind.ACCEPTED, "bob": OutcomeKind.REJECTED})
    parts = asked.parts(of_a_list("ann", "bob", "cas"))
    assert [part.item for part in parts] == [0, 1, 2]
    assert [asked.fate(part) for part in parts] == [ReplayDecision.TWICE, ReplayDecision.REDRIVE, ReplayDecision.SEND]
    again = asked._replace(done={asked.mark(parts[2])})
    assert again.fate(parts[2]) is ReplayDecision.DONE
    assert asked._replace(done={asked.mark(of_a_list("cas"))}).fate(parts[2]) is ReplayDecision.DONE, "as a whole"
    record = replayed(RECORD, ORIGIN, "paid", 1, new_key=False, item=parts[2].item)
    assert dict(record.headers)[dead_letter.ONLY_ITEM] == b"2"


@pytest.mark.parametrize("outcomes", [{}, {"ann": OutcomeKind.ACCEPTED, "bob": OutcomeKind.UNKNOWN}])
def test_a_list_whose_items_ended_alike_is_one_event(outcomes: dict[str, OutcomeKind]) -> None:
    """One record makes all of its messages, in order."""
    (part,) = replay()._replace(outcomes=outcomes).parts(of_a_list("ann", "bob"))
    assert (part.item, len(part.items)) == (None, 2)

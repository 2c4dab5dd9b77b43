"""What is a repeated intent, and what is not."""

from __future__ import annotations

from pipeline.delivery.hop.replays import FORGET_MS, Replays
from pipeline.model.intent import Seen

STREAM = "topic-id/0"


def seen(offset: int, key: str = "a", *, committed: int = 0, stream: str = STREAM, at: int = 1_000) -> Seen:
    return Seen(stream, offset, key, committed, at)


def test_an_intent_that_was_seen_is_repeated() -> None:
    """By event and notice: one event may have several."""
    replays = Replays(None)
    assert not replays.is_replay(seen(5))
    assert not replays.is_replay(seen(5, "b"))
    assert replays.is_replay(seen(5))


def test_the_same_notice_of_another_event_is_not_repeated() -> None:
    """An event that is redriven, or emitted twice, has the same notice ids again."""
    replays = Replays(None)
    assert not replays.is_replay(seen(5))
    assert not replays.is_replay(seen(9))


def test_what_is_below_the_highest_commit_seen_before_is_a_late_write() -> None:
    """Also if it was never seen here: a dead process's, of rules that its successor had not."""
    replays = Replays(None)
    assert not replays.is_replay(seen(9, committed=8))
    assert replays.is_replay(seen(7))
    assert not replays.is_replay(seen(8))


def test_partitions_of_events_do_not_concern_each_other() -> None:
    """Nor does what an operator reads again, which has a name of its own."""
    replays = Replays(None)
    assert not replays.is_replay(seen(9, committed=8))
    assert not replays.is_replay(seen(7, stream=f"{STREAM}/line"))


def test_what_can_no_longer_be_repeated_is_forgotten() -> None:
    """Memory is bounded by what is not committed."""
    replays = Replays(None)
    for offset in range(100):
        replays.is_replay(seen(offset, committed=max(0, offset - 3)))
    assert replays.size == 4


def test_a_new_owner_knows_what_the_former_one_knew() -> None:
    """From a checkpoint and the intents since then."""
    former = Replays(None)
    former.is_replay(seen(5, committed=5))
    checkpoint = former.snapshot(1)
    later = Replays(checkpoint, [seen(6, committed=5)])
    assert later.is_replay(seen(5))
    assert later.is_replay(seen(6))
    assert later.is_replay(seen(4))
    assert not later.is_replay(seen(7))


def test_a_partition_of_events_without_intents_for_two_weeks_leaves_the_checkpoint() -> None:
    """Topics are deleted, and offsets reset."""
    replays = Replays(None)
    replays.is_replay(seen(5, stream="gone"))
    replays.is_replay(seen(5, at=1_001 + FORGET_MS))
    assert set(replays.snapshot(2).streams) == {STREAM}

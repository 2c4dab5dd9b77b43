"""What a process that has lost the partition writes late, after the records of the new owner."""

from __future__ import annotations

from tests.unit.care.world import MESSAGE_A, World


def _delivered(world: World) -> None:
    """One message more, with its record in the compacted topic."""
    for step in (world.read, world.send, world.reply, world.write, world.acknowledge, world.flush, world.land):
        step()
    world.confirm()
    world.committed()


def _forgetting(world: World) -> None:
    """The owner has nothing left to know of the recipient, and is about to write so."""
    world.next_day()
    world.next_day()
    while not world.owner.records:
        world.flush()


def _late_tombstone() -> World:
    """The first owner forgets the recipient, and its record arrives after one of the second owner, which knows more."""
    world = World([MESSAGE_A] * 3)
    _delivered(world)
    _forgetting(world)
    world.crash(haunts=True)
    _delivered(world)
    world.arrive()
    assert world.log[-1].value is None
    return world


def test_the_next_owner_counts_what_was_sent_although_a_late_record_says_nothing_was() -> None:
    """Otherwise the cap would begin again."""
    world = _late_tombstone()
    world.crash()
    world.read()
    world.send()
    assert len(world.sent) == 2


def test_the_owner_writes_its_record_again_after_a_late_one_that_says_nothing() -> None:
    """Compaction keeps the last record alone."""
    world = _late_tombstone()
    world.tail()
    world.flush()
    world.land()
    world.confirm()
    world.tail()
    world.compact()
    assert [record.value is None for record in world.log] == [False]
    world.crash()


def test_the_owners_own_record_that_says_nothing_is_not_written_again() -> None:
    """Otherwise it would write without end."""
    world = World([MESSAGE_A])
    _delivered(world)
    _forgetting(world)
    world.land()
    world.confirm()
    written = len(world.log)
    world.tail()
    world.flush()
    assert not world.owner.records
    assert len(world.log) == written

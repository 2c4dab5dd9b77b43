"""How much more may be read."""

from __future__ import annotations

from pipeline.delivery.buffers import Buffers
from pipeline.delivery.partition import Partition
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import Assigned

from .making import P0, P1, P2


def partitions(**buffered: int) -> dict[TopicPartition, Partition]:
    made = {}
    for key, count in zip((P0, P1, P2), buffered.values(), strict=False):
        made[key] = Partition(Assigned(key, 1, 0, {}))
        made[key].buffered = count
    return made


def total(some: dict[TopicPartition, Partition]) -> int:
    return sum(one.buffered for one in some.values())


def test_the_room_is_what_is_left() -> None:
    """Never below nothing, also when one record made more notices than there was room."""
    buffers = Buffers(100, 1_000)
    assert buffers.room({}, 0, busy=False) == 100
    assert buffers.room({}, 99, busy=False) == 1
    assert buffers.room({}, 130, busy=False) == 0


def test_while_there_is_enough_to_do_room_is_reported_in_steps() -> None:
    """A record at a time would wake the source's thread for each; with nothing to do, every place counts."""
    buffers = Buffers(100, 1_000)
    assert [buffers.room({}, buffered, busy=True) for buffered in (0, 74, 75, 76, 99, 100)] == [100, 26, 25, 0, 0, 0]
    assert [buffers.room({}, buffered, busy=False) for buffered in (75, 76, 99, 100)] == [25, 24, 1, 0]


def test_a_long_span_holds_its_partition_until_it_has_halved() -> None:
    """Others are not held, and it does not flutter at the bound."""
    buffers = Buffers(100, 1_000)
    some = partitions(a=1, b=1)
    first = some[P0].frontier.offered(0, 1, 0.0)
    some[P0].frontier.offered(998, 1, 0.0)
    assert buffers.held(some, 2, stuck=False) == frozenset()
    second = some[P0].frontier.offered(999, 1, 0.0)
    assert buffers.held(some, 3, stuck=False) == {P0}
    assert first is not None
    assert second is not None
    some[P0].frontier.acknowledged(first, 0, 0)
    assert buffers.held(some, 2, stuck=False) == frozenset()


def test_a_held_span_is_let_go_at_half() -> None:
    """At 600 of 1,000 it stays held if it was, and is not held if it was not."""
    some = partitions(a=1)
    early = some[P0].frontier.offered(0, 1, 0.0)
    some[P0].frontier.offered(400, 1, 0.0)
    some[P0].frontier.offered(1_000, 1, 0.0)
    buffers = Buffers(100, 1_000)
    assert buffers.held(some, 3, stuck=False) == {P0}
    assert early is not None
    some[P0].frontier.acknowledged(early, 0, 0)
    assert some[P0].frontier.span == 601
    assert buffers.held(some, 2, stuck=False) == {P0}
    assert Buffers(100, 1_000).held(some, 2, stuck=False) == frozenset()


def test_a_full_buffer_alone_holds_no_partition() -> None:
    """Flow control is by demand: holding costs a prefetch."""
    buffers = Buffers(99, 1_000)
    some = partitions(a=97, b=1, c=1)
    assert buffers.held(some, 99, stuck=False) == frozenset()
    assert buffers.room(some, 99, busy=False) == 0


def test_a_buffer_full_of_what_cannot_move_holds_whose_it_is() -> None:
    """The other partitions get their share on top, and no more than that."""
    buffers = Buffers(99, 1_000)
    some = partitions(a=97, b=1, c=1)
    assert buffers.held(some, 99, stuck=True) == {P0}
    assert buffers.room(some, 99, busy=False) == 64
    some[P1].buffered = some[P2].buffered = 33
    assert buffers.held(some, total(some), stuck=True) == {P0, P1, P2}
    assert buffers.room(some, total(some), busy=False) == 0
    assert total(some) <= 2 * 99


def test_who_crowded_is_read_again_at_half_its_share() -> None:
    """Then all is as before."""
    buffers = Buffers(99, 1_000)
    some = partitions(a=97, b=1, c=1)
    buffers.held(some, 99, stuck=True)
    some[P0].buffered = 17
    assert buffers.held(some, total(some), stuck=False) == {P0}
    some[P0].buffered = 16
    assert buffers.held(some, total(some), stuck=False) == frozenset()
    assert buffers.room(some, total(some), busy=False) == 99 - 18


def test_a_single_partition_crowds_out_no_other() -> None:
    """There is no other partition to make room for."""
    buffers = Buffers(99, 1_000)
    some = partitions(a=99)
    assert buffers.held(some, 99, stuck=True) == frozenset()
    assert buffers.held({}, 0, stuck=True) == frozenset()
    assert buffers.room({}, 0, busy=False) == 99


def test_bytes_bound_what_is_read_as_well() -> None:
    """Large events fill the memory long before their number does."""
    buffers = Buffers(1_000, 1_000_000, 10_000)
    some = partitions(first=1, second=1)
    some[P0].bytes = 9_000
    assert buffers.room_bytes(some, 9_000) == 1_000
    assert buffers.room_bytes(some, 12_000) == 0


def test_a_partition_that_fills_the_bytes_is_held_and_the_others_get_their_share() -> None:
    """As with the number of notices."""
    buffers = Buffers(1_000, 1_000_000, 10_000)
    some = partitions(first=1, second=1)
    some[P0].bytes = 10_000
    assert buffers.held(some, 2, 10_000, stuck=True) == {P0}
    assert buffers.room_bytes(some, 10_000) == 5_000

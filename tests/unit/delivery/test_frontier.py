"""What may be committed of one partition."""

from __future__ import annotations

from pipeline.delivery import pointer
from pipeline.delivery.frontier import Frontier, Unfinished
from pipeline.model.ledger import CommitPoint, LedgerPosition

from .making import P0


def offered(frontier: Frontier, offset: int, left: int = 1) -> Unfinished:
    event = frontier.offered(offset, left, 0.0)
    assert event is not None
    return event


def reported(frontier: Frontier) -> tuple[int, LedgerPosition | pointer.Unusable | None] | None:
    point = frontier.commit_point()
    found = None if point is None else pointer.read(point.metadata)
    position = found.ledger if isinstance(found, pointer.Pointer) else found
    return None if point is None else (point.offset, position)


def test_nothing_is_reported_where_nothing_is_known() -> None:
    """A partition never committed and never read has nothing to commit."""
    assert Frontier(P0, None).commit_point() is None
    assert Frontier(P0, None).current() is None


def test_the_frontier_waits_for_the_oldest() -> None:
    """Later events may be done; the frontier stays before the first that is not."""
    frontier = Frontier(P0, 10)
    first, second, third = (offered(frontier, offset) for offset in (10, 11, 12))
    frontier.acknowledged(third, 0, 100)
    frontier.acknowledged(second, 0, 101)
    assert frontier.offset == 10
    frontier.acknowledged(first, 0, 102)
    assert frontier.offset == 13


def test_an_event_is_done_when_all_its_outcomes_are() -> None:
    """An event of two notices needs two acknowledgements."""
    frontier = Frontier(P0, 10)
    event = offered(frontier, 10, left=2)
    frontier.acknowledged(event, 0, 0)
    assert frontier.offset == 10
    frontier.acknowledged(event, 0, 1)
    assert frontier.offset == 11


def test_gaps_in_the_offsets_are_normal() -> None:
    """Compaction and transaction markers leave holes; the frontier goes over them."""
    frontier = Frontier(P0, 10)
    early, late = offered(frontier, 17), offered(frontier, 90)
    assert frontier.offset == 17
    frontier.acknowledged(early, 0, 0)
    assert frontier.offset == 90
    frontier.acknowledged(late, 0, 1)
    assert frontier.offset == 91


def test_events_without_notices_move_the_frontier_in_their_turn() -> None:
    """They are done at once, but not before what stands before them."""
    frontier = Frontier(P0, 0)
    offered(frontier, 0, left=0)
    assert frontier.offset == 1
    waiting = offered(frontier, 1)
    offered(frontier, 2, left=0)
    assert frontier.offset == 1
    frontier.acknowledged(waiting, 0, 0)
    assert frontier.offset == 3


def test_a_record_below_what_was_offered_is_not_taken_again() -> None:
    """A consumer that rewinds cannot make the frontier go back or a notice go twice."""
    frontier = Frontier(P0, 5)
    assert frontier.offered(4, 1, 0.0) is None
    offered(frontier, 5)
    assert frontier.offered(5, 1, 0.0) is None
    assert frontier.offset == 5


def test_span_and_oldest_speak_of_what_is_unfinished() -> None:
    """They are nothing where all is done."""
    idle = Frontier(P0, 5)
    assert (idle.span, idle.oldest) == (0, None)
    frontier = Frontier(P0, 5)
    first = frontier.offered(5, 1, 77.0)
    frontier.offered(104, 0, 99.0)
    assert frontier.span == 100
    assert frontier.oldest == 77.0
    assert first is not None
    frontier.acknowledged(first, 0, 0)
    assert frontier.span == 0


def test_the_pointer_is_the_lowest_ledger_offset_above_the_frontier() -> None:
    """What stands below the frontier need not be read again; the first above it must."""
    frontier = Frontier(P0, 0)
    events = [offered(frontier, offset) for offset in range(4)]
    frontier.acknowledged(events[2], 3, 50)
    frontier.acknowledged(events[0], 3, 51)
    frontier.acknowledged(events[3], 3, 52)
    assert reported(frontier) == (1, LedgerPosition(3, 50))
    frontier.acknowledged(events[1], 3, 53)
    assert reported(frontier) == (4, LedgerPosition(3, 54))


def test_the_pointer_never_loses_what_ends_after_the_commit() -> None:
    """With nothing above the frontier it names where the next outcome will stand, so a crash right after is covered."""
    frontier = Frontier(P0, 0)
    frontier.acknowledged(offered(frontier, 0), 3, 50)
    assert reported(frontier) == (1, LedgerPosition(3, 51))


def test_an_assignment_that_knows_the_ledgers_end_points_there_from_the_start() -> None:
    """Even before its first own outcome a commit leads the next owner to the right place."""
    frontier = Frontier(P0, 7, LedgerPosition(2, 900))
    assert reported(frontier) == (7, LedgerPosition(2, 900))
    assert reported(Frontier(P0, 7)) == (7, None)


def test_outcomes_that_come_out_of_the_ledgers_order_do_not_raise_the_pointer() -> None:
    """An earlier ledger offset reported later is still found."""
    frontier = Frontier(P0, 0)
    events = [offered(frontier, offset) for offset in range(4)]
    frontier.acknowledged(events[1], 0, 20)
    frontier.acknowledged(events[3], 0, 30)
    frontier.acknowledged(events[2], 0, 10)
    assert reported(frontier) == (0, LedgerPosition(0, 10))
    frontier.acknowledged(events[0], 0, 40)
    assert reported(frontier) == (4, LedgerPosition(0, 41))


def test_a_ledger_that_was_repartitioned_is_followed_to_its_newer_partition() -> None:
    """One pointer cannot lead to two partitions: the one in use counts."""
    frontier = Frontier(P0, 0, LedgerPosition(1, 500))
    waiting, ended = offered(frontier, 0), offered(frontier, 1)
    frontier.acknowledged(ended, 4, 3)
    assert reported(frontier) == (0, LedgerPosition(4, 3))
    frontier.acknowledged(waiting, 4, 4)
    assert reported(frontier) == (2, LedgerPosition(4, 5))


def test_the_same_point_is_reported_once() -> None:
    """Without progress there is no commit."""
    frontier = Frontier(P0, 3)
    assert frontier.commit_point() == CommitPoint(P0, 3, "")
    assert frontier.commit_point() is None
    event = offered(frontier, 3)
    assert frontier.commit_point() is None
    frontier.acknowledged(event, 0, 0)
    assert reported(frontier) == (4, LedgerPosition(0, 1))
    assert frontier.commit_point() is None


def test_the_books_stay_as_small_as_the_span() -> None:
    """Ten thousand events done in order leave nothing behind."""
    frontier = Frontier(P0, 0)
    for offset in range(10_000):
        frontier.acknowledged(offered(frontier, offset), 0, offset)
        frontier.commit_point()
    assert not frontier._open
    assert not frontier._ledger


def test_the_pointer_keeps_the_frontiers_own_outcomes() -> None:
    """Of an event with two notices one has ended: its outcome must be found by the next owner, or it is sent again."""
    frontier = Frontier(P0, 10, LedgerPosition(0, 5))
    event = offered(frontier, 10, left=2)
    frontier.acknowledged(event, 0, 5)
    assert reported(frontier) == (10, LedgerPosition(0, 5))
    frontier.acknowledged(event, 0, 6)
    assert reported(frontier) == (11, LedgerPosition(0, 7))

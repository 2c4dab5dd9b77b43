"""One recipient's notices in order, all recipients side by side."""

from __future__ import annotations

import itertools

from pipeline.delivery.frontier import Unfinished
from pipeline.delivery.lanes import Lanes
from pipeline.delivery.partition import Partition
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import Assigned

from .making import P0, P1, T0, arrival, notice

TICKETS = itertools.count(1)


def route() -> Route:
    return Route(DeliverySettings(), VerdictTable(), max_in_flight=1, rng=lambda: 0.5, now=T0)


SPARE = route()
"""The API of notices that are not yet in a lane."""
PARTITIONS = {key: Partition(Assigned(key, 1, 0, {})) for key in (P0, P1)}


class OneApi:
    """The lanes of one API, and its notices that are ready."""

    def __init__(self) -> None:
        self.route = route()
        self.ready = self.route.ready
        self.lanes = Lanes([self.ready])
        self.leave = self.lanes.leave
        self.remove = self.lanes.remove
        self.take = self.ready.take

    def add(self, work: PendingNotice) -> None:
        work.route = self.route
        self.lanes.add(work)


def work(name: str, to: str, partition: TopicPartition = P0, *, ordered: bool = True) -> PendingNotice:
    event = Unfinished(0, 1, 0.0)
    return PendingNotice(
        next(TICKETS), notice(name, to, ordered=ordered), arrival(0), event, PARTITIONS[partition], SPARE
    )


def take(lanes: OneApi) -> list[PendingNotice]:
    taken = []
    while lanes.ready.any_ready:
        taken.append(lanes.take())
        taken[-1].in_flight = True
    return taken


def names(works: list[PendingNotice]) -> list[str]:
    return [one.notice.id for one in works]


def end(lanes: OneApi, one: PendingNotice) -> None:
    one.in_flight = False
    lanes.leave(one)


def test_one_at_a_time_and_in_order() -> None:
    """A recipient's second notice is ready when the first has left, and the lane is gone with the last."""
    lanes = OneApi()
    for name in ("a1", "a2", "a3"):
        lanes.add(work(name, "ann"))
    seen = []
    while taken := take(lanes):
        assert len(taken) == 1
        seen += names(taken)
        end(lanes, taken[0])
    assert seen == ["a1", "a2", "a3"]
    assert len(lanes.lanes) == 0
    assert not lanes.lanes._heads


def test_recipients_go_side_by_side() -> None:
    """A notice waits for its own recipient's earlier ones, and for no other client's."""
    lanes = OneApi()
    for name, to in (("a1", "ann"), ("a2", "ann"), ("b1", "bob"), ("c1", "cid")):
        lanes.add(work(name, to))
    taken = take(lanes)
    assert names(taken) == ["a1", "b1", "c1"]
    end(lanes, taken[0])
    lanes.add(work("d1", "dan"))
    assert names(take(lanes)) == ["a2", "d1"]


def test_unordered_notices_do_not_wait() -> None:
    """They go at once, and no one waits for them."""
    lanes = OneApi()
    lanes.add(work("a1", "ann"))
    lanes.add(work("x1", "ann", ordered=False))
    lanes.add(work("x2", "ann", ordered=False))
    taken = take(lanes)
    assert names(taken) == ["a1", "x1", "x2"]
    for one in taken:
        end(lanes, one)
    assert len(lanes.lanes) == 0


def test_who_has_been_here_longest_goes_first() -> None:
    """A recipient with many notices is not put behind all others each time, nor does it go before who came earlier."""
    lanes = OneApi()
    for name, to in (("a1", "ann"), ("b1", "bob"), ("a2", "ann"), ("a3", "ann"), ("c1", "cid"), ("d1", "dan")):
        lanes.add(work(name, to))
    seen = []
    while lanes.ready.any_ready:
        seen.append(lanes.take())
        end(lanes, seen[-1])
    assert names(seen) == ["a1", "b1", "a2", "a3", "c1", "d1"]


def test_many_waiting_recipients_are_served_by_age() -> None:
    """However the lanes become ready, the oldest of what may go is next, also among those that had to wait."""
    lanes = OneApi()
    for name, to in (("a1", "ann"), ("b1", "bob"), ("b2", "bob"), ("a2", "ann"), ("c1", "cid")):
        lanes.add(work(name, to))
    a1, b1 = lanes.take(), lanes.take()
    end(lanes, a1)
    end(lanes, b1)
    assert names(take(lanes)) == ["b2", "a2", "c1"]


def test_a_notice_may_go_on_in_its_place_or_behind_all() -> None:
    """`resume` goes before what arrived later, `ready` after it."""
    lanes = OneApi()
    for name in ("a", "b"):
        lanes.add(work(name, name))
    (a, b) = take(lanes)
    lanes.add(work("c", "c"))
    lanes.ready.fresh.append(a)
    lanes.ready.resume(b)
    assert names(take(lanes)) == ["b", "c", "a"]


def test_what_is_removed_goes_wherever_it_waits() -> None:
    """Also where it waits in its place: a lane's next, and one that depends on no other."""
    lanes = OneApi()
    lanes.add(work("a1", "ann", P1))
    lanes.add(work("a2", "ann", P0))
    lanes.add(work("x1", "bob", P0, ordered=False))
    (a1, x1) = take(lanes)
    end(lanes, a1)
    x1.in_flight = False
    lanes.ready.resume(x1)
    lanes.add(work("c1", "cid", P1))
    assert sorted(names(lanes.remove(lambda one: one.partition is PARTITIONS[P0]))) == ["a2", "x1"]
    assert names(take(lanes)) == ["c1"]


def test_what_is_removed_is_gone_and_the_next_of_its_lane_is_ready() -> None:
    """Beginning, middle and end of a lane can go; what is under way stays and keeps its lane."""
    lanes = OneApi()
    for name, partition in (("a1", P0), ("a2", P1), ("a3", P0), ("a4", P1)):
        lanes.add(work(name, "ann", partition))
    lanes.add(work("b1", "bob", P0))
    lanes.add(work("x1", "bob", P0, ordered=False))
    lanes.add(work("c1", "cid", P1))
    removed = lanes.remove(lambda one: one.partition is PARTITIONS[P0])
    assert sorted(names(removed)) == ["a1", "a3", "b1", "x1"]
    assert all(one.gone for one in removed)
    taken = take(lanes)
    assert names(taken) == ["a2", "c1"]
    end(lanes, taken[0])
    assert names(take(lanes)) == ["a4"]


def test_what_is_under_way_cannot_be_removed() -> None:
    """It holds its lane until its reply, and what was removed behind it does not come back."""
    lanes = OneApi()
    for name, partition in (("a1", P0), ("a2", P0), ("a3", P1)):
        lanes.add(work(name, "ann", partition))
    (a1,) = take(lanes)
    assert names(lanes.remove(lambda one: one.partition is PARTITIONS[P0])) == ["a2"]
    assert not lanes.ready.any_ready
    end(lanes, a1)
    lanes.add(work("a4", "ann"))
    assert names(take(lanes)) == ["a3"]


def test_a_lane_can_be_added_to_after_a_removal() -> None:
    """The end of the lane is known again."""
    lanes = OneApi()
    for name, partition in (("a1", P1), ("a2", P0)):
        lanes.add(work(name, "ann", partition))
    lanes.remove(lambda one: one.partition is PARTITIONS[P0])
    lanes.add(work("a3", "ann", P1))
    (a1,) = take(lanes)
    end(lanes, a1)
    assert names(take(lanes)) == ["a3"]


def test_a_lane_is_one_across_apis() -> None:
    """A recipient's next notice is ready in the queue of its own API once the one before, of another, has left."""
    first, second = route(), route()
    lanes = Lanes([first.ready, second.ready])
    for name, api in (("a1", first), ("a2", second), ("a3", first)):
        one = work(name, "ann")
        one.route = api
        lanes.add(one)
    seen = []
    for api, other in ((first, second), (second, first), (first, second)):
        assert not other.ready.any_ready
        seen.append(api.ready.take())
        lanes.leave(seen[-1])
    assert names(seen) == ["a1", "a2", "a3"]

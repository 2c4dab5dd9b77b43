"""What only a look back shows."""

from __future__ import annotations

from pipeline.model.event import TopicPartition
from pipeline.status.facts import Failing, Unmatched, Unmoved
from pipeline.status.history import LAST_NOTICES, FailuresInARow, Growth, LastMatch, PartitionProgress, RecentFailures
from tests.unit.web.status_sources import SNAPSHOT

P0 = TopicPartition("shop.events", 0)


def test_growth_counts_the_last_one_to_two_windows() -> None:
    """What the process began with does not count; what is long ago is forgotten."""
    growth: Growth[str] = Growth(60)
    totals = {"a": 5}
    for now in range(0, 300, 5):
        if now == 30:
            totals["a"] = 7
            totals["new"] = 1
        growth.observe(now, totals)
        seen = (growth.since("a", totals["a"]), growth.since("new", totals.get("new", 0)))
        if now in {0, 25}:
            assert seen == (0, 0)
        if now in {30, 55, 90, 115}:
            assert seen == (2, 1)
        if now >= 180:
            assert seen == (0, 0)


def test_a_partition_of_which_nothing_is_read_is_unmoved() -> None:
    """Since its position last moved; a partition without a lag has nothing to read."""
    progress = PartitionProgress()
    state = SNAPSHOT._replace(frontiers={P0: 10}, spans={P0: 0})
    for now, lag in ((0.0, 0), (100.0, 900), (200.0, 900), (300.0, 905)):
        progress.observe(now, state, {P0: lag})
    assert progress.unmoved(state, {P0: 905}) == {P0: Unmoved(0.0, 300.0, 905, 0)}
    progress.observe(400.0, state, {P0: 0})
    assert progress.unmoved(state, {P0: 0}) == {}


def test_a_partition_that_is_read_past_an_old_event_is_not_blocked() -> None:
    """Its oldest event waits, others are read."""
    progress, state = PartitionProgress(), SNAPSHOT
    for now, span in ((0.0, 1), (600.0, 40), (1_200.0, 80)):
        state = SNAPSHOT._replace(frontiers={P0: 10}, spans={P0: span})
        progress.observe(now, state, {P0: 900})
    (found,) = progress.unmoved(state, {P0: 900}).values()
    assert (found.read_at, found.finished_at, found.since) == (1_200.0, 0.0, 1_200.0)


def test_a_partition_that_finishes_events_moves() -> None:
    """A slow API is not a blocked partition."""
    progress, state = PartitionProgress(), SNAPSHOT
    for now, frontier in ((0.0, 10), (600.0, 11), (1_200.0, 12)):
        state = SNAPSHOT._replace(frontiers={P0: frontier}, spans={P0: 50})
        progress.observe(now, state, {P0: 900})
    (found,) = progress.unmoved(state, {P0: 900}).values()
    assert found.since == 1_200.0


def test_a_rule_is_judged_by_its_last_notices() -> None:
    """61 of 62 failures show, however rare its events are; so does the end of the trouble."""
    failures = RecentFailures()
    ended = {"rare": 1_000}
    for hour in range(62):
        ended["rare"] += 1
        if hour != 5:
            failures.failed("rare", ended["rare"], hour * 60.0)
    assert failures.failing(3_720.0, ended.__getitem__) == {"rare": Failing(LAST_NOTICES, LAST_NOTICES)}
    ended["rare"] += 11
    assert failures.failing(3_720.0, ended.__getitem__) == {"rare": Failing(LAST_NOTICES - 11, LAST_NOTICES)}
    ended["rare"] += LAST_NOTICES
    assert failures.failing(3_720.0, ended.__getitem__) == {}


def test_failures_of_a_rule_without_events_are_forgotten() -> None:
    """Nothing can show that they are over."""
    failures = RecentFailures()
    failures.failed("gone", 1, 0.0)
    assert failures.failing(3_600.0, lambda _: 1) == {"gone": Failing(1, 1)}
    assert failures.failing(3_601.0, lambda _: 1) == {}


def test_events_without_a_match_are_reported_after_a_while() -> None:
    """A match starts again; few events say nothing."""
    last = LastMatch(3_600, 20)
    assert last.observe(0, consumed=0, matched=0) is None
    assert last.observe(3_600, consumed=19, matched=0) is None
    assert last.observe(3_601, consumed=20, matched=0) == Unmatched(0, 20)
    assert last.observe(3_602, consumed=21, matched=1) is None
    assert last.observe(7_202, consumed=500, matched=1) == Unmatched(3_602, 479)
    assert LastMatch(None, 20).observe(9e9, consumed=500, matched=0) is None


def test_failures_in_a_row_are_those_after_the_last_success() -> None:
    """Failures and successes between two looks count as followed by a success."""
    row = FailuresInARow()
    assert row.observe(0, 3) == 3
    assert row.observe(0, 7) == 7
    assert row.observe(1, 7) == 0
    assert row.observe(1, 9) == 2
    assert row.observe(4, 12) == 0

"""`max_per_minute`: a rule over it is paused at once; its share follows the partitions; others are not looked up."""

from __future__ import annotations

from pipeline.delivery.stops.rule_limits import RuleLimits
from pipeline.model.outcome import Because, OutcomeKind, Reason
from pipeline.model.pause import BY_LIMIT, Scope, ScopeKind

from .making import CALM, OK, P0, P1, UNAVAILABLE, Bench, arrival, notice

COUPON = Scope(ScopeKind.RULE, "coupon")


def limited(limit: int, partitions: int = 1) -> Bench:
    """A machine with a limit for the rule `coupon`."""
    bench = Bench(CALM)
    bench.delivery.limit_rules({"coupon": limit}, partitions)
    return bench


def coupons(bench: Bench, count: int, first: int = 0, *, ordered: bool = True) -> None:
    """So many coupons, each of another recipient."""
    for number in range(first, first + count):
        bench.offer(arrival(number, notice(f"c{number}", f"to-{number}", rule="coupon", ordered=ordered)))


def test_the_limit_is_sent_and_everything_above_it_is_suppressed() -> None:
    """At once, also what is buffered; the other rule continues; the pause says who decided it and why."""
    for ordered in (True, False):
        bench = limited(3)
        coupons(bench, 9, ordered=ordered)
        bench.offer(arrival(9, notice("paid", "ann")))
        assert bench.names() == ["c0", "c1", "c2", "paid"]
        suppressed = bench.collect()
        assert sorted(outcome.id for outcome in suppressed) == [f"c{number}" for number in range(3, 9)]
        assert {(one.kind, one.reason, one.because) for one in suppressed} == {
            (OutcomeKind.SUPPRESSED, Reason.PAUSED, (Because("pause", "rule coupon"),))
        }
        (pause,) = bench.delivery.pauses(bench.now)
        assert (pause.scope, pause.by, pause.reason) == (COUPON, BY_LIMIT, "more than 3 notices a minute")
        assert bench.delivery.decided_pauses() == [pause]


def test_notices_behind_each_other_in_a_lane_end_too() -> None:
    """The one that is over the limit is the first of its lane; the next of another rule is sent."""
    bench = limited(1)
    for number, rule in enumerate(("coupon", "coupon", "coupon", "paid")):
        bench.offer(arrival(number, notice(f"n{number}", rule=rule)))
    (first,) = bench.attempts()
    bench.reply(first, OK)
    assert bench.names() == ["n3"]
    assert {(one.id, one.kind) for one in bench.collect()} == {
        ("n0", OutcomeKind.ACCEPTED),
        ("n1", OutcomeKind.SUPPRESSED),
        ("n2", OutcomeKind.SUPPRESSED),
    }


def test_any_sixty_seconds_count_and_not_a_minute_of_the_clock() -> None:
    """The fourth may leave once the first is a minute ago."""
    bench = limited(3)
    coupons(bench, 3)
    assert len(bench.attempts()) == 3
    bench.later(59.9)
    assert bench.delivery.pauses(bench.now) == []
    bench.later(0.1)
    coupons(bench, 3, 3)
    assert len(bench.attempts()) == 3
    assert bench.delivery.pauses(bench.now) == []
    coupons(bench, 1, 6)
    assert bench.names() == []
    assert [pause.scope for pause in bench.delivery.pauses(bench.now)] == [COUPON]


def test_an_attempt_that_is_repeated_counts_once() -> None:
    """A limit is about customers' messages, not about requests."""
    bench = limited(1)
    coupons(bench, 1)
    bench.round(UNAVAILABLE)
    bench.later(30)
    assert bench.names() == ["c0"]
    assert bench.delivery.pauses(bench.now) == []


def test_a_member_has_the_share_of_its_partitions() -> None:
    """Half of the partitions, half of the limit; more partitions, more of it."""
    bench = limited(4, partitions=2)
    coupons(bench, 4)
    assert bench.names() == ["c0", "c1"]
    (pause,) = bench.delivery.pauses(bench.now)
    assert pause.reason == "more than 4 notices a minute (2 in this member)"
    bench.delivery.pause([pause], bench.now)
    bench.delivery.pause([], bench.now)
    bench.assign(P1)
    coupons(bench, 5, 4)
    assert bench.names() == ["c4", "c5", "c6", "c7"]
    bench.delivery.release([P0, P1])


def test_a_pause_that_was_decided_here_stays_until_the_topic_has_shown_it() -> None:
    """Another change of the topic does not lift it; an operator who resumes the rule does, and counting begins at 0."""
    bench = limited(1)
    coupons(bench, 2)
    bench.attempts()
    (decided,) = bench.delivery.decided_pauses()
    bench.delivery.pause([], bench.now)
    assert bench.delivery.pauses(bench.now) == [decided]
    bench.delivery.pause([decided], bench.now)
    assert bench.delivery.decided_pauses() == []
    bench.delivery.pause([], bench.now)
    assert bench.delivery.pauses(bench.now) == []
    coupons(bench, 1, 2)
    assert bench.names() == ["c2"]


def test_limits_of_a_reload_replace_the_earlier_ones_and_keep_what_was_counted() -> None:
    """A rule whose limit is taken away is not counted any more; a lower one counts what has left already."""
    bench = limited(3)
    coupons(bench, 2)
    assert len(bench.attempts()) == 2
    bench.delivery.limit_rules({"coupon": 2}, 1)
    coupons(bench, 1, 2)
    assert bench.names() == []
    bench = limited(1)
    bench.delivery.limit_rules({}, 1)
    coupons(bench, 5)
    assert len(bench.attempts()) == 5


def test_every_member_may_send_one_however_small_its_share() -> None:
    """A limit smaller than the number of members stops no rule for good."""
    limits = RuleLimits()
    limits.use({"coupon": 2})
    limits.own(1, of=12)
    assert [limits.leaves("coupon", now) for now in (0.0, 1.0, 60.0)] == [True, False, True]
    assert limits.leaves("paid", 0.0)

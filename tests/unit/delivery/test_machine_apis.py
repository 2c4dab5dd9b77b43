"""Several APIs: each has its own limits, halts and token; a recipient's order holds across them."""

from __future__ import annotations

from pipeline.model.halt import Halt
from pipeline.model.notice import DEFAULT_API, Notice

from .making import EAGER, OK, P0, P1, T0, THROTTLED, TOKEN_EXPIRED, UNAVAILABLE, Bench, arrival, notice

SECOND = "second"


def through(api: str, name: str, to: str, *, ordered: bool = True) -> Notice:
    return notice(name, to, ordered=ordered)._replace(api=api)


def names(bench: Bench, api: str) -> list[str]:
    """What leaves now for one API; it stays in flight."""
    return [attempt.notice.id for attempt in bench.delivery.attempts(bench.now, api)]


def halt_the_second(bench: Bench, first_offset: int = 0) -> None:
    """Four failures open the breaker of the second API."""
    bench.offer(
        *(arrival(first_offset + number, through(SECOND, f"f{number}", f"user-{number}")) for number in range(4))
    )
    for attempt in bench.delivery.attempts(bench.now, SECOND):
        bench.reply(attempt, UNAVAILABLE)
    assert bench.delivery.halted(SECOND) is Halt.BREAKER_OPEN


def test_a_notice_goes_to_the_api_that_it_names() -> None:
    """And to no other."""
    bench = Bench(further=(SECOND,))
    bench.offer(arrival(0, through(DEFAULT_API, "a", "ann"), through(SECOND, "b", "bob")))
    assert names(bench, SECOND) == ["b"]
    assert names(bench, DEFAULT_API) == ["a"]


def test_a_recipients_order_holds_across_apis() -> None:
    """The next notice leaves for its own API after the one before has ended at another."""
    bench = Bench(further=(SECOND,))
    bench.offer(arrival(0, through(SECOND, "a1", "ann")), arrival(1, through(DEFAULT_API, "a2", "ann")))
    assert names(bench, DEFAULT_API) == []
    (first,) = bench.delivery.attempts(bench.now, SECOND)
    assert names(bench, DEFAULT_API) == []
    bench.reply(first, OK)
    assert names(bench, DEFAULT_API) == ["a2"]


def test_each_api_has_its_own_limit() -> None:
    """Requests in flight to one leave the other's slots free."""
    bench = Bench(max_in_flight=2, further=(SECOND,))
    for offset, api in enumerate((DEFAULT_API, SECOND) * 3):
        bench.offer(arrival(offset, through(api, f"n{offset}", f"user-{offset}")))
    assert len(names(bench, DEFAULT_API)) == 2
    assert len(names(bench, SECOND)) == 2
    state = bench.delivery.snapshot(bench.now)
    assert (state.in_flight, state.limit) == (4, 4)


def test_a_halt_of_one_api_does_not_stop_the_other() -> None:
    """Notices of the other leave, and records are read on."""
    bench = Bench(EAGER, further=(SECOND,))
    halt_the_second(bench)
    bench.offer(arrival(4, through(SECOND, "s", "sue")), arrival(5, through(DEFAULT_API, "a", "ann")))
    assert names(bench, DEFAULT_API) == ["a"]
    assert names(bench, SECOND) == []
    assert bench.delivery.halted() is None
    assert bench.delivery.demand() > 0
    assert bench.delivery.snapshot(bench.now).worst.halted is Halt.BREAKER_OPEN


def test_the_halted_api_is_probed_at_its_time() -> None:
    """The next wake-up is that of the probe, which leaves although the other API is idle."""
    bench = Bench(EAGER, further=(SECOND,))
    halt_the_second(bench)
    bench.offer(arrival(4, through(SECOND, "s", "sue")))
    assert names(bench, SECOND) == []
    due = bench.delivery.next_wakeup(bench.now, (DEFAULT_API, SECOND))
    assert due is not None
    assert bench.now < due <= bench.now + 5
    assert bench.delivery.next_wakeup(bench.now) != bench.now
    bench.later(5)
    assert len(names(bench, SECOND)) == 1


def test_a_wait_that_one_api_asks_for_is_its_own() -> None:
    """`Retry-After` of one does not delay the other."""
    bench = Bench(further=(SECOND,))
    bench.offer(arrival(0, through(SECOND, "s", "sue")))
    (attempt,) = bench.delivery.attempts(bench.now, SECOND)
    bench.reply(attempt, THROTTLED._replace(retry_after="30"))
    bench.offer(arrival(1, through(SECOND, "t", "tom")), arrival(2, through(DEFAULT_API, "a", "ann")))
    assert names(bench, SECOND) == []
    assert names(bench, DEFAULT_API) == ["a"]


def test_each_api_has_its_own_token() -> None:
    """A token that one refuses is refreshed for that one alone, and its absence halts that one alone."""
    bench = Bench(further=(SECOND,))
    bench.offer(arrival(0, through(SECOND, "s", "sue")))
    (attempt,) = bench.delivery.attempts(bench.now, SECOND)
    bench.reply(attempt, TOKEN_EXPIRED)
    assert bench.delivery.token_needed(SECOND)
    assert not bench.delivery.token_needed()
    bench.delivery.token_failed(T0, SECOND)
    assert bench.delivery.halted(SECOND) is Halt.TOKEN_UNAVAILABLE
    assert bench.delivery.halted() is None
    bench.delivery.token_arrived(T0, SECOND)
    assert names(bench, SECOND) == ["s"]


def test_a_shared_partition_is_read_until_the_halted_apis_notices_fill_the_buffers() -> None:
    """Memory is bounded: then the other API gets nothing new either."""
    bench = Bench({**EAGER, "buffers": {"notices": 16}}, further=(SECOND,))
    halt_the_second(bench)
    offset = 4
    while demand := bench.delivery.demand():
        for number in range(offset, offset + demand):
            bench.offer(arrival(number, through(SECOND, f"s{number}", f"sue-{number}")))
        offset += demand
    assert bench.delivery.snapshot(bench.now).buffered == 16


def test_partitions_of_the_halted_api_are_held_and_the_others_read() -> None:
    """Where the APIs' events are in different partitions, one API's halt stops nothing of the other."""
    bench = Bench({**EAGER, "buffers": {"notices": 16}}, partitions=(P0, P1), further=(SECOND,))
    halt_the_second(bench)
    bench.offer(*(arrival(4 + n, through(SECOND, f"s{n}", f"sue-{n}")) for n in range(12)))
    assert bench.delivery.held() == {P0}
    for offset in range(100):
        assert bench.delivery.demand() > 0
        bench.offer(arrival(offset, through(DEFAULT_API, f"a{offset}", "ann"), partition=P1))
        (attempt,) = bench.delivery.attempts(bench.now)
        bench.reply(attempt, OK)
        bench.acknowledge()
        assert bench.delivery.held() == {P0}
    assert bench.committed()[P1] == 100


def test_nothing_is_read_while_every_api_is_halted_and_has_a_notice_to_probe_with() -> None:
    """As for one API."""
    bench = Bench(EAGER, further=(SECOND,))
    halt_the_second(bench)
    bench.offer(*(arrival(4 + number, through(DEFAULT_API, f"g{number}", f"gus-{number}")) for number in range(4)))
    for attempt in bench.attempts():
        bench.reply(attempt, UNAVAILABLE)
    assert bench.delivery.halted() is Halt.BREAKER_OPEN
    assert bench.delivery.demand() == 0

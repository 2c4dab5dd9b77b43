"""The API, and the network to it, misbehave."""

from __future__ import annotations

import time

from tests.acceptance.stage import recipient
from tests.chaos.care import Kind, kind_of
from tests.chaos.judge import Allowed
from tests.chaos.load import HOT
from tests.chaos.run import Run
from tests.chaos.scenario import LATENCY, Scenario

OUTAGE_SECONDS = 60.0
PROBES = 3
"""Accepted one after the other before the breaker closes: `delivery.breaker.probes` by default."""
FIRST = 40
LONGEST_PAUSE_SECONDS = 150.0
"""Twice what the breaker waits between two probes, and more."""
QUIET_PER_SECOND = 0.4
BLOCKED = recipient(3)
TIMEOUT_SECONDS = 12.0
"""Long enough for a busy machine, and passed by what is stalled."""
TOKEN_SECONDS = 10.0
OTHERS_SECONDS = 15.0
"""After which another recipient's event must have been sent; generous, because this does not measure speed."""
PRODUCTION = {"delivery": {"retry": {"base_seconds": 1.0, "cap_seconds": 60.0, "max_attempts": 12}}}
"""The defaults: nothing about an outage may hang on milder settings."""


def outage(run: Run) -> None:
    """The API is gone for a minute and comes back: no dead letter, and no herd."""
    member = run.up(1)[0]
    run.load.start()
    run.wait(5)
    run.api_network.cut()
    run.note("the API is gone")
    run.torn()
    run.wait(run.scale(OUTAGE_SECONDS))
    run.note(f"readyz: {member.ready()}")
    back = time.monotonic()
    run.api_network.heal()
    run.note("the API is back")
    run.wait_for(lambda: len(run.journal.since(back)) >= FIRST, LONGEST_PAUSE_SECONDS)
    rise = run.journal.since(back)[:FIRST]
    run.note(f"under way when each of the first {FIRST} came: {' '.join(map(str, rise))}")
    run.require(max(rise[:PROBES], default=0) == 1, "the API's return was met by more than one request at once")
    run.wait(10)


def quiet_outage(run: Run) -> None:
    """The same with so few events that a window of ten seconds holds hardly any: still no dead letter."""
    run.up(1)
    run.load.start()
    run.wait(5)
    run.api_network.cut()
    run.note("the API is gone")
    run.torn()
    run.wait(run.scale(OUTAGE_SECONDS))
    run.api_network.heal()
    run.note("the API is back")
    run.load.per_second = 2
    run.wait(10)


def unreachable_at_start(run: Run) -> None:
    """Started while the API is gone: it starts, reports it, and delivers once the API is there."""
    run.api_network.cut()
    member = run.up(1)[0]
    run.load.start()
    run.wait(run.scale(12))
    run.note(f"readyz: {member.ready()}")
    run.api_network.heal()
    run.note("the API is there")
    run.wait(10)


def faults(run: Run) -> None:
    """Everything at once, in a tenth of the requests, and tokens that live for seconds."""
    run.up(2)
    run.load.start()
    run.wait(run.scale(40))
    refused = run.journal.counts.unauthorised
    run.require(refused == 0, f"{refused} requests with a token that had ended")


def network(run: Run) -> None:
    """The network to the API is cut, stalls, and is slow, in turns."""
    run.up(2)
    run.load.start()
    run.wait(4)
    for _ in range(run.scale(1)):
        for name, harm in (
            ("cut", run.api_network.cut),
            ("stalled", run.api_network.stall),
            ("slow", lambda: run.api_network.slow(0.3)),
        ):
            harm()
            run.note(f"the network to the API is {name}")
            run.torn()
            run.wait(TIMEOUT_SECONDS + run.rng.uniform(1.0, 3.0))
            run.late(run.api_network.heal)
            run.note("the network is well")
            run.wait(4)


def hot(run: Run) -> None:
    """One recipient gets a fifth of everything, another cannot be served: the others do not notice."""
    run.load.hot_share = 0.2
    run.up(1)
    run.load.start()
    run.wait(run.scale(30))
    emitted = list(run.load.recipients)
    run.wait(OTHERS_SECONDS)
    came = {line.number for line in list(run.journal.lines)}
    late = [
        number
        for number, who in enumerate(emitted)
        if who not in {HOT, BLOCKED} and number not in came and (run.care is None or kind_of(number) is Kind.PLAIN)
    ]
    run.require(not late, f"{len(late)} events of others wait behind the hot and the blocked one")
    run.misbehave({"latency": LATENCY})
    run.note("the blocked one can be served again")


MIXED = [
    {"probability": 0.02, "status": 503, "code": 503},
    {"probability": 0.01, "status": 429, "code": 429, "retry_after": 1},
    {"probability": 0.01, "status": 429, "code": 429, "retry_after_date": 1},
    {"probability": 0.01, "do": "reset"},
    {"probability": 0.01, "do": "reset", "accepted": True},
    {"probability": 0.01, "do": "cut_short", "accepted": True},
    {"probability": 0.005, "do": "hang"},
    {"probability": 0.005, "do": "hang", "accepted": True},
    {"probability": 0.01, "do": "garbage"},
    {"probability": 0.01, "body": "<html>Bad gateway</html>", "status": 502},
]
API = (
    Scenario(
        "api-outage",
        f"the API gone for {OUTAGE_SECONDS:.0f} s",
        outage,
        changes=PRODUCTION,
    ),
    Scenario(
        "quiet-outage",
        f"the API gone for {OUTAGE_SECONDS:.0f} s with {QUIET_PER_SECOND} events a second",
        quiet_outage,
        per_second=QUIET_PER_SECOND,
        changes={"delivery": {"retry": {"base_seconds": 0.2, "cap_seconds": 1.0, "max_attempts": 12}}},
    ),
    Scenario("api-at-start", "the API unreachable at the start", unreachable_at_start, changes=PRODUCTION),
    Scenario(
        "faults",
        "a tenth of the requests meets a fault, of ten kinds; tokens expire",
        faults,
        Allowed(lost_replies=True),
        plan={"latency": LATENCY, "faults": MIXED},
        changes={"notices": {"timeout_seconds": 1.0, "connect_timeout_seconds": 0.5}},
        sandbox={"clients": {"chaos": "secret"}, "token_seconds": TOKEN_SECONDS},
    ),
    Scenario(
        "network",
        "the network to the API cut, stalled, slow",
        network,
        changes={"notices": {"timeout_seconds": TIMEOUT_SECONDS, "connect_timeout_seconds": 5.0}},
    ),
    Scenario(
        "hot",
        "a recipient with a fifth of everything, and one who cannot be served",
        hot,
        changes={"delivery": {"retry": {"base_seconds": 0.2, "cap_seconds": 2.0, "max_attempts": 1_000}}},
        plan={"latency": LATENCY, "faults": [{"recipients": [BLOCKED], "status": 503, "code": 503}]},
    ),
)

"""What the delivery machine costs by itself, and how well it keeps its slots busy; no network, simulated time.

    .venv/bin/python bench/delivery_machine.py [--latency 0.05] [--jitter 0 0.1] [--stalls] [--per-slot 16] [--repeat 3]

Recipients are drawn Zipf(0.5) over 50,000, as in the standard workload. CPU time is that of the machine's own calls.
`busy` is the share of `max_in_flight / latency` reached from the second simulated second on, while records still come;
`seconds` is the whole simulated time, which shows what the busiest recipients had to wait for at the end.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import itertools
import math
import random
import time
from bisect import bisect
from collections import deque
from typing import NamedTuple

from pipeline.delivery.evaluated_record import Attempt, EvaluatedRecord
from pipeline.delivery.machine import Delivery
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import Event, Record, TopicPartition
from pipeline.model.ledger import Assigned
from pipeline.model.notice import Notice
from pipeline.model.reply import Reply

RECIPIENTS = 50_000
PARTITIONS = 4
OK = Reply(200, 200)
WARM_SECONDS = 2.0
LOOP_SECONDS = 0.001
"""One turn of the loop: what comes within it is handled together."""
COMMIT_SECONDS = 0.25
"""As the engine does it."""
STALL_EVERY, STALL_SECONDS = 3.0, 0.06
"""A pause of our own process (collector, host): every reply at that time seems late."""


class World(NamedTuple):
    """What the API is like."""

    latency: float
    jitter: float
    stalls: bool
    acknowledged_after: float


class Result(NamedTuple):
    """One run."""

    microseconds: float
    busy: float
    lowest_limit: int
    seconds: float


def arrivals(notices: int, seed: int) -> list[EvaluatedRecord]:
    """Events of four partitions, one notice each."""
    rng = random.Random(seed)  # noqa: S311 - a workload, not a secret
    weights = list(itertools.accumulate((rank + 1) ** -0.5 for rank in range(RECIPIENTS)))
    made: list[EvaluatedRecord] = []
    for index in range(notices):
        recipient = bisect(weights, rng.random() * weights[-1])
        partition = recipient % PARTITIONS
        record = Record("orders", partition, index, b"key", b"value", (), 0)
        event = Event("order.paid", {}, record, f"orders/{index}", None, None, 0, None, None)
        notice = Notice(f"notice-{index}", "order-paid", "order_paid", f"user-{recipient}", b"{}", None)
        made.append(EvaluatedRecord(record, event, 1, (notice,), (), 0.0, "v1"))
    return made


class Simulation:
    """One machine, an API that says yes after a while, a Kafka that acknowledges after a while."""

    def __init__(self, events: list[EvaluatedRecord], world: World, max_in_flight: int, per_slot: int) -> None:
        """Nothing has happened yet."""
        self.events = events
        self.world = world
        self.slots = max_in_flight
        self.rng = random.Random(2)  # noqa: S311 - a workload, not a secret
        settings = DeliverySettings.model_validate({"buffers": {"notices": per_slot * max_in_flight}})
        route = Route(settings, VerdictTable(), max_in_flight=max_in_flight, rng=self.rng.random, now=0.0)
        self.delivery = Delivery(settings, route, 0.0)
        for partition in range(PARTITIONS):
            self.delivery.assign(Assigned(TopicPartition("orders", partition), 1, 0, {}))
        self.now = 0.0
        self.offered = 0
        self.done = 0
        self.spent = 0.0
        self.flying: list[tuple[float, int, Attempt]] = []
        self.writing: deque[tuple[float, int]] = deque()
        self.next_commit = 0.0

    def run(self) -> Result:
        """Deliver everything."""
        landed_warm, warm_until, lowest = 0, WARM_SECONDS, self.slots
        while self.done < len(self.events):
            attempts = self.step()
            for attempt in attempts:
                heapq.heappush(self.flying, (self.lands(), attempt.ticket, attempt))
            self.wait()
            landed = self.landed()
            self.settle(landed)
            if self.now >= WARM_SECONDS and self.offered < len(self.events):
                landed_warm += len(landed)
                warm_until = self.now
                lowest = min(lowest, self.delivery.snapshot(self.now).limit)
        seconds = warm_until - WARM_SECONDS
        busy = landed_warm / seconds / (self.slots / self.world.latency) if seconds > 0 else math.nan
        return Result(self.spent / len(self.events) * 1e6, busy, lowest, self.now)

    def step(self) -> list[Attempt]:
        """Offer what is wanted, and ask what leaves."""
        begin = time.process_time()
        wanted = min(self.delivery.demand(), 500)
        for arrival in self.events[self.offered : self.offered + wanted]:
            self.delivery.offer(arrival, self.now)
        attempts = self.delivery.attempts(self.now)
        self.spent += time.process_time() - begin
        self.offered += wanted
        return attempts

    def lands(self) -> float:
        """When the reply to a request that leaves now comes."""
        lands = self.now + self.world.latency * max(0.5, self.rng.gauss(1.0, self.world.jitter))
        if self.world.stalls and lands % STALL_EVERY < STALL_SECONDS:
            lands += STALL_SECONDS - lands % STALL_EVERY
        return lands

    def wait(self) -> None:
        """Until the next reply or acknowledgement."""
        times = [self.flying[0][0]] if self.flying else []
        if self.writing:
            times.append(self.writing[0][0])
        self.now = max(self.now, min(times, default=self.now)) + LOOP_SECONDS

    def landed(self) -> list[Attempt]:
        """Whose reply has come."""
        landed = []
        while self.flying and self.flying[0][0] <= self.now:
            landed.append(heapq.heappop(self.flying)[2])
        return landed

    def settle(self, landed: list[Attempt]) -> None:
        """Tell replies and acknowledgements, collect outcomes, commit now and then."""
        acknowledged = []
        while self.writing and self.writing[0][0] <= self.now:
            acknowledged.append(self.writing.popleft()[1])
        begin = time.process_time()
        for attempt in landed:
            self.delivery.replied(attempt, OK, self.now)
        publications = self.delivery.publications()
        for ticket in acknowledged:
            self.delivery.acknowledged(ticket, 0, self.done)
            self.done += 1
        if self.now >= self.next_commit:
            self.next_commit = self.now + COMMIT_SECONDS
            self.delivery.commit_points()
        self.spent += time.process_time() - begin
        due = self.now + self.world.acknowledged_after
        self.writing.extend((due, publication.ticket) for publication in publications)


def main() -> None:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=100_000)
    parser.add_argument("--max-in-flight", type=int, default=512)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--acknowledged-after", type=float, default=0.008)
    parser.add_argument("--jitter", type=float, nargs="*", default=[0.0, 0.1])
    parser.add_argument("--stalls", action="store_true")
    parser.add_argument("--per-slot", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--repeat", type=int, default=1, help="tell the fastest of so many runs")
    asked = parser.parse_args()
    events = arrivals(asked.notices, seed=1)
    gc.freeze()
    print(f"{'notices per slot':>16} {'jitter':>7} {'us/notice':>10} {'busy':>7} {'lowest limit':>13} {'seconds':>8}")
    for per_slot, jitter in itertools.product(asked.per_slot, asked.jitter):
        world = World(asked.latency, jitter, asked.stalls, asked.acknowledged_after)
        results = [Simulation(events, world, asked.max_in_flight, per_slot).run() for _ in range(asked.repeat)]
        best = min(results)
        figures = f"{best.microseconds:>10.2f} {best.busy:>7.1%} {best.lowest_limit:>13} {best.seconds:>8.2f}"
        print(f"{per_slot:>16} {jitter:>7.2f} {figures}")


if __name__ == "__main__":
    main()

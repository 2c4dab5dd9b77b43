"""The API's own diary: who came when, with which key, what was taken. The other witness beside Kafka."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from pipeline.sandbox.memory import Claim, Entry, Memory
from pipeline.sandbox.request import Message
from pipeline.sandbox.server import SandboxServer


class Arrival(NamedTuple):
    """One request that reached the API."""

    at: float
    """Monotonic seconds, as everywhere in these tests."""
    key: str
    recipient: str
    number: int
    """Of the event."""


class Overlap(NamedTuple):
    """A request for a recipient while another of that recipient was under way."""

    at: float
    since: float
    """When the earlier one came."""
    recipient: str


class Journal(Memory):
    """A sandbox's memory that writes down everything. Written by the sandbox's thread, read by any."""

    def __init__(self) -> None:
        super().__init__(keep_messages=1, keep_keys=10_000_000)
        self.lines: list[Arrival] = []
        self.accepted: dict[str, float] = {}
        """Key to the time at which its message was taken."""
        self.overlaps: list[Overlap] = []
        self.load: list[tuple[float, int]] = []
        """How many requests were under way when one came."""
        self._since: dict[str, list[float]] = defaultdict(list)

    def claim(self, key: str, recipient: str, body: bytes) -> tuple[Claim, Entry]:
        number = int(orjson.loads(body)["data"]["number1"]["value"])
        self.lines.append(Arrival(time.monotonic(), key, recipient, number))
        return super().claim(key, recipient, body)

    def arrive(self, recipient: str) -> None:
        now, under_way = time.monotonic(), self._since[recipient]
        if under_way:
            self.overlaps.append(Overlap(now, under_way[0], recipient))
        under_way.append(now)
        super().arrive(recipient)
        self.load.append((now, self.under_way))

    def leave(self, recipient: str) -> None:
        super().leave(recipient)
        del self._since[recipient][0]

    def receive(self, message: Message, key: str | None, at: float) -> None:
        super().receive(message, key, at)
        if key is not None:
            self.accepted[key] = time.monotonic()

    @property
    def under_way(self) -> int:
        """Requests that have come and have no reply yet."""
        return sum(self.in_flight.values())

    def resent(self) -> dict[str, float]:
        """Keys that came again after their message was taken, and when."""
        found: dict[str, float] = {}
        for line in list(self.lines):
            if self.accepted.get(line.key, line.at) < line.at:
                found.setdefault(line.key, line.at)
        return found

    def disordered(self, ranks: Mapping[str, int] | None = None) -> list[Arrival]:
        """First attempts that came after one of a later event of the same recipient.

        `ranks` has the order, by key; None: that of the events' numbers.
        """
        newest: dict[str, int] = {}
        seen: set[str] = set()
        found: list[Arrival] = []
        for line in list(self.lines):
            if line.key in seen:
                continue
            seen.add(line.key)
            rank = line.number if ranks is None else ranks.get(line.key, -1)
            if rank < newest.get(line.recipient, -1):
                found.append(line)
            newest[line.recipient] = max(rank, newest.get(line.recipient, -1))
        return found

    def since(self, begin: float) -> list[int]:
        """For each request that came since then: how many were under way with it."""
        return [count for at, count in list(self.load) if at >= begin]

    def per_second(self, begin: float) -> list[int]:
        """How many requests came in each second since `begin`."""
        counts = Counter(int(line.at - begin) for line in list(self.lines) if line.at >= begin)
        return [counts[second] for second in range(max(counts, default=-1) + 1)]


def keep_journal(sandbox: SandboxServer) -> Journal:
    """Let `sandbox` write a journal from now on; to be called before the first request."""
    journal = Journal()
    sandbox.state.memory = journal
    return journal

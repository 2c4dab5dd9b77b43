"""Counts requests for the limits of the fault plan. Time is an argument."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

from pipeline.sandbox.faults import Limits

DAY = 86_400.0
MINUTE = 60.0
MOST_RECIPIENTS = 100_000
"""Recipients whose last minute is remembered; the least recent go first."""


class Refusal(NamedTuple):
    """The reply to a request above a limit."""

    status: int
    code: int
    message: str
    retry_after: int | None = None


class Meter:
    """Counts the requests accepted under one plan's limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._day = -1
        self._today = 0
        self._last_second: deque[float] = deque()
        self._recipients: OrderedDict[str, deque[float]] = OrderedDict()

    def refuse(self, recipient: str, in_flight: int, now: float) -> Refusal | None:
        """The limit that a request exceeds; None if there is none, and then it is counted. `in_flight` includes it."""
        limits = self._limits
        if limits.in_flight is not None and in_flight > limits.in_flight:
            return Refusal(503, 503, "too many requests at once")
        if limits.per_second is not None and _full(self._last_second, limits.per_second, now - 1.0):
            return Refusal(429, 429, "too many requests a second", 1)
        if limits.per_day is not None and self._spent(limits.per_day, now):
            return Refusal(200, 45009, "reach max api daily quota limit")
        if limits.per_recipient_minute is not None:
            times = self._of(recipient)
            if _full(times, limits.per_recipient_minute, now - MINUTE):
                return Refusal(200, 43117, "too many messages for this recipient")
            times.append(now)
        if limits.per_second is not None:
            self._last_second.append(now)
        self._today += 1
        return None

    def _spent(self, most: int, now: float) -> bool:
        day = int(now // DAY)
        if day != self._day:
            self._day, self._today = day, 0
        return self._today >= most

    def _of(self, recipient: str) -> deque[float]:
        times = self._recipients.setdefault(recipient, deque())
        self._recipients.move_to_end(recipient)
        if len(self._recipients) > MOST_RECIPIENTS:
            self._recipients.popitem(last=False)
        return times


def _full(times: deque[float], most: int, since: float) -> bool:
    while times and times[0] <= since:
        times.popleft()
    return len(times) >= most

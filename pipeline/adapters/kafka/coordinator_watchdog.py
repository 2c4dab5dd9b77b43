"""Whether the group's coordinator has fallen silent: it owes an answer, and none comes.

A broker that stands still, or a network that swallows what it is given, leaves connections open. Meanwhile the session
ends at the coordinator, and our partitions are another member's. Under KIP-848 librdkafka hears of that with the answer
to its next heartbeat, but records that were asked for before may come a tenth of a second earlier: what was sent of
them would be sent twice (docs/decisions/kafka-adapters.md). The classic protocol keeps a session timer of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

SILENT_SECONDS = 2.5
"""An answer is owed for longer than that: a heartbeat's takes milliseconds, and no session is that short by default."""
HEAR_SECONDS = 2.5
"""From the first answer on: what else the coordinator has to tell has come by then."""

log = structlog.get_logger("group")


class CoordinatorWatchdog:
    """Fed by the client's statistics, on the source's thread; read from any."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._answers = -1
        self._owed_since: float | None = None
        """By librdkafka's clock: since when nothing was answered although something is to be."""
        self._silent = False
        self._quiet_until = 0.0

    def observe(self, at: float, answers: int, owed: int) -> None:
        """How things stand with the coordinator.

        `at` is seconds by librdkafka's own clock, `answers` how many came so far, `owed` how many are to come.
        """
        if answers != self._answers:
            self._answers = answers
            self._owed_since = at if owed else None
            if self._silent:
                self._silent = False
                self._quiet_until = self._now() + HEAR_SECONDS
                log.info("group_heard_again", quiet_seconds=HEAR_SECONDS)
        elif self._silent:
            return  # that nothing is owed any more is no answer: the connection may have been given up
        elif not owed:
            self._owed_since = None
        elif self._owed_since is None:
            self._owed_since = at
        elif at - self._owed_since >= SILENT_SECONDS:
            self._silent = True
            log.warning(
                "group_silent",
                seconds=round(at - self._owed_since, 1),
                hint="Kafka's group coordinator does not answer; nothing is read or sent until it does: the partitions "
                "may be another member's by then",
            )

    def out_of_touch(self) -> bool:
        """Whether our partitions may be another member's without our knowing."""
        return self._silent or self._now() < self._quiet_until

"""Detect that the group's coordinator no longer answers requests.

A frozen broker, or a network that drops packets, leaves connections open. Meanwhile the session expires at the
coordinator, which assigns our partitions to another member. Under KIP-848 librdkafka learns of that from the answer to
its next heartbeat, but records that it requested before may arrive a tenth of a second earlier, and notices sent for
them would be sent twice (docs/decisions/kafka-adapters.md). The classic protocol has its own session timer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

SILENT_SECONDS = 2.5
"""The coordinator counts as silent after this time. A heartbeat is answered within milliseconds, and default session
timeouts are longer."""
RECOVERY_SECONDS = 2.5
"""Wait after the first answer, so that a revocation by the coordinator arrives before records are read again."""

log = structlog.get_logger("group")


class CoordinatorWatchdog:
    """Updated from the client's statistics on the source's thread; any thread may read it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._answers = -1
        self._owed_since: float | None = None
        """When the oldest unanswered request began to wait, by librdkafka's clock."""
        self._silent = False
        self._quiet_until = 0.0

    def observe(self, at: float, answers: int, owed: int) -> None:
        """Take the coordinator's counters.

        `at` is in seconds by librdkafka's clock, `answers` counts the answers received, `owed` the requests without
        one.
        """
        if answers != self._answers:
            self._answers = answers
            self._owed_since = at if owed else None
            if self._silent:
                self._silent = False
                self._quiet_until = self._now() + RECOVERY_SECONDS
                log.info("group_heard_again", quiet_seconds=RECOVERY_SECONDS)
        elif self._silent:
            return
        elif self._owed_since is None:
            self._owed_since = at if owed else None
        # `owed` falling to 0 is not an answer: the request has timed out, or the connection was closed.
        elif at - self._owed_since >= SILENT_SECONDS:
            self._silent = True
            log.warning(
                "group_silent",
                seconds=round(at - self._owed_since, 1),
                hint="Kafka's group coordinator does not answer; nothing is read or sent until it does, because the "
                "partitions may be assigned to another member by now",
            )

    def out_of_touch(self) -> bool:
        """Whether our partitions may have been assigned to another member without notice."""
        return self._silent or self._now() < self._quiet_until

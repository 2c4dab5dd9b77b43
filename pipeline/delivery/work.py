"""One notice on its way: everything that is remembered between its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.delivery.arrival import Arrival
    from pipeline.delivery.frontier import Unfinished
    from pipeline.delivery.partition import Partition
    from pipeline.model.notice import Notice
    from pipeline.model.reply import Reply


class Work:
    """Mutable on purpose and slotted: there are as many as notices in memory."""

    __slots__ = (
        "arrival",
        "attempts",
        "due",
        "event",
        "first_attempt_at",
        "in_flight",
        "notice",
        "outage_before",
        "partition",
        "probe",
        "redelivered",
        "reply",
        "sent_at",
        "ticket",
        "token",
        "token_refused",
    )

    def __init__(
        self,
        ticket: int,
        notice: Notice,
        arrival: Arrival,
        event: Unfinished,
        partition: Partition,
        *,
        redelivered: bool,
    ) -> None:
        """`ticket` is unique within the process and grows in the order of arrival."""
        self.ticket = ticket
        self.notice = notice
        self.arrival = arrival
        self.event = event
        self.partition = partition
        self.redelivered = redelivered
        self.attempts = 0
        """Attempts that count against the bounds."""
        self.first_attempt_at: float | None = None
        self.outage_before = 0.0
        """The breaker's outage seconds at the first attempt."""
        self.in_flight = False
        self.sent_at = 0.0
        self.probe = False
        self.token = 0
        """Generation of the token that the last attempt carried."""
        self.token_refused = False
        """Whether a token was refused since this notice was last tried with a good one."""
        self.due = 0.0
        """When it may be tried again, while it waits."""
        self.reply: Reply | None = None
        """The last reply."""

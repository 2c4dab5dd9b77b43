"""One notice that has not ended: what is kept between its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.delivery.evaluated_record import EvaluatedRecord
    from pipeline.delivery.frontier import Unfinished
    from pipeline.delivery.partition import Partition
    from pipeline.delivery.route import Route
    from pipeline.model.notice import Notice
    from pipeline.model.reply import Reply


class PendingNotice:
    """Mutable and slotted, as there is one for each notice in memory."""

    __slots__ = (
        "arrival",
        "attempts",
        "behind",
        "event",
        "first_attempt_at",
        "gone",
        "halted_before",
        "in_flight",
        "last",
        "notice",
        "partition",
        "refused_at",
        "reply",
        "route",
        "sent_at",
        "ticket",
        "token",
        "token_refused",
    )

    sent_at: float
    """When the last attempt left. Set at each attempt, like the two below."""
    token: int
    """Generation of the token of the last attempt."""
    halted_before: float
    """The gate's halted seconds at the first attempt."""

    def __init__(
        self,
        ticket: int,
        notice: Notice,
        arrival: EvaluatedRecord,
        event: Unfinished,
        partition: Partition,
        route: Route,
    ) -> None:
        """`ticket` is unique within the process and grows in the order of arrival."""
        self.ticket = ticket
        self.notice = notice
        self.arrival = arrival
        self.event = event
        self.partition = partition
        self.route = route
        """The API that it goes through."""
        self.attempts = 0
        """Attempts that count against the bounds."""
        self.first_attempt_at: float | None = None
        self.in_flight = False
        self.gone = False
        """Taken out of its lane before it ended."""
        self.token_refused = False
        """Whether the last attempt ended with a refused token."""
        self.refused_at: float | None = None
        """When a reply last refused this service as such, or its quota; None: never."""
        self.reply: Reply | None = None
        """The last reply."""
        self.behind: PendingNotice | None = None
        """The next notice of its lane."""
        self.last: PendingNotice | None = None
        """The last notice of its lane, if that is another; kept up to date for the first of a lane only. A reference
        to itself would keep every ended notice in memory until the garbage collector runs."""

    def has_expired(self, now: float) -> bool:
        """Whether the message is too late to be sent."""
        expires_at = self.notice.expires_at
        return expires_at is not None and now >= expires_at

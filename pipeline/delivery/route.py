"""One API as delivery sees it: its gate, limit, retry budget, suspensions, verdicts and body contract.

Nothing else in delivery depends on which API a notice goes to. Each API of the configuration (`notices`, and those of
`apis`) is a route; an API with another contract adds a `BodyContract` and rows of its verdict table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import orjson

from pipeline.delivery.budget import RetryBudget
from pipeline.delivery.gate import Gate
from pipeline.delivery.lanes import ReadyNotices
from pipeline.delivery.limit import ConcurrencyLimit
from pipeline.delivery.replies import ReplyHandler
from pipeline.delivery.stops.suspension import Suspensions

if TYPE_CHECKING:
    from pipeline.delivery.pending_notice import PendingNotice
    from pipeline.delivery.policy import DeliverySettings
    from pipeline.delivery.verdicts import VerdictTable
    from pipeline.model.notice import Notice


class Message(NamedTuple):
    """The content of a notice, independent of an API's format."""

    recipient: str
    template: str
    """The platform's template id."""
    url: str | None
    fields: Mapping[str, str]
    """Field key to text."""


BodyContract = Callable[[Message], bytes]
"""Writes a message as an API's request body. The same message must give the same bytes."""


class Route:
    """The parts of one API, which the machine and the reply handler share."""

    def __init__(
        self,
        settings: DeliverySettings,
        verdicts: VerdictTable,
        *,
        max_in_flight: int,
        rng: Callable[[], float],
        now: float,
        body: BodyContract | None = None,
    ) -> None:
        """`rng` returns numbers uniform in [0, 1). Without `body` the rules' own body is sent (contract C1)."""
        self.max_in_flight = max_in_flight
        self.gate = Gate(settings, now)
        self.limit = ConcurrencyLimit(settings.concurrency, max_in_flight, now)
        self.budget = RetryBudget(settings.budget, now)
        self.suspensions = Suspensions(settings.suspension)
        self.replies = ReplyHandler(settings, verdicts, self.gate, self.limit, self.budget, self.suspensions, rng)
        self.ready = ReadyNotices()
        self.in_flight: dict[int, PendingNotice] = {}
        """By ticket: the notices of the attempts under way."""
        self._body = body

    @property
    def room(self) -> int:
        """How many more attempts the adaptive limit allows now."""
        return self.limit.value - len(self.in_flight)

    @property
    def writes_body(self) -> bool:
        """Whether the body must be written again for this API."""
        return self._body is not None

    def written(self, notice: Notice) -> Notice:
        """The notice with the body that this API takes."""
        if self._body is None:
            return notice
        content = orjson.loads(notice.body)
        fields = {key: field["value"] for key, field in content.get("data", {}).items()}
        message = Message(notice.recipient, content["template"], content.get("url"), fields)
        return notice._replace(body=self._body(message))

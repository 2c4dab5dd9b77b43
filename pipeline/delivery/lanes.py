"""One recipient's notices, first in first out, one at a time; all recipients side by side.

A lane is a chain of `PendingNotice`s: the first refers to the last, each refers to the one behind it. Most lanes hold
one notice for a few milliseconds, so a lane has no object of its own. A lane is one whichever APIs its notices go
through; the first of a lane is ready in the queue of its own API.

The oldest notice goes first. If a recipient's next notice queued behind all others, a recipient with many notices
would wait for everyone in the buffer each time (docs/decisions/delivery-machine.md).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.delivery.pending_notice import PendingNotice


class ReadyNotices:
    """The notices of one API that may be tried now. The cost of a step does not depend on their number."""

    def __init__(self) -> None:
        self.fresh: deque[PendingNotice] = deque()
        """In the order in which they became ready; `Lanes` appends to it."""
        self._resumed: list[tuple[int, PendingNotice]] = []
        """A heap, by ticket, of notices that are older than what has arrived since. Few notices pass through it."""
        self._deferred: deque[PendingNotice] = deque()
        """Notices that were refused while sending is halted: tried only when no other is ready."""

    @property
    def any_ready(self) -> bool:
        """Whether any notice may be tried now."""
        return bool(self.fresh or self._resumed or self._deferred)

    @property
    def any_unrefused(self) -> bool:
        """Whether a notice that is not deferred may be tried now."""
        return bool(self.fresh or self._resumed)

    @property
    def any_deferred(self) -> bool:
        """Whether any notice is deferred."""
        return bool(self._deferred)

    def take(self) -> PendingNotice:
        """The next notice that may be tried. It keeps its lane until `Lanes.leave`.

        Raises:
            IndexError: none is ready.
        """
        fresh, resumed = self.fresh, self._resumed
        if resumed and not (fresh and fresh[0].ticket < resumed[0][0]):
            return heapq.heappop(resumed)[1]
        if not fresh and self._deferred:
            return self._deferred.popleft()
        return fresh.popleft()

    def resume(self, work: PendingNotice) -> None:
        """The notice is ready, before all that arrived later."""
        heapq.heappush(self._resumed, (work.ticket, work))

    def defer(self, work: PendingNotice) -> None:
        """The notice is ready after all others, also those that become ready later, until `restore`."""
        self._deferred.append(work)

    def restore(self) -> None:
        """Deferred notices are ready like any other, the oldest first."""
        for work in self._deferred:
            self.resume(work)
        self._deferred.clear()

    def keep(self, stays: Callable[[PendingNotice], bool]) -> None:
        """Drop every notice for which `stays` is false."""
        self.fresh = deque(work for work in self.fresh if stays(work))
        self._resumed = [(ticket, work) for ticket, work in self._resumed if stays(work)]
        heapq.heapify(self._resumed)
        self._deferred = deque(work for work in self._deferred if stays(work))


class Lanes:
    """Knows the first notice of each recipient. The cost of a step does not depend on the number of lanes."""

    def __init__(self, queues: Sequence[ReadyNotices]) -> None:
        """`queues` are those of all APIs."""
        self._heads: dict[str, PendingNotice] = {}
        self._queues = queues

    def __len__(self) -> int:
        """Recipients with at least one notice that has not ended."""
        return len(self._heads)

    def add(self, work: PendingNotice) -> None:
        """Queue a notice behind its recipient's earlier ones; it is ready at once if there are none."""
        notice = work.notice
        if notice.ordered:
            head = self._heads.get(notice.recipient)
            if head is not None:
                (head.last or head).behind = work
                head.last = work
                return
            self._heads[notice.recipient] = work
        work.route.ready.fresh.append(work)

    def leave(self, work: PendingNotice) -> None:
        """The first of its lane has ended: the recipient's next is ready, by its age; an empty lane is removed."""
        notice = work.notice
        if not notice.ordered:
            return
        behind = work.behind
        if behind is None:
            del self._heads[notice.recipient]
            return
        behind.last = work.last if work.last is not behind else None
        self._heads[notice.recipient] = behind
        behind.route.ready.resume(behind)

    def remove(self, selected: Callable[[PendingNotice], bool]) -> list[PendingNotice]:
        """Take out every notice that is `selected` and not in flight, wherever it waits; mark it `gone`.

        Scans everything: for rebalances and halts only.
        """
        removed: list[PendingNotice] = []

        def goes(work: PendingNotice) -> bool:
            if work.in_flight or not selected(work):
                return False
            work.gone = True
            removed.append(work)
            return True

        def stays(work: PendingNotice) -> bool:
            return not work.gone and (work.notice.ordered or not goes(work))

        for recipient, head in list(self._heads.items()):
            kept = [work for work in _chain(head) if not goes(work)]
            self._relink(recipient, head, kept)
        for queue in self._queues:
            queue.keep(stays)
        return removed

    def _relink(self, recipient: str, head: PendingNotice, kept: list[PendingNotice]) -> None:
        if not kept:
            del self._heads[recipient]
            return
        for work, behind in zip(kept, [*kept[1:], None], strict=True):
            work.behind = behind
        kept[0].last = kept[-1] if len(kept) > 1 else None
        if kept[0] is not head:
            self._heads[recipient] = kept[0]
            kept[0].route.ready.resume(kept[0])


def _chain(head: PendingNotice) -> list[PendingNotice]:
    works = [head]
    while (behind := works[-1].behind) is not None:
        works.append(behind)
    return works

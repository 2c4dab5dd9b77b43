"""One recipient's notices, first in first out, one at a time; all recipients side by side.

A lane is a chain of `PendingNotice`s: the first refers to the last, each refers to the one behind it. Most lanes hold
one notice for a few milliseconds, so a lane without an object of its own is worth these lines.

Whoever has been here longest goes first. Put behind all others each time, a recipient with many notices would send one
for each round of everybody who waits: at the pace of the buffer, not of the API (docs/decisions/delivery-machine.md).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.delivery.pending_notice import PendingNotice


class Lanes:
    """Which notice may be tried next. Every step costs the same, however many lanes there are."""

    def __init__(self) -> None:
        self._heads: dict[str, PendingNotice] = {}
        self._ready: deque[PendingNotice] = deque()
        self._resumed: list[tuple[int, PendingNotice]] = []
        """A heap, by ticket: notices older than what has come since. Few, so that most notices never see it."""

    def __len__(self) -> int:
        """Recipients with at least one notice not yet ended."""
        return len(self._heads)

    @property
    def any_ready(self) -> bool:
        """Whether any notice may be tried now."""
        return bool(self._ready or self._resumed)

    def add(self, work: PendingNotice) -> None:
        """Queue a notice behind its recipient's earlier ones; it is ready at once where there are none."""
        notice = work.notice
        if notice.ordered:
            head = self._heads.get(notice.recipient)
            if head is not None:
                (head.last or head).behind = work
                head.last = work
                return
            self._heads[notice.recipient] = work
        self._ready.append(work)

    def take(self) -> PendingNotice:
        """The next notice that may be tried. It keeps its lane until `leave`.

        Raises:
            IndexError: none is ready.
        """
        ready, resumed = self._ready, self._resumed
        if resumed and not (ready and ready[0].ticket < resumed[0][0]):
            return heapq.heappop(resumed)[1]
        return ready.popleft()

    def ready(self, work: PendingNotice) -> None:
        """A notice that holds its lane may be tried again, after all that are ready already."""
        self._ready.append(work)

    def resume(self, work: PendingNotice) -> None:
        """As `ready`, but before all that arrived later."""
        heapq.heappush(self._resumed, (work.ticket, work))

    def leave(self, work: PendingNotice) -> None:
        """The first of its lane has ended: the next of its recipient is ready by its age, and an empty lane is gone."""
        notice = work.notice
        if not notice.ordered:
            return
        behind = work.behind
        if behind is None:
            del self._heads[notice.recipient]
            return
        behind.last = work.last if work.last is not behind else None
        self._heads[notice.recipient] = behind
        self.resume(behind)

    def remove(self, wanted: Callable[[PendingNotice], bool]) -> list[PendingNotice]:
        """Take out whatever is `wanted` and not under way, wherever it stands; marks it `gone`.

        A scan over everything: for rebalances and standstills only.
        """
        removed: list[PendingNotice] = []

        def goes(work: PendingNotice) -> bool:
            if work.in_flight or not wanted(work):
                return False
            work.gone = True
            removed.append(work)
            return True

        def stays(work: PendingNotice) -> bool:
            return not work.gone and (work.notice.ordered or not goes(work))

        for recipient, head in list(self._heads.items()):
            kept = [work for work in _chain(head) if not goes(work)]
            self._relink(recipient, head, kept)
        self._ready = deque(work for work in self._ready if stays(work))
        self._resumed = [(_, work) for _, work in self._resumed if stays(work)]
        heapq.heapify(self._resumed)
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
            self.resume(kept[0])


def _chain(head: PendingNotice) -> list[PendingNotice]:
    works = [head]
    while (behind := works[-1].behind) is not None:
        works.append(behind)
    return works

"""One recipient's notices, first in first out, one at a time; all recipients side by side."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.delivery.partition import Partition
    from pipeline.delivery.work import Work


class Lanes:
    """Which notice may be tried next. Every step costs the same, however many lanes there are."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Work]] = {}
        self._ready: deque[Work] = deque()

    def __len__(self) -> int:
        """Recipients with at least one notice not yet ended."""
        return len(self._lanes)

    @property
    def any_ready(self) -> bool:
        """Whether any notice may be tried now."""
        return bool(self._ready)

    def add(self, work: Work) -> None:
        """Queue a notice behind its recipient's earlier ones; it is ready at once where there are none."""
        if not work.notice.ordered:
            self._ready.append(work)
            return
        lane = self._lanes.get(work.notice.recipient)
        if lane is None:
            self._lanes[work.notice.recipient] = deque((work,))
            self._ready.append(work)
        else:
            lane.append(work)

    def take(self) -> Work | None:
        """The next notice that may be tried. It keeps its lane until `leave`."""
        return self._ready.popleft() if self._ready else None

    def ready(self, work: Work) -> None:
        """A notice that holds its lane may be tried again."""
        self._ready.append(work)

    def first(self, work: Work) -> None:
        """As `ready`, but before all others: it was taken and could not go after all."""
        self._ready.appendleft(work)

    def leave(self, work: Work) -> None:
        """A notice has ended: the next of its recipient is ready, and an empty lane is gone."""
        if not work.notice.ordered:
            return
        lane = self._lanes[work.notice.recipient]
        lane.popleft()
        if lane:
            self._ready.append(lane[0])
        else:
            del self._lanes[work.notice.recipient]

    def discard(self, partition: Partition) -> None:
        """Drop what is queued of `partition`, but for what is under way; a scan, for rebalances only."""
        self._ready = deque(work for work in self._ready if work.partition is not partition)
        for recipient, lane in list(self._lanes.items()):
            head = lane[0]
            kept = deque(work for work in lane if work.partition is not partition or work.in_flight)
            if not kept:
                del self._lanes[recipient]
                continue
            self._lanes[recipient] = kept
            if kept[0] is not head:
                self._ready.append(kept[0])

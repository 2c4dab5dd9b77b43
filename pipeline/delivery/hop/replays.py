"""Recognise intents that were written before: by a map role that began again, or by a dead process's late write.

A map role that begins again reads its events from the last committed offset, and writes their intents once more. So an
intent can be repeated as long as its event is at or above the highest committed offset that later intents of the same
partition of events name; below it only a dead process can still write, and what it writes has been written before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from pipeline.model.intent import Checkpoint, Seen, StreamState

FORGET_MS = 14 * 86_400_000
"""A partition of events without an intent for this long is forgotten: topics are deleted, and offsets reset."""


class _Stream:
    """The intents of one partition of events."""

    __slots__ = ("committed", "ids", "last_ms", "order")

    def __init__(self, committed: int, last_ms: int, seen: Iterable[tuple[int, str]]) -> None:
        self.committed = committed
        self.last_ms = last_ms
        self.order = deque(seen)
        """In the order of arrival, which is that of the offsets but for what a changed rule adds later."""
        self.ids = set(self.order)

    def advance(self, committed: int) -> None:
        """Forget what can no longer be repeated. What hides behind a higher offset is kept for a while longer."""
        self.committed = committed
        order, ids = self.order, self.ids
        while order and order[0][0] < committed:
            ids.discard(order.popleft())


class Replays:
    """What one partition of the intents topic has seen, as of the newest intent that was offered."""

    def __init__(self, checkpoint: Checkpoint | None, since: Iterable[Seen] = ()) -> None:
        """Begin with a checkpoint and the intents from there to the frontier."""
        self._streams: dict[str, _Stream] = {}
        self._newest_ms = 0
        self.changed = False
        """Whether an intent was seen since the last `snapshot`."""
        for name, state in ({} if checkpoint is None else checkpoint.streams).items():
            self._streams[name] = _Stream(*state)
            self._newest_ms = max(self._newest_ms, state.last_ms)
        for one in since:
            self.is_replay(one)

    def is_replay(self, intent: Seen) -> bool:
        """Whether the intent was written before; remember it."""
        name, offset, key, committed, timestamp_ms = intent
        self.changed = True
        self._newest_ms = max(self._newest_ms, timestamp_ms)
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream(0, timestamp_ms, ())
        if offset < stream.committed:
            return True
        stream.last_ms = timestamp_ms
        if committed > stream.committed:
            stream.advance(committed)
        entry = (offset, key)
        if entry in stream.ids:
            return True
        stream.ids.add(entry)
        stream.order.append(entry)
        return False

    @property
    def size(self) -> int:
        """The number of intents that are remembered."""
        return sum([len(stream.order) for stream in self._streams.values()])

    def snapshot(self, at: int) -> Checkpoint:
        """Return what was seen below the offset `at`."""
        self.changed = False
        oldest = self._newest_ms - FORGET_MS
        for name in [name for name, stream in self._streams.items() if stream.last_ms < oldest]:
            del self._streams[name]
        return Checkpoint(
            at,
            {
                name: StreamState(stream.committed, stream.last_ms, tuple(stream.order))
                for name, stream in self._streams.items()
            },
        )

"""A pause that a member decided is written once; again if the topic does not show it; a failure ends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from structlog.testing import capture_logs

from pipeline.errors import Unreachable
from pipeline.model.pause import BY_LIMIT, Pause, Scope, ScopeKind
from pipeline.runtime.pause_sharing import RETRY_SECONDS, PauseSharing

PAUSE = Pause(Scope(ScopeKind.RULE, "coupon"), 1_000.0, by=BY_LIMIT, reason="more than 3 notices a minute")


class Topic:
    """A control topic that may refuse."""

    def __init__(self, refusal: Unreachable | None = None) -> None:
        self.written: list[Mapping[Scope, Pause | None]] = []
        self.refusal = refusal

    def pauses(self) -> Sequence[Pause]:
        return []

    def follow(self, changed: Callable[[Sequence[Pause]], None]) -> None:
        """Never."""

    def write(self, changes: Mapping[Scope, Pause | None]) -> None:
        self.written.append(changes)
        if self.refusal is not None:
            raise self.refusal

    def close(self) -> None:
        """Nothing to close."""


class At:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def correction(self) -> float:
        return 0.0


async def _settled() -> None:
    """Until the thread that writes has ended."""
    for _ in range(3):
        await asyncio.to_thread(lambda: None)


async def _shared(topic: Topic, clock: At, *rounds: float) -> list[str]:
    sharing = PauseSharing(topic, clock)
    with capture_logs() as logs:
        for seconds in rounds:
            clock.time += seconds
            sharing.share([PAUSE])
            await _settled()
        await sharing.stop()
    return [str(line["event"]) for line in logs]


def test_a_pause_is_logged_and_written_once_and_again_after_a_while() -> None:
    """The topic shows it within a second as a rule."""
    topic = Topic()
    events = asyncio.run(_shared(topic, At(), 0.0, 0.25, 0.25, RETRY_SECONDS))
    assert topic.written == [{PAUSE.scope: PAUSE}] * 2
    assert events == ["paused"]


def test_a_refusal_is_logged_and_the_pause_is_written_again() -> None:
    """It stays in force in this member meanwhile."""
    topic = Topic(Unreachable("notice.control did not take the change", hint="grant WRITE"))
    events = asyncio.run(_shared(topic, At(), 0.0, RETRY_SECONDS))
    assert len(topic.written) == 2
    assert events == ["paused", "pause_not_shared", "pause_not_shared"]


def test_without_a_control_topic_a_pause_is_logged() -> None:
    """As in the demo."""

    async def share() -> None:
        PauseSharing(None, At()).share([PAUSE])

    with capture_logs() as logs:
        asyncio.run(share())
    assert [line["event"] for line in logs] == ["paused"]

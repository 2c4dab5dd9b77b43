"""The history's work in its database: again until it answers, while another thread waits and does something else."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from pipeline.adapters.history import database_thread
from pipeline.adapters.history.database_thread import DatabaseThread, finished
from pipeline.errors import Unreachable


class Answering:
    """Keeps what was said of the database."""

    def __init__(self) -> None:
        self.said: list[str | None] = []

    def answering(self, error: str | None) -> None:
        """Whether the database answers."""
        self.said.append(error)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(database_thread, "PAUSE_SECONDS", (0.0,))
    monkeypatch.setattr(database_thread, "MEANWHILE_SECONDS", 0.001)
    yield
    structlog.reset_defaults()


def nothing() -> None:
    """For a thread that waits."""


def test_work_is_done_again_until_the_database_answers() -> None:
    """Its absence is logged once, as is its return; the next absence is logged, too."""
    telemetry = Answering()
    answers = iter([False, False, True, True, False, True])

    def work() -> None:
        if not next(answers):
            raise Unreachable("away")

    thread = DatabaseThread(telemetry, lambda: False)
    with capture_logs() as logs:
        assert [finished(thread.begin(work), nothing) for _ in range(3)] == [True, True, True]
    thread.close()
    assert telemetry.said == ["away", "away", None, None, "away", None]
    assert [one["event"] for one in logs] == ["history_unreachable", "history_answers"] * 2


def test_the_waiting_thread_does_something_else_meanwhile() -> None:
    """Such as to report the lag."""
    thread, continues = DatabaseThread(Answering(), lambda: False), threading.Event()

    def work() -> None:
        assert continues.wait(60)

    assert finished(thread.begin(work), continues.set)
    thread.close()


def test_a_stop_ends_the_wait_for_a_database_that_is_away() -> None:
    """What was not done is not reported as done."""
    stopped = threading.Event()

    def away() -> None:
        stopped.set()
        raise Unreachable("away")

    thread = DatabaseThread(Answering(), stopped.is_set)
    assert not finished(thread.begin(away), nothing)
    thread.close()


def test_other_errors_reach_the_thread_that_waits() -> None:
    """As that another process has stored some of it."""

    def fail() -> None:
        raise LookupError("overtaken")

    thread = DatabaseThread(Answering(), lambda: False)
    with pytest.raises(LookupError, match="overtaken"):
        finished(thread.begin(fail), nothing)
    thread.close()

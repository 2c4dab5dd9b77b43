"""Secrets and certificates that change while the service runs: read whole and put in place, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog

from pipeline.errors import ConfigurationError
from pipeline.runtime.credentials import RETRY_SECONDS, Credentials


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def correction(self) -> float:
        return 0.0


class Disk:
    """One file: its content, and whether it has changed since the last look."""

    def __init__(self) -> None:
        self.content: str | Exception = "first"
        self.is_changed = False
        self.reads = 0
        self.in_use = "first"
        self.used = asyncio.Event()

    def write(self, content: str | Exception) -> None:
        self.content, self.is_changed = content, True

    def changed(self) -> bool:
        changed, self.is_changed = self.is_changed, False
        return changed

    def prepare(self) -> Callable[[], None]:
        self.reads += 1
        if isinstance(self.content, Exception):
            raise self.content
        newest = self.content

        def use() -> None:
            self.in_use = newest
            self.used.set()

        return use


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def credentials(clock: Clock) -> Credentials:
    return Credentials(clock)


@pytest.fixture
def disk(credentials: Credentials) -> Disk:
    made = Disk()
    credentials.add("notices", made.changed, made.prepare)
    return made


async def test_a_change_is_put_in_place(credentials: Credentials, disk: Disk) -> None:
    """Once, when it comes; nothing is read while nothing changes."""
    await credentials.look()
    assert (disk.in_use, disk.reads) == ("first", 0)
    disk.write("second")
    await credentials.look()
    await credentials.look()
    assert (disk.in_use, disk.reads) == ("second", 1)
    assert list(credentials.settings) == ["notices"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConfigurationError("/run/key.pem: is empty"), "/run/key.pem: is empty"),
        (OSError("canary"), "reading the files failed: OSError"),
        (MemoryError(), "reading the files failed: MemoryError"),
    ],
)
async def test_what_cannot_be_used_is_refused_and_the_former_stays(
    credentials: Credentials, disk: Disk, clock: Clock, error: Exception, message: str
) -> None:
    """The refusal is kept with its time until something usable comes; it never holds a foreign error's text."""
    disk.write(error)
    await credentials.look()
    clock.time = 110.0
    disk.write(error)
    await credentials.look()
    assert disk.in_use == "first"
    assert [(setting, one.at, one.error) for setting, one in credentials.refused.items()] == [
        ("notices", 100.0, message)
    ]
    disk.write("second")
    await credentials.look()
    assert (disk.in_use, credentials.refused) == ("second", {})


async def test_a_refusal_is_logged_once(credentials: Credentials, disk: Disk) -> None:
    """And again if another fault takes its place."""
    with structlog.testing.capture_logs() as lines:
        for error in ("is empty", "is empty", "is cut short"):
            disk.write(ConfigurationError(error))
            await credentials.look()
    assert [line["error"] for line in lines if line["event"] == "credentials_refused"] == ["is empty", "is cut short"]


async def test_a_refusal_is_tried_again_without_a_change(credentials: Credentials, disk: Disk, clock: Clock) -> None:
    """It may have been a moment without file descriptors."""
    disk.write(OSError("Too many open files"))
    await credentials.look()
    disk.content = "second"
    clock.time += RETRY_SECONDS - 1
    await credentials.look()
    assert disk.in_use == "first"
    clock.time += 1
    await credentials.look()
    assert disk.in_use == "second"


async def test_a_request_reads_at_once(credentials: Credentials, disk: Disk) -> None:
    """Whether or not a change was seen, as after SIGHUP."""
    disk.content = "second"
    running = asyncio.ensure_future(credentials.run())
    credentials.request()
    await asyncio.wait_for(disk.used.wait(), 10)
    running.cancel()
    assert disk.in_use == "second"


async def test_one_refusal_does_not_hold_up_another_setting(credentials: Credentials, disk: Disk) -> None:
    """Each setting is judged by itself."""
    other = Disk()
    credentials.add("kafka", other.changed, other.prepare)
    disk.write(ConfigurationError("is empty"))
    other.write("second")
    await credentials.look()
    assert (disk.in_use, other.in_use) == ("first", "second")
    assert list(credentials.refused) == ["notices"]

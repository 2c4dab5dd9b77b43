"""One token for several workers, over connected sockets as the supervisor gives them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from pipeline.adapters.notices_api.shared_token import SharedToken, TokenShare
from pipeline.errors import TokenUnavailable


class Endpoint:
    """Gives `token-1`, `token-2`, …, each for 60 s; fails while `away`."""

    refresh_in: float | None = 60.0

    def __init__(self) -> None:
        self.given = 0
        self.away = False

    def listen(self, newer: Callable[[], None]) -> None:
        """Nothing to report."""

    async def fetch(self) -> str:
        await asyncio.sleep(0)
        if self.away:
            raise TokenUnavailable("the endpoint answers 503")
        self.given += 1
        return f"token-{self.given}"

    async def close(self) -> None:
        """Nothing is open."""


class Machine:
    """A supervisor, and as many workers as are requested."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.endpoint = Endpoint()
        self.share = TokenShare(self.endpoint, lambda: self.now)
        self.workers: list[SharedToken] = []

    def worker(self) -> SharedToken:
        ours, theirs = socket.socketpair()
        self.share.serve(ours)
        self.workers.append(SharedToken(theirs))
        return self.workers[-1]


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    made = Machine()
    yield made
    await made.share.close()
    for worker in made.workers:
        await worker.close()


async def test_workers_get_the_same_token(machine: Machine) -> None:
    """Whether they ask at the same time or later; the rest of its life is each one's to know."""
    first, second, third = machine.worker(), machine.worker(), machine.worker()
    assert set(await asyncio.gather(first.fetch(), second.fetch())) == {"token-1"}
    machine.now += 10
    assert await third.fetch() == "token-1"
    assert (first.refresh_in, third.refresh_in) == (60.0, 50.0)
    assert machine.endpoint.given == 1


async def test_a_worker_that_needs_another_gets_it_for_all(machine: Machine) -> None:
    """The others are called, and get it without a fetch of their own."""
    first, second = machine.worker(), machine.worker()
    await asyncio.gather(first.fetch(), second.fetch())
    called = asyncio.Event()
    second.listen(called.set)
    assert await first.fetch() == "token-2"
    await asyncio.wait_for(called.wait(), 10)
    assert await second.fetch() == "token-2"
    assert machine.endpoint.given == 2


async def test_a_worker_that_comes_later_gets_the_present_one(machine: Machine) -> None:
    """A worker that was restarted does not end the token of the others."""
    assert [await machine.worker().fetch(), await machine.worker().fetch()] == ["token-1", "token-1"]


async def test_the_source_s_failure_is_each_worker_s(machine: Machine) -> None:
    """With its message; the next attempt may succeed."""
    worker = machine.worker()
    machine.endpoint.away = True
    with pytest.raises(TokenUnavailable, match="the endpoint answers 503"):
        await worker.fetch()
    machine.endpoint.away = False
    assert await worker.fetch() == "token-1"


async def test_a_supervisor_that_has_ended_is_no_source(machine: Machine) -> None:
    """A worker that is draining by then waits for nothing."""
    worker = machine.worker()
    await worker.fetch()
    await machine.share.close()
    with pytest.raises(TokenUnavailable, match="supervisor"):
        await worker.fetch()

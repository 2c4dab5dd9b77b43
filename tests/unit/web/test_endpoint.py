"""The endpoint of a member, without a socket."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import httpx

from pipeline.web.endpoint import Probes, make_app


async def test_the_loop_works_between_two_slices_of_the_metrics() -> None:
    """A scrape of thousands of rules does not stop sending meanwhile."""
    steps: list[str] = []

    def slices() -> Iterator[bytes]:
        for number in range(3):
            steps.append("slice")
            yield b"m_%d 1\n" % number

    async def sending() -> None:
        while True:
            steps.append("sent")
            await asyncio.sleep(0)

    probes = Probes(live=lambda: (True, "ok"), ready=lambda: (True, "ok"), metrics=lambda: (slices(), "text/plain"))
    other = asyncio.create_task(sending())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(probes)), base_url="http://service") as client:
        answer = await client.get("/metrics")
    other.cancel()
    assert answer.content == b"m_0 1\nm_1 1\nm_2 1\n"
    between = [index for index, step in enumerate(steps) if step == "slice"]
    assert all("sent" in steps[first:second] for first, second in itertools.pairwise(between))

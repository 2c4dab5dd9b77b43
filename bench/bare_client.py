"""pyreqwest in a loop that does nothing else: the limit of what HTTP from Python can be. Prints its pace as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import orjson
import uvloop
from pyreqwest.client import Client, ClientBuilder

from bench.workload import BODY_BYTES, TOKEN

SUCCESS = 200


async def _send(client: Client, url: str, body: bytes) -> None:
    request = client.post(url).header("Authorization", f"Bearer {TOKEN}").header("Content-Type", "application/json")
    response = (
        await request.header("Idempotency-Key", '"abdf3647-9c11-5cb5-856a-5d43e25176c5"')
        .body_bytes(body)
        .build()
        .send()
    )
    if orjson.loads(memoryview(await response.bytes()))["code"] != SUCCESS:
        raise ValueError("the API did not accept")


async def pace(url: str, in_flight: int, requests: int) -> dict[str, float]:
    """Send so many requests, so many at once."""
    client = ClientBuilder().runtime_multithreaded(enable=False).no_proxy().build()
    body = b"x" * BODY_BYTES
    left = requests

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await _send(client, url, body)

    await asyncio.gather(*(_send(client, url, body) for _ in range(in_flight)))  # connections are made beforehand
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    await client.close()
    return {"per_second": requests / seconds, "cpu_us": cpu / requests * 1e6}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(pace(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))

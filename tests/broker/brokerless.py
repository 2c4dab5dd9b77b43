"""A proxy before Kafka's port that can leave all brokers out of the answers about them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Coroutine
from contextlib import suppress

from tests.broker.proxy import Proxy, Way

METADATA = 3
"""The API key of requests about brokers and topics."""
FIRST_FLEXIBLE = 9
"""From this version of them on, lengths are variable and structures end with tagged fields."""


class BrokerlessProxy(Proxy):
    """Passes Kafka's requests and answers on whole."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.brokerless = False
        """Whether the answers about brokers name none, as those of a cluster whose only broker stops."""
        self.emptied = 0
        """Answers of which brokers were left out."""

    def _pumps(self, requests: Way, answers: Way) -> tuple[Coroutine[None, None, None], Coroutine[None, None, None]]:
        versions: dict[int, int] = {}
        """Of requests about brokers, by correlation id."""
        return self._ask(*requests, versions), self._answer(*answers, versions)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, versions: dict[int, int]) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                message = await _message(reader)
                key, version, correlation = struct.unpack_from(">hhi", message)
                if key == METADATA:
                    versions[correlation] = version
                await _write(writer, message)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, versions: dict[int, int]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                message = await _message(reader)
                version = versions.pop(struct.unpack_from(">i", message)[0], None)
                if self.brokerless and version is not None:
                    message = without_brokers(message, version)
                    self.emptied += 1
                await _write(writer, message)


def without_brokers(answer: bytes, version: int) -> bytes:
    """The same answer about brokers and topics, of a version from 9 on, with an empty list of brokers."""
    if version < FIRST_FLEXIBLE:
        raise ValueError(f"version {version}")
    begin = at = 4 + 1 + 4  # correlation id, no tagged fields, throttle time
    count, at = _length(answer, at)
    for _ in range(count):
        at += 4  # node id
        size, at = _length(answer, at)
        at += size + 4  # host, port
        size, at = _length(answer, at)
        at += size + 1  # rack, no tagged fields
    return answer[:begin] + b"\x01" + answer[at:]


def _length(message: bytes, at: int) -> tuple[int, int]:
    """The length that stands there, written one higher so that 0 is null, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # no bit that says that more follows
            return max(0, value - 1), at
        shift += 7


async def _message(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


async def _write(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(struct.pack(">i", len(message)) + message)
    await writer.drain()

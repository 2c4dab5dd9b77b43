"""Writes record batches byte by byte, so that tests can publish what no client library would write.

Source: Kafka's protocol guide, request `Produce` version 3 and the record batch format version 2.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.adapters.clock import SystemClock

GZIP = 1
ZSTD = 4
_CRC32C_POLYNOMIAL = 0x82F63B78


class RawRecord(NamedTuple):
    """One record; header names are bytes of any content."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[bytes, bytes | None]] = ()


def publish(
    bootstrap_servers: str,
    topic: str,
    records: Sequence[RawRecord],
    *,
    partition: int = 0,
    timestamp_ms: int | None = None,
    codec: int = 0,
    compress: Callable[[bytes], bytes] | None = None,
) -> int:
    """Write one batch to the leader, which must be the first bootstrap server; returns the first record's offset."""
    if timestamp_ms is None:
        timestamp_ms = int(SystemClock().now() * 1000)
    batch = _batch(records, timestamp_ms, codec, compress or (lambda content: content))
    request = (
        struct.pack(">hhih", 0, 3, 1, -1)
        + struct.pack(">hhii", -1, -1, 10_000, 1)
        + _text(topic)
        + struct.pack(">iii", 1, partition, len(batch))
        + batch
    )
    host, _, port = bootstrap_servers.partition(",")[0].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = _exactly(connection, struct.unpack(">i", _exactly(connection, 4))[0])
    error, offset = struct.unpack_from(">hq", answer, 4 + 4 + 2 + len(topic.encode()) + 4 + 4)
    if error:
        raise RuntimeError(f"the broker refused the batch with error {error}")
    return int(offset)


def _batch(records: Sequence[RawRecord], timestamp_ms: int, codec: int, compress: Callable[[bytes], bytes]) -> bytes:
    content = compress(b"".join(_record(record, number) for number, record in enumerate(records)))
    checked = (
        struct.pack(">hiqqqhii", codec, len(records) - 1, timestamp_ms, timestamp_ms, -1, -1, -1, len(records))
        + content
    )
    # Partition leader epoch, magic and checksum stand before what is checked.
    return struct.pack(">qiibI", 0, len(checked) + 9, -1, 2, _crc32c(checked)) + checked


def _record(record: RawRecord, number: int) -> bytes:
    headers = b"".join(_sized(name) + _sized(value) for name, value in record.headers)
    body = (
        b"\0"
        + _varint(0)
        + _varint(number)
        + _sized(record.key)
        + _sized(record.value)
        + _varint(len(record.headers))
        + headers
    )
    return _varint(len(body)) + body


def _sized(content: bytes | None) -> bytes:
    return _varint(-1) if content is None else _varint(len(content)) + content


def _varint(number: int) -> bytes:
    zigzag = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while zigzag > 0x7F:
        encoded.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    encoded.append(zigzag)
    return bytes(encoded)


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text.encode())) + text.encode()


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        received = connection.recv(size - len(content))
        if not received:
            raise RuntimeError("the broker closed the connection")
        content += received
    return content


def _crc32c(content: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC32C_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_CRC32C_POLYNOMIAL if byte & 1 else 0)
    return byte


_CRC32C_TABLE = [_table_entry(byte) for byte in range(256)]

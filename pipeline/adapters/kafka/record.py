"""Convert librdkafka's messages to `Record`. Every field comes from outside and may hold anything."""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING

from pipeline.model.event import EVENT_BYTES, UNREADABLE_HEADERS, Headers, Record
from pipeline.model.make import make

if TYPE_CHECKING:
    from confluent_kafka import Message

LAST_TIMESTAMP_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the last that `datetime` can express."""

_read_headers = methodcaller("headers")
"""Of a name that is not UTF-8, confluent-kafka 2.16 makes a list that contains a null pointer and leaves the exception
set. `methodcaller` checks for that and raises SystemError. CPython's specialised `CALL` of a method, which a plain
`message.headers()` becomes after a few calls, does not check: the process would crash at the null pointer later."""


def record_of(message: Message) -> Record:
    """Return the record of a message that is not an error.

    A timestamp outside the years 1970 to 9999 counts as absent.
    """
    try:
        listed = _read_headers(message)
    except (SystemError, UnicodeDecodeError):
        headers: Headers = UNREADABLE_HEADERS
    else:
        headers = tuple(listed) if listed else ()
    timestamp_ms = message.timestamp()[1]
    key, value = message.key(), message.value()
    size = EVENT_BYTES + len(value or b"") + len(key or b"")
    if headers:
        size += sum([len(name) + len(content or b"") for name, content in headers])
    if not 0 <= timestamp_ms <= LAST_TIMESTAMP_MS:
        timestamp_ms = 0
    topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
    return make(Record, (topic, partition, offset, key, value, headers, timestamp_ms, size))

"""Records whose every field is hostile, read from a real Kafka by the service's source and by a range."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.event import UNREADABLE_HEADERS, Record
from tests.fakes.listener import RecordingListener
from tests.fakes.raw_records import RawRecord, publish
from tests.fakes.real_kafka import RealKafka

pytestmark = pytest.mark.kafka

HOSTILE = [
    RawRecord(b"good", b"key", [(b"name", b"text")]),
    RawRecord(b"bad name", b"\xff\xfe", [(b"ok", b"1"), (b"\xb0\xe1", b"x")]),
    RawRecord(b"bad value", None, [(b"n", b"\xff\xfe"), (b"n", None)]),
    RawRecord(None, None, [(b"", b"")]),
    RawRecord(b"nul", b"", [(b"a\0b", b"v")]),
    RawRecord(b"surrogate", None, [(b"\xed\xa0\x80", b"v")]),
    RawRecord(b"last"),
]
MANY = 50
"""CPython calls a method in another way once it has called it a few times."""


def _expected(records: list[Record]) -> None:
    assert [record.value for record in records] == [raw.value for raw in HOSTILE] * MANY
    assert [record.key for record in records] == [raw.key for raw in HOSTILE] * MANY
    unreadable = [record.offset for record in records if record.headers is UNREADABLE_HEADERS]
    assert unreadable == [offset + n * len(HOSTILE) for n in range(MANY) for offset in (1, 5)]
    assert records[2].headers == (("n", b"\xff\xfe"), ("n", None))
    assert records[4].headers == (("a", b"v"),)


def test_the_source_hands_over_every_record_whatever_its_headers_hold(kafka: RealKafka) -> None:
    """A name that is not UTF-8 makes the client raise; the record comes all the same, and so do those after it."""
    publish(kafka.bootstrap_servers, kafka.names.events, HOSTILE * MANY)
    source, listener = kafka.source(), RecordingListener()
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.demand(1_000)
    listener.wait(lambda: len(listener.records) >= MANY * len(HOSTILE))
    _expected(list(listener.records))


def test_a_range_reads_every_record_whatever_its_headers_hold(kafka: RealKafka) -> None:
    """`explain`, `audit` and `diff` read as the service does."""
    publish(kafka.bootstrap_servers, kafka.names.events, HOSTILE * MANY)
    with TopicRange(kafka.properties, kafka.names.events) as whole:
        _expected(list(whole.records()))


def test_a_record_without_a_timestamp_is_as_old_as_its_reading(kafka: RealKafka) -> None:
    """As one of 1970, every rule with `expires_after` would leave it unsent, and its age would raise alerts."""
    for absent in (-1, 0):
        publish(kafka.bootstrap_servers, kafka.names.events, [RawRecord(b"x")], timestamp_ms=absent)
    begun = SystemClock().now()
    source, listener = kafka.source(), RecordingListener()
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.demand(10)
    listener.wait(lambda: len(listener.records) >= 2)
    assert all(int(begun) * 1_000 <= record.timestamp_ms <= SystemClock().now() * 1_000 for record in listener.records)


@pytest.mark.parametrize("timestamp_ms", [-1, 2**62, -(2**62), 253_402_300_800_000])
def test_an_absurd_timestamp_counts_as_absent(make_kafka: Callable[..., RealKafka], timestamp_ms: int) -> None:
    """No date could be made of one after the year 9999; a topic may accept it."""
    kafka = make_kafka(events={"message.timestamp.after.max.ms": str(2**63 - 1)})
    publish(kafka.bootstrap_servers, kafka.names.events, [RawRecord(b"x")], timestamp_ms=timestamp_ms)
    with TopicRange(kafka.properties, kafka.names.events) as whole:
        assert [record.timestamp_ms for record in whole.records()] == [0]

"""Watch the compacted topic of recipient care for records that another process wrote.

A process that was frozen may have lost a partition and still write a record of it. Under compaction the last record of
a recipient stays, so that the owner writes its own again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import Consumer, KafkaError
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.care.writer import writer_of
from pipeline.adapters.kafka.clients import WATCH_INTERVAL_MS, outside_group
from pipeline.adapters.kafka.former_clients import drop
from pipeline.adapters.kafka.statistics import KnownBrokers, report_lost
from pipeline.care.record import RECIPIENT, WRITER_AT, WRITER_HEADER, read_key, read_state
from pipeline.errors import ConfigurationError, DamagedCareState

if TYPE_CHECKING:
    from confluent_kafka import Message

POLL_SECONDS = 0.5

log = structlog.get_logger("care")

Foreign = Callable[[int, str, bytes | None], None]
"""Called on the watch's thread with the partition, the recipient, and the state that was written."""


class CareTail:
    """Reads what is written to the partitions that this process owns."""

    def __init__(self, properties: Mapping[str, Any], topic: str, process: bytes) -> None:
        """`process` are the four bytes of this process's records.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._topic = topic
        self._process = process
        self._properties = {
            **outside_group(properties),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "latest",
        }
        self._brokers = KnownBrokers()
        self._clients = [self._client()]
        self._next: Consumer | None = None
        self._lock = threading.Lock()
        self._wanted: dict[int, tuple[int, int]] = {}
        """Epoch of the assignment and first offset to read, by partition."""
        self._changed = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: int | None = None

    def _client(self) -> Consumer:
        settings = {
            **self._properties,
            "statistics.interval.ms": WATCH_INTERVAL_MS,
            "stats_cb": self._brokers.take,
        }
        return kafka_errors.configured(lambda: Consumer(settings))

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password, by a new client. Any thread may call it."""
        self.reconnect({"sasl.username": user, "sasl.password": password})

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Continue with a new client with these properties. Any thread may call it.

        Raises:
            ConfigurationError: librdkafka refuses its settings; the present client stays.
        """
        self._properties = {**self._properties, **outside_group(properties)}
        self._next = self._client()

    def start(self, foreign: Foreign) -> None:
        """Watch in a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(foreign,), name="care", daemon=True)
        self._thread.start()

    def watch(self, partition: int, epoch: int, offset: int) -> None:
        """Watch a partition from this offset on. Any thread may call it."""
        with self._lock:
            self._wanted[partition] = epoch, offset
            self._changed = True

    def leave(self, partition: int) -> None:
        """Stop watching a partition. Any thread may call it."""
        with self._lock:
            self._changed |= self._wanted.pop(partition, None) is not None

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        drop(self._clients)

    def _run(self, foreign: Foreign) -> None:
        while not self._closed.is_set():
            if self._brokers.are_lost:
                self._replace_lost()
            self._follow()
            if not self._wanted:
                self._clients[0].poll(0)  # its statistics
                self._closed.wait(POLL_SECONDS)
                continue
            for message in self._clients[0].consume(500, POLL_SECONDS):
                self._take(message, foreign)

    def _replace_lost(self) -> None:
        self._brokers = KnownBrokers()
        report_lost("care topic's reader")
        try:
            self.reconnect({})
        except ConfigurationError as error:  # a file has changed since it was checked
            log.error("care_reader_not_replaced", error=error.message)

    def _follow(self) -> None:
        """Read the partitions that are wanted, each from where it was read."""
        with self._lock:
            if self._next is not None:
                former, self._clients, self._next = self._clients, [self._next], None
                drop(former)
                self._changed = True
            if not self._changed:
                return
            self._changed = False
            wanted = {number: offset for number, (_, offset) in self._wanted.items()}
        self._clients[0].assign([KafkaPartition(self._topic, number, offset) for number, offset in wanted.items()])

    def _take(self, message: Message, foreign: Foreign) -> None:
        error = message.error()
        if error is not None:
            if error.code() not in {self._error, KafkaError.GROUP_AUTHORIZATION_FAILED}:
                self._error = error.code()
                log.warning("care_topic_unreadable", error=error.str(), hint=kafka_errors.hint({error.code()}))
            return
        self._error = None
        number, offset = message.partition() or 0, message.offset() or 0
        with self._lock:
            if number not in self._wanted:
                return
            epoch = self._wanted[number][0]
            self._wanted[number] = epoch, offset + 1
        value = message.value()
        own = writer_of(self._process, epoch)
        if value is not None and value.startswith(own, WRITER_AT):
            return  # nearly all
        kind, name = read_key(message.key()) or ("", "")
        if kind != RECIPIENT:
            return
        writer: str | bytes | None
        state: bytes | None = None
        if value is None:
            writer = dict(message.headers() or ()).get(WRITER_HEADER)
        else:
            try:
                writer, state = read_state(value)
            except DamagedCareState:
                return
        if writer != own:
            log.warning("care_foreign_write", partition=number, offset=offset, hint="runbook: NoticeCareForeignWrite")
            foreign(number, name, state)

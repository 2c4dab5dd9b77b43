"""The control topic: what is paused. Compacted, one record for each group and scope.

The key is a JSON array of group, kind of scope and name, such as `["notice-pipeline", "rule", "coupon-issued"]`. The
value is a JSON object with `since`, `until`, `drop`, `by` and `reason`; a record without a value lifts the pause.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import PRODUCER_RULES, TO_THE_END, WATCH_INTERVAL_MS, outside_group
from pipeline.adapters.kafka.former_clients import drop
from pipeline.adapters.kafka.statistics import KnownBrokers, report_lost
from pipeline.errors import ConfigurationError, Unreachable
from pipeline.model.pause import Pause, Scope, ScopeKind
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from confluent_kafka import Message

READ_SECONDS = 15.0
"""Within this time the topic must have been read to its end."""
WRITE_SECONDS = 15.0
POLL_SECONDS = 0.2
MOST_TEXT = 300
"""Characters kept of a text that an operator wrote."""

log = structlog.get_logger("control")

Changed = Callable[[Sequence[Pause]], None]
"""Called with all pauses of the group, on the reader's thread, after each change."""


class ControlReader:
    """Reads the pauses of one group: once to the topic's end, then whatever is added. Writes those of the service."""

    def __init__(self, properties: Mapping[str, Any], topic: str, group: str) -> None:
        """`properties` are librdkafka's; the topic must exist.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
            Unreachable: the topic cannot be read to its end.
        """
        self._topic = topic
        self._group = group
        self._pauses: dict[Scope, Pause] = {}
        self._next: Consumer | None = None
        """A client with newer credentials, which takes over."""
        self._heard: deque[KafkaError] = deque(maxlen=20)
        self._error: int | None = None
        self._brokers = KnownBrokers()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._properties = properties
        self._clients = [self._client(properties)]
        try:
            with kafka_errors.reading(topic):
                self._read_to_the_end()
        except BaseException:
            drop(self._clients)
            raise

    @property
    def _consumer(self) -> Consumer:
        return self._clients[0]

    def _client(self, properties: Mapping[str, Any]) -> Consumer:
        settings = {
            **outside_group(properties),
            "group.id": f"{self._group}.control",
            **TO_THE_END,
            # The end of an empty topic is known after one wait of the broker, and the service starts after that.
            "fetch.wait.max.ms": 50,
            "error_cb": self._heard.append,
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
        self._properties = {**self._properties, **properties}
        self._next = self._client(self._properties)

    def pauses(self) -> Sequence[Pause]:
        """Return all pauses as last read, passed ones among them."""
        return list(self._pauses.values())

    def follow(self, changed: Changed) -> None:
        """Read on in a thread of its own, and report each change."""
        self._thread = threading.Thread(target=self._follow, args=(changed,), name="control", daemon=True)
        self._thread.start()

    def write(self, changes: Mapping[Scope, Pause | None]) -> None:
        """Write pauses, and lift those whose value is None. Blocks; any thread may call it.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
            Unreachable: Kafka refused a record, or did not acknowledge it in time.
        """
        write_controls(self._properties, self._topic, self._group, changes)

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        drop(self._clients)

    def _read_to_the_end(self) -> None:
        deadline = time.monotonic() + READ_SECONDS
        found = self._consumer.list_topics(self._topic, timeout=READ_SECONDS).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        unfinished = set(found.partitions)
        self._consumer.assign([KafkaPartition(self._topic, partition, 0) for partition in unfinished])
        while unfinished:
            message = self._consumer.poll(POLL_SECONDS)
            if time.monotonic() > deadline:
                hint = kafka_errors.hint({error.code() for error in self._heard})
                raise Unreachable(f"{self._topic} could not be read to its end in {READ_SECONDS:.0f} s", hint=hint)
            if message is None:
                continue
            error = message.error()
            if error is None:
                self._take(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
                unfinished.discard(message.partition())
            elif not _is_needless(error) and (kafka_errors.is_fatal(error) or kafka_errors.is_refused(error)):
                raise KafkaException(error)

    def _follow(self, changed: Changed) -> None:
        while not self._closed.is_set():
            if self._brokers.are_lost:
                self._replace_lost()
            if self._next is not None:
                self._take_over()
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                continue
            error = message.error()
            if error is not None:
                self._report(error)
            elif self._take(message):
                changed(self.pauses())

    def _replace_lost(self) -> None:
        self._brokers = KnownBrokers()
        report_lost("control topic's reader")
        try:
            self.reconnect({})
        except ConfigurationError as error:  # a file has changed since it was checked
            log.error("control_reader_not_replaced", error=error.message)

    def _take_over(self) -> None:
        """Continue with the new client where the former one was."""
        locations = self._consumer.position(self._consumer.assignment())
        former, self._clients = self._clients, [self._next or self._consumer]
        self._next = None
        drop(former)
        self._consumer.assign(locations)

    def _report(self, error: KafkaError) -> None:
        """Log an error once; librdkafka tries again by itself."""
        if _is_needless(error):
            return
        if error.code() not in {self._error, KafkaError._PARTITION_EOF}:  # noqa: SLF001 - librdkafka's own codes begin so
            self._error = error.code()
            log.warning("control_topic_unreadable", error=error.str(), hint=kafka_errors.hint({error.code()}))

    def _take(self, message: Message) -> bool:
        """Apply a record; return whether it changed anything."""
        self._error = None
        scope = read_key(message.key(), self._group)
        if scope is None:
            return False
        raw = message.value()
        pause = None if raw is None else read_value(scope, raw)
        if raw is not None and pause is None:
            log.warning("control_record_ignored", scope=str(scope), offset=message.offset(), error="not a pause")
            return False
        if pause is None:
            return self._pauses.pop(scope, None) is not None
        self._pauses[scope] = pause
        return True


def _is_needless(error: KafkaError) -> bool:
    """Whether the error is that of the group's coordinator: librdkafka looks it up, and reading does not need it."""
    return error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def read_key(raw: str | bytes | None, group: str) -> Scope | None:
    """Return the scope that a record of this group is about; None for other records."""
    try:
        given, kind, name = orjson.loads(raw or b"")
        return Scope(ScopeKind(kind), name) if given == group and isinstance(name, str) else None
    except (ValueError, TypeError):
        return None


def read_value(scope: Scope, raw: str | bytes) -> Pause | None:
    """Return the pause; None if the bytes do not hold one."""
    try:
        values = orjson.loads(raw)
        until = values.get("until")
        return Pause(
            scope,
            datetime.fromisoformat(values["since"]).timestamp(),
            None if until is None else datetime.fromisoformat(until).timestamp(),
            bool(values.get("drop", False)),
            _text(values.get("by", "")),
            _text(values.get("reason", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _text(value: object) -> str:
    """Return what an operator wrote, with a dot for each control character: probes and logs show it in one line."""
    return terminal_escape(str(value)[:MOST_TEXT])


def written_key(group: str, scope: Scope) -> bytes:
    """Return the key of a scope's record."""
    return orjson.dumps([group, scope.kind, scope.name])


def written_value(pause: Pause) -> bytes:
    """Return the value of a pause's record."""
    return orjson.dumps(
        {
            "since": _as_text(pause.since),
            "until": None if pause.until is None else _as_text(pause.until),
            "drop": pause.drop,
            "by": pause.by[:MOST_TEXT],
            "reason": pause.reason[:MOST_TEXT],
        }
    )


def _as_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def write_controls(
    properties: Mapping[str, Any], topic: str, group: str, changes: Mapping[Scope, Pause | None]
) -> None:
    """Write pauses, and lift those whose value is None; return once all replicas have them.

    Raises:
        ConfigurationError: librdkafka refuses its settings.
        Unreachable: Kafka refused a record, or did not acknowledge it in time.
    """
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            errors.append(error)

    heard: deque[KafkaError] = deque(maxlen=20)
    rules = {**PRODUCER_RULES, "message.timeout.ms": int(WRITE_SECONDS * 1000), "error_cb": heard.append}
    producer = kafka_errors.configured(lambda: Producer({**properties, **rules}))
    try:
        for scope, pause in changes.items():
            # One partition holds everything, so that changes are read in the order in which they were made.
            value = None if pause is None else written_value(pause)
            producer.produce(topic, value, written_key(group, scope), 0, on_delivery=delivered)
        left = producer.flush(WRITE_SECONDS + 1)
    except KafkaException as error:
        errors.append(kafka_errors.cause(error))
        left = 0
    if errors or left:
        cause = errors[0].str() if errors else "no acknowledgement"
        hint = kafka_errors.hint({error.code() for error in (*errors, *heard)})
        raise Unreachable(f"{topic} did not take the change: {cause}", hint=hint)

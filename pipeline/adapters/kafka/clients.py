"""Settings of Kafka's clients: producers whose writes are safe, and readers outside the consumer group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, Producer

from pipeline.adapters.kafka import errors as kafka_errors

if TYPE_CHECKING:
    from pipeline.adapters.kafka.statistics import KnownBrokers

WATCH_INTERVAL_MS = 2_000
"""librdkafka's statistics.interval.ms, for a client whose statistics serve nothing else."""
NO_TIMEOUT_MS = 2_147_483_647
"""librdkafka's greatest timeout, 24.8 days: an unavailable broker delays outcomes and loses none."""

PRODUCER_DEFAULTS: Mapping[str, Any] = {
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    # The Java client's partitioner, so that a redriven record gets the partition that other producers would choose.
    "partitioner": "murmur2_random",
    "statistics.interval.ms": WATCH_INTERVAL_MS,
    # The topic's limit decides: the client's default is lower than what a source topic may hold.
    "message.max.bytes": 16_777_216,
}
PRODUCER_RULES: Mapping[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": NO_TIMEOUT_MS,
}
"""Settings that make writes safe; the user's properties do not override them."""
_SYNONYMS = ("delivery.timeout.ms", "request.required.acks")
"""Other names of settings in `PRODUCER_RULES`."""
ONE_BY_ONE: Mapping[str, Any] = {"batch.num.messages": 1, "linger.ms": 0}
"""For records that were refused together."""
BATCH_HINT = (
    "its records are written again one by one; the right DESCRIBE_CONFIGS on the topic, or a smaller `batch.size` in "
    "kafka.properties, avoids this"
)
_MEMBER_SETTINGS = frozenset(
    {
        "group.protocol",
        "group.remote.assignor",
        "group.instance.id",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
    }
)
"""Settings that a reader outside the group does not need. Some are valid under one group protocol only: librdkafka
refuses a poll interval for the newer protocol beside the classic session timeout, which is the default here."""
TO_THE_END: Mapping[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    # Transaction markers and compacted offsets at the end yield no record, but they yield an end-of-partition.
    "enable.partition.eof": True,
}
"""Settings of a reader that reads partitions from an offset to their present end."""


def outside_group(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties without those of a group's member."""
    return {name: value for name, value in properties.items() if name not in _MEMBER_SETTINGS}


def producer_settings(properties: Mapping[str, Any], **own: object) -> dict[str, Any]:
    """Return the settings of a producer whose writes are safe; `own` overrides everything."""
    settings = {**PRODUCER_DEFAULTS, **properties, **PRODUCER_RULES, **own}
    return {name: value for name, value in settings.items() if name not in _SYNONYMS}


def producer(
    properties: Mapping[str, Any], own: Mapping[str, Any], *, batch_bytes: int | None = None
) -> tuple[Producer, KnownBrokers]:
    """Return a producer whose writes are safe, and what it knows of its brokers.

    `own` overrides everything; no batch is larger than `batch_bytes`.

    Raises:
        ConfigurationError: librdkafka refuses the settings.
    """
    from pipeline.adapters.kafka.statistics import KnownBrokers  # noqa: PLC0415 - `config check` wants the settings alone

    settings = producer_settings(properties, **own)
    if batch_bytes is not None:
        settings["batch.size"] = min(int(settings.get("batch.size", batch_bytes)), batch_bytes)
    known = KnownBrokers()
    settings["stats_cb"] = known.take
    return kafka_errors.configured(lambda: Producer(settings)), known


def refusal(properties: Mapping[str, Any], topic: str, error: KafkaError) -> str:
    """Describe a write that Kafka refused permanently."""
    from pipeline.adapters.kafka.rights import Right, refused  # noqa: PLC0415 - the same

    if kafka_errors.is_refused(error):
        return refused(properties, [Right("WRITE", "topic", topic)]).message
    hint = kafka_errors.hint({error.code()})
    return f"{topic}: {error.str()}" + (f" ({hint})" if hint else "")

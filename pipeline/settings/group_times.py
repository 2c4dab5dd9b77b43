"""Settings of Kafka's client that make a group thrash: what can not work, and what works until something is slow.

Numbers are milliseconds. Defaults are librdkafka's (CONFIGURATION.md); a broker with KIP-848 has session and heartbeat
of its own, and librdkafka refuses them beside that protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

SESSION = "session.timeout.ms"
HEARTBEAT = "heartbeat.interval.ms"
POLL = "max.poll.interval.ms"
STATISTICS = "statistics.interval.ms"
INSTANCE = "group.instance.id"
DEFAULTS = {SESSION: 45_000, HEARTBEAT: 3_000, POLL: 300_000}
HEARTBEATS = 3
"""In a session, at least, as Kafka's documentation asks: one that is late or lost is then no reason to be dropped."""
LEAST_SESSION = 6_000
"""A broker's own least (`group.min.session.timeout.ms`). Within half of it a process that stood still may yet send."""
LEAST_POLL = 60_000
"""For reading the ledger back after a crash, where a broker may be slow or away for a moment."""
OURS = {
    "group.id": "`kafka.group_id`",
    "group.protocol": "`kafka.group_protocol`",
    "enable.auto.commit": "the service: it commits what is done",
    "enable.auto.offset.store": "the service: it commits what is done",
    "enable.idempotence": "the service: outcomes are written safely or not at all",
    "acks": "the service: outcomes are written safely or not at all",
    "request.required.acks": "the service: outcomes are written safely or not at all",
    "message.timeout.ms": "the service: an outcome is waited for, however long",
    "delivery.timeout.ms": "the service: an outcome is waited for, however long",
}
"""Properties that have no effect, and who settles them."""

Properties = Mapping[str, str | int | float | bool]


class Caution(NamedTuple):
    """Something that can be used, and may not be meant."""

    key: str
    """The setting."""
    message: str
    hint: str

    def __str__(self) -> str:
        """`key: words (hint)`."""
        return f"{self.key}: {self.message} ({self.hint})"


def impossible(properties: Properties) -> str | None:
    """Why a group with these settings could never work."""
    session, heartbeat = _number(properties, SESSION), _number(properties, HEARTBEAT)
    if session is not None and heartbeat is not None and session <= heartbeat:
        return (
            f"{SESSION} ({session:.0f}) is not above {HEARTBEAT} ({heartbeat:.0f}): the group would drop every member "
            f"between two heartbeats; take {HEARTBEATS} heartbeats at least"
        )
    return None


def cautions(properties: Properties, drain_seconds: float) -> Iterator[Caution]:
    """What works until something is slow, and what has no effect."""
    yield from _session(properties)
    poll = _number(properties, POLL)
    least = max(LEAST_POLL, 2_000 * drain_seconds)
    if poll is not None and poll < least:
        yield Caution(
            f"kafka.properties.{POLL}",
            f"a member that drains or reads the ledger back for longer than {poll:.0f} ms is dropped in the midst of "
            "it, and what it had under way is sent again",
            f"{least:.0f} or more, for `kafka.drain_seconds` is {drain_seconds:g}; the default is {DEFAULTS[POLL]}",
        )
    if _number(properties, STATISTICS) == 0:
        message = "nobody is told when no broker can be reached: metric and alert rest on the statistics"
        yield Caution(f"kafka.properties.{STATISTICS}", message, "leave it out")
    for name, who in OURS.items():
        if name in properties:
            yield Caution(f"kafka.properties.{name}", "has no effect", f"it is settled by {who}")


def _session(properties: Properties) -> Iterator[Caution]:
    if not {SESSION, HEARTBEAT} & properties.keys():
        return
    session, heartbeat = _number(properties, SESSION), _number(properties, HEARTBEAT)
    if session is None or heartbeat is None:
        return  # no number: librdkafka refuses it in words of its own
    if heartbeat < session < HEARTBEATS * heartbeat:
        yield Caution(
            f"kafka.properties.{SESSION}",
            f"{session:.0f} ms hold fewer than {HEARTBEATS} heartbeats of {heartbeat:.0f} ms: one that is late or lost "
            "moves the member's partitions",
            f"{SESSION} of {HEARTBEATS * heartbeat:.0f} or more, or {HEARTBEAT} of {session / HEARTBEATS:.0f} or less",
        )
    if session < LEAST_SESSION:
        yield Caution(
            f"kafka.properties.{SESSION}",
            f"{session:.0f} ms are less than a broker allows by default, and than what keeps a process that stood "
            "still from sending what has gone to another",
            f"{LEAST_SESSION} or more; the default is {DEFAULTS[SESSION]}",
        )


def _number(properties: Properties, name: str) -> float | None:
    given = properties.get(name, DEFAULTS.get(name))
    try:
        return None if given is None or isinstance(given, bool) else float(given)
    except ValueError:
        return None

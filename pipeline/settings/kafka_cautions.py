"""Checks librdkafka's properties: which cannot work, which are risky, and which have no effect.

Numbers are milliseconds. Defaults are librdkafka's (CONFIGURATION.md). With the group protocol of KIP-848 the broker
sets session timeout and heartbeat interval, and librdkafka refuses both properties.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

SESSION = "session.timeout.ms"
HEARTBEAT = "heartbeat.interval.ms"
POLL = "max.poll.interval.ms"
STATISTICS = "statistics.interval.ms"
INSTANCE = "group.instance.id"
ISOLATION = "isolation.level"
TRANSACTION = "transactional.id"
PROTOCOL = "security.protocol"
_VERIFY = "enable.ssl.certificate.verification"
_HOST = "ssl.endpoint.identification.algorithm"
_TERMINATION = "internal.termination.signal"
_MECHANISMS = ("sasl.mechanism", "sasl.mechanisms")
_KNOWN_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_METHOD = "sasl.oauthbearer.method"
_QUANTITY = re.compile(r"\.(ms|bytes|kbytes|messages|records|size|seconds)$")
_WITH_UNIT = re.compile(r"\s*([0-9]+)[.,]?[0-9]*\s*[A-Za-z%]+\s*")
_SASL = frozenset({"sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"})
DEFAULTS = {SESSION: 45_000, HEARTBEAT: 3_000, POLL: 300_000}
HEARTBEATS_OF_A_GIVEN_SESSION = 18
"""A session that is set is meant to be short. It begins with the member's last heartbeat, and the other members learn
of its end from their next one: half a second later at most where the session has 9 s, and 3 s with librdkafka's own
interval."""
HEARTBEATS = 3
"""Heartbeats in a session, at least (Kafka's documentation of `heartbeat.interval.ms`): one may be late or lost."""
LEAST_SESSION = 6_000
"""The broker's default for `group.min.session.timeout.ms`. A process that was suspended for less than half of it may
still send."""
LEAST_POLL = 60_000
"""Time to read the ledger back after a crash while a broker is slow or away."""
_LEAST = {
    "message.max.bytes": (1_000_000, "a dead letter or an intent above it cannot be written, and ends the service"),
    "queue.buffering.max.kbytes": (20_480, "a record above it waits without end"),
    "socket.timeout.ms": (1_000, "a broker that needs longer for an answer seems to be away"),
    "request.timeout.ms": (1_000, "a broker that needs longer for an answer seems to be away"),
}
"""Values from which on a property does no harm, and what a lower one does."""
_MOST = {
    "linger.ms": (1_000, "every outcome waits that long before it is written, and the commit of its event with it"),
    "reconnect.backoff.max.ms": (60_000, "the service may find a broker that is back only so much later"),
}
"""Values up to which a property does no harm, and what a higher one does."""
_SAFE = "the service: every outcome must be written safely"
_WAITS = "the service: it waits for an outcome without a limit"
OURS = {
    "bootstrap.servers": "`kafka.bootstrap_servers`",
    "metadata.broker.list": "`kafka.bootstrap_servers`",
    "group.id": "`kafka.group_id`",
    "group.protocol": "`kafka.group_protocol`",
    "partition.assignment.strategy": "the service: partitions move one by one (`cooperative-sticky`)",
    "enable.auto.commit": "the service: it commits what is done",
    "enable.auto.offset.store": "the service: it commits what is done",
    "enable.partition.eof": "the service: it needs the end of partitions",
    "enable.idempotence": _SAFE,
    "acks": _SAFE,
    "request.required.acks": _SAFE,
    "message.timeout.ms": _WAITS,
    "delivery.timeout.ms": _WAITS,
    "max.poll.records": "the service: it takes what has come, and `delivery.buffers` limits it",
}
"""Properties that have no effect, and what sets them instead."""

Properties = Mapping[str, str | int | float | bool]


class Caution(NamedTuple):
    """A setting that is valid but may not be what the user means."""

    key: str
    """The dotted key of the setting."""
    message: str
    hint: str | None

    def __str__(self) -> str:
        """`key: message (hint)`."""
        return f"{self.key}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def heartbeat_ms(properties: Properties) -> float | None:
    """The heartbeat interval of a member under the classic protocol; None if it is not a number."""
    if HEARTBEAT not in properties and SESSION in properties:
        session = _number(properties, SESSION)
        return None if session is None else min(DEFAULTS[HEARTBEAT], session // HEARTBEATS_OF_A_GIVEN_SESSION)
    return _number(properties, HEARTBEAT)


def impossible(properties: Properties) -> str | None:
    """Why a service with these properties cannot work, or None."""
    for name, value in properties.items():
        unit = _WITH_UNIT.fullmatch(str(value)) if _QUANTITY.search(name) and not isinstance(value, bool) else None
        if unit is not None:
            return f"{name}: librdkafka would read `{value}` as {unit[1]}: write the number without a unit"
    session, heartbeat = _number(properties, SESSION), heartbeat_ms(properties)
    if session is not None and heartbeat is not None and session <= heartbeat:
        return (
            f"{SESSION} ({session:.0f}) is not above {HEARTBEAT} ({heartbeat:.0f}): the group would drop every member "
            f"between two heartbeats; take at least {HEARTBEATS} heartbeats"
        )
    if TRANSACTION in properties:
        return f"{TRANSACTION} cannot be used: outcomes are not written in transactions"
    if _number(properties, _TERMINATION):
        return f"{_TERMINATION} cannot be used: the signal would end the process when a client is closed"
    return None


def cautions(properties: Properties, drain_seconds: float) -> Iterator[Caution]:
    """Properties that are risky, and properties that have no effect."""
    yield from _session(properties)
    poll = _number(properties, POLL)
    least = max(LEAST_POLL, 2_000 * drain_seconds)
    if poll is not None and poll < least:
        yield _caution(
            POLL,
            f"a member that drains or reads the ledger back for longer than {poll:.0f} ms is dropped from the group, "
            "and its notices in flight are sent again",
            f"{least:.0f} or more, because `kafka.drain_seconds` is {drain_seconds:g}; the default is {DEFAULTS[POLL]}",
        )
    if _number(properties, STATISTICS) == 0:
        message = "the metric and the alert for an unreachable broker need librdkafka's statistics"
        yield _caution(STATISTICS, message, "leave it out")
    if properties.get(ISOLATION) == "read_uncommitted":
        yield _caution(ISOLATION, "events of aborted transactions are sent, too", "leave it out")
    if INSTANCE in properties:
        yield _caution(
            INSTANCE,
            "every replica needs a name of its own: members with the same name end each other's membership",
            "one replica may have it; for several, give it by `kafka.properties_files` or by environment",
        )
    yield from _limits(properties)
    yield from _security(properties)
    for name, setter in OURS.items():
        if name in properties:
            yield _caution(name, "has no effect", f"it is set by {setter}")


def _limits(properties: Properties) -> Iterator[Caution]:
    for name, (least, message) in _LEAST.items():
        given = _number(properties, name)
        if given is not None and given < least:
            yield _caution(name, message, f"{least} or more")
    for name, (most, message) in _MOST.items():
        given = _number(properties, name)
        if given is not None and given > most:
            yield _caution(name, message, f"{most} or less")


def _security(properties: Properties) -> Iterator[Caution]:
    protocol = str(properties.get(PROTOCOL, "plaintext")).lower()
    if not protocol.startswith("sasl") and _SASL & properties.keys():
        yield _caution(
            PROTOCOL,
            f"it is {protocol}, so that properties `sasl.…` have no effect",
            "sasl_ssl, or sasl_plaintext",
        )
    without_effect = [name for name in properties if name.startswith("ssl.") and "ssl" not in protocol]
    if without_effect:
        yield _caution(without_effect[0], f"has no effect: {PROTOCOL} is {protocol}, without TLS", "ssl, or sasl_ssl")
    if "ssl" in protocol and str(properties.get(_VERIFY, "true")).lower() in {"false", "f", "0"}:
        yield _caution(_VERIFY, "any server is taken for the broker, with any certificate", "leave it out")
    elif "ssl" in protocol and str(properties.get(_HOST, "https")).lower() == "none":
        message = "the broker's name is not compared with its certificate: any server of the same authority is accepted"
        yield _caution(_HOST, message, "leave it out; certificates need the names that brokers advertise")
    for name in _MECHANISMS:
        mechanism = str(properties.get(name, _KNOWN_MECHANISMS[0])).upper()
        if mechanism not in _KNOWN_MECHANISMS:
            yield _caution(name, f"Kafka has no mechanism {mechanism} that can be used", ", ".join(_KNOWN_MECHANISMS))
        if mechanism == "OAUTHBEARER" and str(properties.get(_METHOD, "default")).lower() == "default":
            yield _caution(name, "there is no source of tokens: no broker lets the service in", f"{_METHOD}: oidc")


def take_over(group_protocol: str, properties: Properties) -> str:
    """How long the partitions of a member that was killed wait for another member, and which setting decides it.

    `group_protocol` is the setting `kafka.group_protocol`.
    """
    session = _number(properties, SESSION)
    classic = f"after {session / 1_000:g} s ({SESSION}, group protocol `classic`)" if session is not None else ""
    consumer = "after the brokers' group.consumer.session.timeout.ms, 45 s by default (group protocol `consumer`)"
    if group_protocol == "classic" or (group_protocol == "auto" and {SESSION, HEARTBEAT} & properties.keys()):
        when = classic
    elif group_protocol == "consumer":
        when = consumer
    else:
        when = f"{consumer}; {classic} where they lack that protocol"
    return f"a killed member's partitions are taken over {when}"


def _session(properties: Properties) -> Iterator[Caution]:
    if not {SESSION, HEARTBEAT} & properties.keys():
        return
    session, heartbeat = _number(properties, SESSION), heartbeat_ms(properties)
    if session is None or heartbeat is None:
        return  # not a number: librdkafka's own check reports it
    if heartbeat < session < HEARTBEATS * heartbeat:
        yield _caution(
            SESSION,
            f"{session:.0f} ms are fewer than {HEARTBEATS} heartbeats of {heartbeat:.0f} ms: a heartbeat that is late "
            "or lost moves the member's partitions",
            f"{SESSION} of {HEARTBEATS * heartbeat:.0f} or more, or {HEARTBEAT} of {session / HEARTBEATS:.0f} or less",
        )
    if session < LEAST_SESSION:
        yield _caution(
            SESSION,
            f"{session:.0f} ms are less than brokers allow by default, and too short to keep a process that was "
            "suspended from sending what another member has sent",
            f"{LEAST_SESSION} or more; the default is {DEFAULTS[SESSION]}",
        )


def _caution(name: str, message: str, hint: str) -> Caution:
    return Caution(f"kafka.properties.{name}", message, hint)


def _number(properties: Properties, name: str) -> float | None:
    given = properties.get(name, DEFAULTS.get(name))
    try:
        return None if given is None or isinstance(given, bool) else float(given)
    except ValueError:
        return None

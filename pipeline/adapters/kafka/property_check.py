"""Checks librdkafka's properties without a network: clients that know no broker are created and closed again."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer

from pipeline.adapters.kafka import errors
from pipeline.adapters.kafka.clients import producer_settings
from pipeline.settings.secrets import MASK, names_a_secret

_OWN = frozenset({"bootstrap.servers", "metadata.broker.list", "group.id", "group.protocol"})
"""Left out: their settings have another place, and a client that knows brokers connects to them."""
_CLASSIC_ONLY = frozenset({"partition.assignment.strategy"})
_SESSION = frozenset({"session.timeout.ms", "heartbeat.interval.ms"})
_DEPRECATED = re.compile(r"Configuration property (\S+) is deprecated: (.*)", re.DOTALL)
_NAMED = re.compile(r"[`\"]?\b((?:[a-z]+\.)+[a-z]+|debug|log_level)\b")

Properties = Mapping[str, Any]


class PropertyFault(NamedTuple):
    """What librdkafka reports about a property."""

    name: str | None
    """None: several properties do not fit together."""
    message: str
    is_error: bool


def check_properties(
    properties: Properties, *, secrets: Iterable[str] = (), protocol: str = "auto", is_complete: bool = True
) -> Iterator[PropertyFault]:
    """Report properties that are unknown, invalid or deprecated, and combinations that no client can be created with.

    Values of `secrets`, and of properties whose name is that of a secret, are masked in messages. `protocol` is the
    setting `kafka.group_protocol`. If `properties` are not complete, combinations are not judged.
    """
    given = {name: value for name, value in properties.items() if name not in _OWN}
    hidden = [str(value) for name, value in given.items() if name in set(secrets) or names_a_secret(name)]
    invalid = [
        PropertyFault(name, _masked(error, hidden), is_error=True)
        for name, value in given.items()
        if (error := _refusal(Consumer, {name: value})) is not None and not error.startswith("Failed to create")
    ]
    yield from invalid
    if invalid:
        return
    heard: list[str] = []
    member = {name: value for name, value in given.items() if name not in _CLASSIC_ONLY}
    member |= {"group.id": "check", "group.protocol": _protocol(protocol, given)}
    for error in (_refusal(Consumer, member, heard), _refusal(Producer, producer_settings(given), heard)):
        if error is not None and is_complete:
            named = next((name for name in _NAMED.findall(error) if name in given), None)
            yield PropertyFault(named, _masked(_readable(error), hidden), is_error=True)
            return
    for name, reason in {found[1]: found[2] for line in heard if (found := _DEPRECATED.search(line))}.items():
        unused = " and not used any more" if reason.startswith("No longer used") else ""
        yield PropertyFault(name, f"is deprecated{unused}", is_error=False)


def missing_files(properties: Properties) -> dict[str, Path]:
    """Files that properties name and that do not exist, by name of the property."""
    paths = {name: Path(str(value)) for name, value in properties.items() if name.endswith(".location")}
    return {name: path for name, path in paths.items() if not path.exists()}


def _refusal(client: type[Consumer | Producer], properties: Properties, heard: list[str] | None = None) -> str | None:
    """Why librdkafka does not create a client with these properties; its log goes to `heard`."""
    logger = logging.Logger("librdkafka")  # noqa: LOG001 - of its own, so that nothing else gets these lines
    logger.addHandler(_Lines(heard if heard is not None else []))
    group = {"group.id": "check"} if client is Consumer else {}
    try:
        made = client({**group, **properties}, logger=logger)
    except KafkaException as error:
        return errors.message(error).strip()
    except (TypeError, ValueError) as error:
        return str(error)
    made.poll(0)
    if isinstance(made, Consumer):
        made.close()
    return None


def _readable(error: str) -> str:
    """The message; where no mechanism was chosen, librdkafka names one that its packages lack."""
    if "No provider for SASL mechanism GSSAPI" not in error:
        return error
    known = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
    return f"Kerberos (GSSAPI, the default) is not supported: set sasl.mechanism to {known}"


def _protocol(setting: str, properties: Properties) -> str:
    """The group protocol to check with: the service falls back to the classic one for properties that only it has."""
    if setting != "auto":
        return setting
    return "classic" if _SESSION & properties.keys() else "consumer"


def _masked(message: str, hidden: Iterable[str]) -> str:
    for value in sorted(filter(None, hidden), key=len, reverse=True):
        message = message.replace(value, MASK)
    return message


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

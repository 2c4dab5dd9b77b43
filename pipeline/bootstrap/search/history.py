"""The history as the service's configuration has it: store outcomes, search them, erase a recipient's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.identities import Identities
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.operations.find import Found, KafkaOutcomes, Newest, Query, Stage
from pipeline.adapters.telemetry.logging import recipient_hash
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.bootstrap.kafka_rights import HISTORY_SUFFIX, needed
from pipeline.bootstrap.outcomes import hash_key
from pipeline.errors import ConfigurationError
from pipeline.operations.find.ended import Ended
from pipeline.settings import Settings
from pipeline.settings.secrets import reveal

if TYPE_CHECKING:
    from pipeline.adapters.history.reader import HistoryReader, HistoryTelemetry
    from pipeline.adapters.history.store import History


def history_group(settings: Settings) -> str:
    """The consumer group of `history`."""
    return settings.history.group_id or f"{settings.kafka.group_id}{HISTORY_SUFFIX}"


def require_history(settings: Settings) -> str:
    """Return the database's URL.

    Raises:
        ConfigurationError: no history is configured, or the extra is not installed.
    """
    chosen = settings.history
    url = reveal(chosen.url, chosen.url_file, "the history's URL")
    if url is None:
        raise ConfigurationError(
            "no history is configured", hint="set history.url: sqlite:///history.db or postgresql://user@host/database"
        )
    missing = [name for name in ("sqlalchemy", "alembic", "psycopg") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"history.url is set, but {missing[0]} is not installed",
            hint="install the extra: pip install 'notice-pipeline[history]'",
        )
    return url


@contextmanager
def open_history(settings: Settings) -> Iterator[History]:
    """Open the configured database, with its tables in this release's form.

    Raises:
        ConfigurationError: there is none, its URL is not valid, or the extra is not installed.
        Unreachable: the database does not answer.
    """
    url = require_history(settings)
    from pipeline.adapters.history.store import History  # noqa: PLC0415 - an extra, loaded only if configured

    history = History(url, settings.outcomes.topic, settings.kafka.group_id)
    try:
        history.migrate()
        yield history
    finally:
        history.close()


def history_reader(
    settings: Settings, history: History, telemetry: HistoryTelemetry, stopped: threading.Event
) -> HistoryReader:
    """Return what reads the outcomes topic into the history.

    Raises:
        UserError: Kafka does not answer, the topic does not exist, or this user may not read it.
    """
    from pipeline.adapters.history.reader import HistoryReader, ReaderOptions  # noqa: PLC0415 - an extra

    properties = kafka_properties(settings)
    check = TopicCheck(properties, settings.kafka.start_timeout_seconds)
    check.prove(needed("history", settings))
    check.require([settings.outcomes.topic])
    options = ReaderOptions(
        settings.kafka.group_id,
        history_group(settings),
        lambda: topic_id(settings, properties),
        settings.history.batch,
        settings.history.days,
    )
    return HistoryReader(properties, history, options, telemetry, stopped.is_set, SystemClock().now)


def topic_id(settings: Settings, properties: Mapping[str, Any]) -> str | None:
    """Return the id of the outcomes topic; None if the broker has none.

    Raises:
        Unreachable: no broker answers.
    """
    topic = settings.outcomes.topic
    with kafka_errors.reading(topic):
        return Identities(properties, settings.kafka.group_id).origins([topic])[topic].topic_id


def forget(settings: Settings, recipient: str) -> int:
    """Erase a recipient's outcomes from the history; return their number.

    Raises:
        UserError: there is no history, or it does not answer.
    """
    with open_history(settings) as history:
        return history.forget(forms_of(settings, recipient), int(SystemClock().now() * 1000))


def forms_of(settings: Settings, value: str) -> frozenset[str]:
    """The forms in which outcomes may have a recipient or reference: in clear, or as a hash.

    Both are compared, because the configuration may have changed.
    """
    return frozenset({value, recipient_hash(hash_key(settings).encode())(value)})


class HistoryThenKafka:
    """Outcomes of the history, and those on Kafka that it has not stored yet."""

    def __init__(self, history: History, kafka: KafkaOutcomes, topic_id: str | None) -> None:
        self._history = history
        self._kafka = kafka
        self._topic_id = topic_id or ""

    def outcomes(self, query: Query, since: datetime | None, limit: int, stage: Stage) -> Found[Ended]:
        """Look the outcomes up, and read the topic from where the history ends."""
        stored = {partition: one.next_offset for partition, one in self._history.positions(self._topic_id).items()}
        newest = Newest[Ended](limit)
        known = {one.written: one for one in self._history.outcomes(query, since)}
        known |= {one.written: one for one in self._kafka.newer(query, since, stored, limit, stage).items}
        for one in known.values():
            newest.add(one.event, one)
        return newest.found()

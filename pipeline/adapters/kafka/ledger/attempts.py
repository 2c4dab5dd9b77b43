"""How many attempts the ledger has since a time: what a restarted service has used of its number per day."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import Span, TopicRange
from pipeline.errors import UserError
from pipeline.model.event import TopicPartition
from pipeline.model.outcome import Outcome

MOST_SECONDS = 60.0
"""The service starts after this time, whatever was read."""

log = structlog.get_logger("ledger")


def attempts_since(
    properties: Mapping[str, Any],
    topic: str,
    group: str,
    since: float,
    api_of: Callable[[Outcome], str | None],
    intents: str | None = None,
) -> Mapping[str, Mapping[TopicPartition, int]]:
    """Return the attempts of the group's outcomes written at `since` or later, by API and partition.

    The partition is that of the event, or of the topic `intents` for a notice that was read from there. `api_of`
    returns the API to which an outcome counts; None: to none. What cannot be read counts as nothing, with a warning: a
    limit of our own must not keep the service from starting.
    """
    found: dict[str, Counter[TopicPartition]] = {}
    deadline = time.monotonic() + MOST_SECONDS
    decode = OutcomeDecoder()
    try:
        with TopicRange(properties, topic, Span(datetime.fromtimestamp(since, UTC))) as ledger:
            for record in ledger.records():
                outcome = decode(record.value)
                api = None if outcome is None or outcome.origin.group != group else api_of(outcome)
                if outcome is not None and api is not None:
                    found.setdefault(api, Counter())[_read_from(outcome, intents)] += outcome.attempts
                if time.monotonic() > deadline:
                    log.warning("day_not_counted", topic=topic, hint="more of the day's notices have left")
                    break
    except UserError as error:
        log.warning("day_not_counted", topic=topic, error=error.message, hint="more of the day's notices have left")
    return found


def _read_from(outcome: Outcome, intents: str | None) -> TopicPartition:
    if intents is not None and outcome.intent is not None:
        return TopicPartition(intents, outcome.intent.partition)
    return TopicPartition(outcome.position.topic, outcome.position.partition)

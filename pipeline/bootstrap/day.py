"""The number of notices per day continues after a restart: what has left today is counted from the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.adapters.kafka.ledger.attempts import attempts_since
from pipeline.delivery.rate import day_began
from pipeline.model.event import TopicPartition
from pipeline.model.notice import DEFAULT_API
from pipeline.model.outcome import Outcome
from pipeline.rules.ruleset import RuleSet
from pipeline.settings import Settings


def left_today(
    settings: Settings, properties: Mapping[str, Any], rules: RuleSet, now: float, intents: str | None = None
) -> Mapping[str, Mapping[TopicPartition, int]]:
    """Return what has left since midnight through each API with a number per day, by the partition it was read from.

    `intents` is the intents topic, where recipient care is on.
    """
    rates = {DEFAULT_API: settings.delivery.rate, **{name: api.rate for name, api in settings.apis.items()}}
    began = {name: day_began(now, rate.day_zone) for name, rate in rates.items() if rate.per_day is not None}
    if not began or settings.shadow:
        return {}

    def api_of(outcome: Outcome) -> str | None:
        declared = rules.templates.get(outcome.template or "")
        name = DEFAULT_API if declared is None else declared.api
        return name if name in began and outcome.finished_at >= began[name] else None

    where = settings.outcomes.topic, settings.kafka.group_id
    return attempts_since(properties, *where, min(began.values()), api_of, intents)

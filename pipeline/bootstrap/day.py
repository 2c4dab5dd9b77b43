"""The number of notices per day continues after a restart: what has left today is counted from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipeline.adapters.kafka.ledger.attempts import attempts_since
from pipeline.delivery.machine import Delivery
from pipeline.delivery.rate import day_began
from pipeline.model.event import TopicPartition
from pipeline.model.notice import DEFAULT_API
from pipeline.rules.ruleset import RuleSet
from pipeline.settings import Settings


def restore_days(
    settings: Settings, properties: Mapping[str, Any], rules: RuleSet, delivery: Delivery, now: float
) -> None:
    """Let each API with a number per day know what has left since midnight, by partition."""
    rates = {DEFAULT_API: settings.delivery.rate, **{name: api.rate for name, api in settings.apis.items()}}
    of_ledger = {**properties, "group.id": f"{settings.kafka.group_id}.ledger"}
    for name, rate in rates.items():
        if rate.per_day is None or settings.shadow:
            continue
        counts: Counter[TopicPartition] = Counter()
        since = day_began(now, rate.day_zone)
        found = attempts_since(of_ledger, settings.outcomes.topic, settings.kafka.group_id, since)
        for (template, partition), attempts in found.items():
            declared = rules.templates.get(template or "")
            if name == (DEFAULT_API if declared is None else declared.api):
                counts[partition] += attempts
        delivery.restore_day(counts, name)

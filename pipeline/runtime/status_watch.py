"""Watches the running service: collects the facts, decides what is wrong, and logs when it begins and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline.status.condition import ConditionName, StatusMessage
from pipeline.status.conditions import conditions, status_messages
from pipeline.status.facts import Facts, Failing, SendingState
from pipeline.status.history import FailuresInARow, Growth, LastMatch, PartitionProgress
from pipeline.status.rules import is_failing

if TYPE_CHECKING:
    from pipeline.model.event import TopicPartition
    from pipeline.runtime.credentials import Credentials
    from pipeline.runtime.reload import Reload
    from pipeline.runtime.service import Service

LOOK_SECONDS = 5.0
"""Between two looks while no probe, page or scrape causes one."""
COUNTER_SECONDS = 900.0
"""Counters of faults are shown while they grew within the last one to two windows of this length."""
COMMIT_ERRORS = "commit_errors"
"""The name of the counter of failed commits."""
MIN_EVENTS = 20
"""Events without a match that are reported at least."""

log = structlog.get_logger("status")


class Counters(NamedTuple):
    """Totals since the start of the process. They are called on the loop's thread and must not block."""

    consumed: Callable[[], int]
    matched: Callable[[], int]
    failing: Callable[[float], Mapping[str, Failing]]
    """Time to rules with a failure among their last notices."""
    faults: Callable[[], Mapping[str, int]]
    """Counters of faults by name."""
    commits: Callable[[], int]
    """Commits that Kafka accepted."""


class StatusWatch:
    """What is wrong with one service, as of the last look."""

    def __init__(
        self,
        service: Service,
        reload: Reload,
        credentials: Credentials,
        counters: Counters,
        *,
        none_matched_seconds: float | None,
        shadow: bool,
    ) -> None:
        """`none_matched_seconds` is how long events may be read without a match; None: for any time."""
        self._service = service
        self._reload = reload
        self._credentials = credentials
        self._counters = counters
        self._shadow = shadow
        self._progress = PartitionProgress()
        self._faults: Growth[str] = Growth(COUNTER_SECONDS)
        self._commits = FailuresInARow()
        self._last_match = LastMatch(none_matched_seconds, MIN_EVENTS)
        self._leaderless_since: Mapping[TopicPartition, float] = {}
        self._logged: dict[ConditionName, float] = {}

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            self.conditions()
            await asyncio.sleep(LOOK_SECONDS)

    def conditions(self) -> tuple[StatusMessage, ...]:
        """Return what is wrong now, the most severe first; nothing if the service is well."""
        return self._found(self._facts())

    def messages(self) -> tuple[StatusMessage, ...]:
        """Return what people read: the conditions, else a note; at least one."""
        facts = self._facts()
        return status_messages(facts, self._found(facts))

    def failing_rules(self) -> Mapping[str, float]:
        """Return the rules that fail, with the share of their last notices."""
        failing = self._counters.failing(self._service.parts.clock.now())
        return {rule: one.share for rule, one in failing.items() if is_failing(one.failed, one.ended)}

    def _found(self, facts: Facts) -> tuple[StatusMessage, ...]:
        found = conditions(facts)
        self._log(found, facts.now)
        return found

    def _facts(self) -> Facts:
        service, parts = self._service, self._service.parts
        now = parts.clock.now()
        delivery, lag = parts.delivery.snapshot(now), parts.source.lag()
        self._progress.observe(now, delivery, lag)
        faults = self._counters.faults()
        self._faults.observe(now, faults)
        kafka = parts.source.health()
        absent = () if kafka is None else kafka.absent
        self._leaderless_since = {one.key: self._leaderless_since.get(one.key, now) for one in absent}
        without_token = service.engine.without_token
        alive, alive_message = service.health.live()
        return Facts(
            now=now,
            phase=service.health.phase,
            alive=alive,
            alive_message=alive_message,
            sending=[
                SendingState(
                    name if len(delivery.apis) > 1 else None, api.halted, api.halted_since, name not in without_token
                )
                for name, api in delivery.apis.items()
            ],
            delivery=delivery,
            lag=lag,
            shadow=self._shadow,
            kafka=kafka,
            leaderless_since=self._leaderless_since,
            stuck=parts.source.stuck(),
            held=service.intake.held(),
            unmoved=self._progress.unmoved(delivery, lag),
            failing=self._counters.failing(now),
            unmatched=self._last_match.observe(
                now, consumed=self._counters.consumed(), matched=self._counters.matched()
            ),
            pauses=parts.delivery.pauses(now),
            refused_rules=self._reload.refused,
            removed_rules=self._reload.removed,
            refused_credentials=self._credentials.refused,
            counted={name: grown for name, total in faults.items() if (grown := self._grown(name, total)) > 0},
        )

    def _grown(self, name: str, total: int) -> int:
        """By how much a counter grew within the last minutes; failed commits count until one succeeds."""
        grown = self._faults.since(name, total)
        if name != COMMIT_ERRORS:
            return grown
        return min(grown, self._commits.observe(self._counters.commits(), total))

    def _log(self, found: tuple[StatusMessage, ...], now: float) -> None:
        """Log each condition when it begins and when it ends."""
        present: dict[ConditionName, list[str]] = {}
        for one in found:
            if one.condition is not None:
                present.setdefault(one.condition, []).append(one.summary)
        for name, summaries in present.items():
            if name not in self._logged:
                self._logged[name] = now
                log.warning("condition_began", condition=name.value, summary="; ".join(summaries))
        for name in [name for name in self._logged if name not in present]:
            seconds = round(now - self._logged.pop(name), 1)
            log.info("condition_ended", condition=name.value, seconds=seconds)

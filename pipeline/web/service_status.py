"""The status of the service: one value, collected on request, for the page and `/status.json`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.delivery.snapshot import DeliverySnapshot
from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import HeldPartition, with_held
from pipeline.model.outcome import Outcome
from pipeline.model.pause import Pause
from pipeline.ports import Clock
from pipeline.rules.ruleset import RuleSet
from pipeline.status.condition import StatusMessage
from pipeline.status.facts import RefusedRules
from pipeline.web.care_status import CareStatus, CareTopics, care_status
from pipeline.web.rates import STEP_SECONDS, Counts, Period, Periods, Rates, RateWindow
from pipeline.web.rule_lines import RuleLine, RuleLines, words_of
from pipeline.web.tally import Tally

MINUTE = 60.0
FIVE_MINUTES = 300.0


class StatusSources(NamedTuple):
    """Functions that return the parts of the status. They are called on the loop's thread and must not block."""

    clock: Clock
    phase: Callable[[], str]
    """`starting`, `running` or `stopping`."""
    messages: Callable[[], tuple[StatusMessage, ...]]
    """What is wrong, else a note; at least one."""
    held: Callable[[], Mapping[TopicPartition, HeldPartition]]
    """Partitions whose next event waits for its schema."""
    snapshot: Callable[[float], DeliverySnapshot]
    lag: Callable[[], Mapping[TopicPartition, int]]
    consumed: Callable[[], int]
    matched: Callable[[], Mapping[str, int]]
    """Events matched, by rule."""
    rules: Callable[[], RuleSet]
    rules_loaded_at: Callable[[], float]
    refused_rules: Callable[[], RefusedRules | None]
    pauses: Callable[[], Sequence[Pause]]
    """What is paused."""
    tally: Tally
    care: Callable[[], CareTopics | None] = lambda: None
    """None: recipient care is off."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition that this process owns."""

    topic: str
    partition: int
    lag: int | None
    """Records between the position and the end; None: unknown yet."""
    age_seconds: float
    """Age of the oldest unfinished event; 0: none."""
    unfinished: int
    """Offsets between the oldest unfinished event and the newest read."""


@dataclass(frozen=True, slots=True)
class ApiLine:
    """One API of several."""

    name: str
    in_flight: int
    limit: int
    breaker: str
    halted: str | None
    halted_since: float | None
    retry_budget: float


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """One outcome without personal data: no recipient, no text, no message of the API."""

    at: float
    kind: str
    reason: str
    rule: str | None
    template: str | None
    event_type: str | None
    position: str
    attempts: int
    status: int | None
    code: int | None
    seconds: float
    """From received to finished."""
    words: str
    """Kind, reason and code in plain text."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The status. Times are seconds since the epoch, rates are per second."""

    at: float
    started_at: float
    release: str
    phase: str
    messages: tuple[StatusMessage, ...]
    totals: dict[str, int]
    rates_1m: dict[str, float]
    rates_5m: dict[str, float]
    history: dict[str, list[float]]
    """Rates of the last five minutes, one for each five seconds, the oldest first."""
    in_flight: int
    limit: int
    lanes: int
    lanes_waiting: int
    buffered: int
    unacknowledged: int
    """Outcomes that Kafka has not acknowledged."""
    breaker: str
    halted: str | None
    halted_since: float | None
    retry_budget: float
    partitions: tuple[Partition, ...]
    rules_version: str
    rules_loaded_at: float
    rules_refused: RefusedRules | None
    rules: tuple[RuleLine, ...]
    failures: tuple[OutcomeLine, ...]
    recent: tuple[OutcomeLine, ...]
    apis: tuple[ApiLine, ...] = ()
    """Each API, if there are several: then requests in flight and limit are their sums, and breaker, halt and retry
    budget are those of the first that is halted."""

    periods: tuple[Period, ...] = ()
    """The last hour and day, as far as this process goes back."""
    rules_off: tuple[str, ...] = ()
    """Rules that are present and switched off."""
    care: CareStatus | None = None
    """None: recipient care is off."""

    @property
    def lag(self) -> int:
        """Lag of all partitions, as far as known."""
        return sum(partition.lag or 0 for partition in self.partitions)

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest unfinished event."""
        return max((partition.age_seconds for partition in self.partitions), default=0.0)


class StatusCollector:
    """Samples the counts every few seconds, and collects the status on request."""

    def __init__(self, sources: StatusSources, release: str) -> None:
        self._sources = sources
        self._release = release
        self._started_at = sources.clock.now()
        self._lines = RuleLines()
        self._window = RateWindow()
        self._periods = Periods()
        self._periods.sample(self._started_at, self._counts())

    async def keep(self) -> None:
        """Sample the counts until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(STEP_SECONDS)

    def sample(self) -> None:
        """Sample the counts once."""
        now, counts = self._sources.clock.now(), self._counts()
        self._window.sample(now, counts)
        self._periods.sample(now, counts)

    def _counts(self) -> Counts:
        tally = self._sources.tally
        return Counts(self._sources.consumed(), tally.accepted, tally.failed)

    def status(self) -> ServiceStatus:
        """The status now."""
        sources, tally = self._sources, self._sources.tally
        now, counts = sources.clock.now(), self._counts()
        state, held = sources.snapshot(now), sources.held()
        history = self._window.history()
        rules, lag = sources.rules(), sources.lag()
        wall, topics = now + sources.clock.correction(), sources.care()
        return ServiceStatus(
            at=now,
            started_at=self._started_at,
            release=self._release,
            phase=sources.phase(),
            messages=sources.messages(),
            totals=counts._asdict(),
            rates_1m=self._window.over(MINUTE, now, counts)._asdict(),
            rates_5m=self._window.over(FIVE_MINUTES, now, counts)._asdict(),
            history={name: [getattr(rates, name) for rates in history] for name in Rates._fields},
            in_flight=state.in_flight,
            limit=state.limit,
            lanes=state.lanes,
            lanes_waiting=state.lanes_waiting,
            buffered=state.buffered,
            unacknowledged=state.unacknowledged,
            breaker=state.worst.breaker.value,
            halted=state.worst.halted,
            halted_since=state.worst.halted_since,
            retry_budget=state.worst.retry_budget,
            partitions=_partitions(state, lag, held, now),
            rules_version=rules.version,
            rules_loaded_at=sources.rules_loaded_at(),
            rules_refused=sources.refused_rules(),
            rules=self._lines.of(rules, sources.matched(), tally, state.suspended, sources.pauses()),
            failures=tuple(_outcome(outcome) for outcome in reversed(tally.failures)),
            recent=tuple(_outcome(outcome) for outcome in reversed(tally.recent)),
            apis=_apis(state),
            periods=self._periods.of(now, counts),
            rules_off=tuple(sorted(rules.off)),
            care=None if topics is None else care_status(topics, state.care, lag, tally.care, wall),
        )


def _apis(state: DeliverySnapshot) -> tuple[ApiLine, ...]:
    if len(state.apis) == 1:
        return ()
    return tuple(
        ApiLine(
            name,
            api.in_flight,
            api.limit,
            api.breaker.value,
            None if api.halted is None else api.halted.value,
            api.halted_since,
            api.retry_budget,
        )
        for name, api in state.apis.items()
    )


def _partitions(
    state: DeliverySnapshot,
    lag: Mapping[TopicPartition, int],
    held: Mapping[TopicPartition, HeldPartition],
    now: float,
) -> tuple[Partition, ...]:
    lag = with_held(lag, held)
    return tuple(
        Partition(
            key.topic,
            key.partition,
            lag.get(key),
            max(age, now - held[key].oldest) if key in held else age,
            state.spans.get(key, 0),
        )
        for key, age in sorted(state.oldest.items())
    )


def _outcome(outcome: Outcome) -> OutcomeLine:
    return OutcomeLine(
        at=outcome.finished_at,
        kind=outcome.kind.value,
        reason=outcome.reason.value,
        rule=outcome.rule,
        template=outcome.template,
        event_type=outcome.event_type,
        position=str(outcome.position),
        attempts=outcome.attempts,
        status=outcome.status,
        code=outcome.code,
        seconds=max(0.0, outcome.finished_at - outcome.received_at),
        words=words_of(outcome),
    )

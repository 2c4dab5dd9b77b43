"""The catalogue of metrics on prometheus-client, with every label bound before the hot path needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from pipeline import metrics
from pipeline.adapters.telemetry.cells import Count, Counts, Distributions
from pipeline.adapters.telemetry.exposition import slices
from pipeline.adapters.telemetry.recipient_counts import MASK, RecipientCounts
from pipeline.metrics import Kind, Metric
from pipeline.model.notice import DEFAULT_API
from pipeline.model.outcome import RECIPIENT_CARE, Outcome, OutcomeKind, Reason
from pipeline.model.verdict import Verdict
from pipeline.rules.ruleset import RuleSet

OTHER = "other"
"""Label value for event types that no rule names, beyond the first `MOST_UNKNOWN_TYPES`."""
ALL_RULES = ""
"""Label value where the histograms of all rules are one; for Prometheus it is no label."""
MOST_UNKNOWN_TYPES = 100
MOST_TYPE_CHARACTERS = 200

Series = tuple[str | None, str | None, OutcomeKind, Reason]

_COUNTED_FIELDS = (
    "kind",
    "reason",
    "event_time",
    "rule",
    "template",
    "recipient",
    "received_at",
    "finished_at",
    "redelivered",
)
_counted = itemgetter(*map(Outcome._fields.index, _COUNTED_FIELDS))
"""Cuts these fields out at once: each by its name costs a search in the class."""


class _Ended:
    """What an outcome of one series is counted in."""

    __slots__ = ("dead_letters", "end_to_end", "notices")

    def __init__(
        self, notices: Count, end_to_end: Callable[[float], None] | None, dead_letters: Callable[[], None] | None
    ) -> None:
        self.notices = notices
        self.end_to_end = end_to_end
        """Only of the accepted ones."""
        self.dead_letters = dead_letters
        """Only of those that leave one."""


class PrometheusTelemetry:
    """Implements `pipeline.ports.Telemetry`, and the counters that single adapters need besides.

    One registry per service, nothing global: two services can live in one process (tests, demo).
    """

    def __init__(
        self,
        version: str,
        topics: Sequence[str],
        *,
        apis: Sequence[str] = (DEFAULT_API,),
        also_ended: Callable[[Outcome, float], None] | None = None,
        rule_histograms: bool = True,
    ) -> None:
        """`also_ended` is called with every outcome that is counted here. Several `apis` become values of a label.

        Without `rule_histograms` the histograms of all rules are one.
        """
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._counters: dict[Metric, Counts] = {}
        self._gauges: dict[Metric, Gauge] = {}
        self._histograms: dict[Metric, Distributions] = {}
        for metric in metrics.CATALOGUE:
            if metric not in READ_AT_SCRAPE | metrics.OF_SUPERVISOR | metrics.OF_HISTORY:
                self._declare(metric, by_api=metric.by_api and len(apis) > 1)
        labels = {api: (api,) if len(apis) > 1 else () for api in apis}
        self._attempts = {
            api: {
                verdict: (
                    self._counters[metrics.ATTEMPTS].labels(verdict, *labels[api]),
                    self._histograms[metrics.ATTEMPT_DURATION].labels(verdict, *labels[api]).observe,
                )
                for verdict in Verdict
            }
            for api in apis
        }
        self._refreshes = {
            (api, ok): self._child(metrics.TOKEN_REFRESHES, "ok" if ok else "error", *labels[api])
            for api in apis
            for ok in (True, False)
        }
        for topic in topics:
            self._counters[metrics.EVENTS_GONE_UNREAD].labels(topic)
            for attribute in ("time", "expirytime"):
                self._counters[metrics.TIMES_UNREADABLE].labels(topic, attribute)
            for metric in (metrics.EVENTS_FOR_OTHER_GROUPS, metrics.TOPICS_RECREATED):
                self._counters[metric].labels(topic)
        self._consumed = {topic: self._counters[metrics.EVENTS_CONSUMED].labels(topic) for topic in topics}
        self._intents_read = self._counters[metrics.INTENTS_READ].labels()
        self._dead_letters: dict[Reason, Callable[[], None]] = {
            reason: self._child(metrics.DEAD_LETTERS, reason)
            for reason in Reason
            if reason not in {Reason.OK, Reason.SHADOW, Reason.NO_RULE_FOR_TYPE, Reason.NO_RULE_MATCHED}
        }
        self._ended_early = {api: self._child(metrics.TOKENS_ENDED_EARLY, *labels[api]) for api in apis}
        for metric in (metrics.COMMITS, metrics.OUTCOMES_PUBLISHED):
            for result in ("ok", "error"):
                self._counters[metric].labels(result)
        self._published = self._counters[metrics.OUTCOMES_PUBLISHED].labels("ok")
        self._pipeline = self._histograms[metrics.PIPELINE].labels().observe
        self._redelivered = self._counters[metrics.REDELIVERED].labels().inc
        self._ended: dict[Series, _Ended] = {}
        self._recipients = RecipientCounts()
        self._slots = self._recipients.slots
        self._end_to_end: dict[str, Callable[[float], None]] = {}
        self._matched: dict[str, Count] = {}
        self._unmatched: dict[str, Callable[[], None]] = {}
        self._unknown_types: dict[str, Callable[[], None]] = {}
        self._also_ended = also_ended
        self._rule_histograms = rule_histograms
        self._rules_version: str | None = None
        self._gauges[metrics.BUILD_INFO].labels(version).set(1)

    def _declare(self, metric: Metric, *, by_api: bool) -> None:
        labelled = metric._replace(labels=(*metric.labels, metrics.API)) if by_api else metric
        if metric.kind is Kind.COUNTER:
            counts = self._counters[metric] = Counts(labelled)
            self.registry.register(counts)
        elif metric.kind is Kind.GAUGE:
            names = [label.name for label in labelled.labels]
            self._gauges[metric] = Gauge(metric.full_name, metric.help, names, registry=self.registry)
        else:
            distributions = self._histograms[metric] = Distributions(labelled)
            self.registry.register(distributions)

    def _child(self, metric: Metric, *values: str) -> Callable[[], None]:
        return self._counters[metric].labels(*values).inc

    def _cells(self, rule: str, template: str, kind: OutcomeKind, reason: Reason) -> _Ended:
        return _Ended(
            self._counters[metrics.NOTICES].labels(rule, template, kind, reason),
            self._end_to_end.get(rule) if kind is OutcomeKind.ACCEPTED else None,
            self._dead_letters[reason] if kind.leaves_dead_letter and reason not in RECIPIENT_CARE else None,
        )

    def consumed(self, topic: str, records: int) -> None:
        """Records were read."""
        self._consumed[topic].value += records

    def intents_read(self, records: int) -> None:
        """Records of the intents topic were read."""
        self._intents_read.value += records

    def intent_repeated(self) -> None:
        """Count an intent that was read before."""
        self._counters[metrics.INTENTS_REPEATED].labels().inc()

    def undecodable(self, topic: str, reason: Reason) -> None:
        """Count a record that is not an event."""
        self._counters[metrics.EVENTS_UNDECODABLE].labels(topic, reason).inc()

    def time_unreadable(self, topic: str, attribute: str) -> None:
        """Count a time of an event that cannot be read."""
        self._counters[metrics.TIMES_UNREADABLE].labels(topic, attribute).inc()

    def for_another_group(self, topic: str) -> None:
        """A record was redriven for another group."""
        self._counters[metrics.EVENTS_FOR_OTHER_GROUPS].labels(topic).inc()

    def unmatched(self, event_type: str) -> None:
        """No rule matched. Of the types that no rule names only the first have a label value of their own."""
        count = self._unmatched.get(event_type) or self._of_unknown_type(event_type[:MOST_TYPE_CHARACTERS])
        count()

    def _of_unknown_type(self, event_type: str) -> Callable[[], None]:
        count = self._unknown_types.get(event_type)
        if count is None:
            if len(self._unknown_types) >= MOST_UNKNOWN_TYPES:
                return self._unmatched[OTHER]
            count = self._unknown_types[event_type] = self._child(metrics.EVENTS_UNMATCHED, event_type)
        return count

    def matched(self, rule: str) -> None:
        """A rule matched."""
        self._matched[rule].value += 1

    def attempted(self, api: str, verdict: Verdict, seconds: float) -> None:
        """A request to an API has ended."""
        count, observe = self._attempts[api][verdict]
        count.value += 1
        observe(seconds)

    def ended(self, outcome: Outcome, now: float) -> None:
        """An outcome is acknowledged by Kafka."""
        kind, reason, event_time, rule, template, who, came, ended_at, again = _counted(outcome)
        key = (rule, template, kind, reason)
        cells = self._ended.get(key)
        if cells is None:
            cells = self._ended[key] = self._cells(rule or "", template or "", kind, reason)
        cells.notices.value += 1
        self._published.value += 1
        observe, also_ended = self._pipeline, self._also_ended
        observe(now - came)
        if again:
            self._redelivered()
        if cells.end_to_end is not None:
            self._slots[hash(who) & MASK] += 1
            if event_time is not None:
                cells.end_to_end(max(0.0, ended_at - event_time))
        elif cells.dead_letters is not None:
            cells.dead_letters()
        if also_ended is not None:
            also_ended(outcome, now)

    def most_to_one_recipient(self, now: float) -> int:
        """Return how many notices the recipient with the most of them got of late, see `RecipientCounts`."""
        return self._recipients.most(now)

    def token_refreshed(self, api: str, *, ok: bool) -> None:
        """The token of an API was refreshed, or could not be."""
        self._refreshes[api, ok]()

    def token_ended_early(self, api: str) -> None:
        """The API refused a token before its end."""
        self._ended_early[api]()

    def committed(self, result: str, partitions: int) -> None:
        """Offsets were committed (`ok`), or refused (`error`)."""
        self._counters[metrics.COMMITS].labels(result).inc(partitions)

    def replayed(self, records: int) -> None:
        """Outcomes were read back from the ledger."""
        self._counters[metrics.LEDGER_REPLAYED].labels().inc(records)

    def pointer_unusable(self) -> None:
        """A commit pointer was damaged or points below the ledger's start."""
        self._counters[metrics.LEDGER_POINTERS_UNUSABLE].labels().inc()

    def events_gone(self, topic: str, events: int) -> None:
        """Retention deleted events before they were read."""
        self._counters[metrics.EVENTS_GONE_UNREAD].labels(topic).inc(events)

    def log_lines_dropped(self, lines: int) -> None:
        """Log lines could not be written."""
        self._counters[metrics.LOG_LINES_DROPPED].labels().inc(lines)

    def looked_up_by_time(self) -> None:
        """A commit had no usable pointer, so the ledger was looked up by time."""
        self._counters[metrics.LEDGER_LOOKUPS].labels().inc()

    def topic_recreated(self, topic: str) -> None:
        """A partition begins at its start, because its topic was deleted and created again."""
        self._counters[metrics.TOPICS_RECREATED].labels(topic).inc()

    def care_restored(self, seconds: float) -> None:
        """The recipients of newly assigned partitions were read."""
        self._gauges[metrics.CARE_RESTORE].set(seconds)

    def care_overwritten(self) -> None:
        """Another process wrote a record of recipient care after it had lost the partition."""
        self._counters[metrics.CARE_FOREIGN_WRITES].labels().inc()

    def rules_loaded(self, rules: RuleSet, now: float) -> None:
        """These rules are in use from now on.

        Of `notices_total` only the accepted series exist from the start: all pairs of outcome and reason for a
        thousand rules would be twenty thousand idle series. Failures show at once in `dead_letters_total`.
        """
        self._ended.clear()  # a rule of which an outcome was counted before may be among these
        for rule in rules.rules:
            self._matched[rule.id] = self._counters[metrics.RULE_MATCHES].labels(rule.id)
            named = rule.id if self._rule_histograms else ALL_RULES
            self._end_to_end[rule.id] = self._histograms[metrics.END_TO_END].labels(named).observe
            for template in rule.templates:
                values = (rule.id, template, OutcomeKind.ACCEPTED, Reason.OK)
                self._ended[values] = self._cells(*values)
        for event_type in (*rules.event_types, OTHER):
            self._unmatched[event_type] = self._child(metrics.EVENTS_UNMATCHED, event_type)
        info = self._gauges[metrics.RULES_INFO]
        if self._rules_version not in {None, rules.version}:
            info.remove(self._rules_version)
        self._rules_version = rules.version
        info.labels(rules.version).set(1)
        self._gauges[metrics.RULES].set(len(rules.rules))
        self._gauges[metrics.RULES_RELOADED].set(1)
        self._gauges[metrics.RULES_RELOADED_AT].set(now)

    def rules_removed(self, count: int) -> None:
        """A reload took rules out of use."""
        self._counters[metrics.RULES_REMOVED].labels().inc(count)

    def rules_refused(self) -> None:
        """Newer rules on disk have errors; the old ones stay."""
        self._gauges[metrics.RULES_RELOADED].set(0)

    def counts(self, metric: Metric) -> Mapping[str, int]:
        """The values of a counter with one label, by the label's value."""
        return {value: cell.value for (value,), cell in self._counters[metric].series()}

    def total(self, metric: Metric) -> int:
        """What all series of a counter add up to."""
        return sum(cell.value for _, cell in self._counters[metric].series())

    def shadow(self) -> None:
        """Nothing is sent."""
        self._gauges[metrics.SHADOW].set(1)

    def registry_awaited(self, *, awaited: bool) -> None:
        """The service waits for the schema registry at its start, or does so no longer."""
        self._gauges[metrics.REGISTRY_AWAITED].set(float(awaited))

    def exposition(self) -> tuple[Iterable[bytes], str]:
        """What `/metrics` answers, in slices, and its content type."""
        return slices(self.registry), CONTENT_TYPE_LATEST

    def read_at_scrape(self, read: Callable[[], Iterable[tuple[Metric, Mapping[str, str], float]]]) -> None:
        """Let `read` return the gauges of `READ_AT_SCRAPE` for each scrape."""
        self.registry.register(_AtScrape(read))


READ_AT_SCRAPE = frozenset(
    {
        metrics.IN_FLIGHT,
        metrics.CONCURRENCY_LIMIT,
        metrics.INTENTS_WAITING,
        metrics.INTENTS_UNACKNOWLEDGED,
        metrics.LANES,
        metrics.LANES_WAITING,
        metrics.BUFFERED,
        metrics.BREAKER,
        metrics.HALTED,
        metrics.RETRY_BUDGET,
        metrics.RULES_SUSPENDED,
        metrics.PAUSED,
        metrics.RECIPIENT_NOTICES,
        metrics.CONSUMER_LAG,
        metrics.FRONTIER_AGE,
        metrics.PARTITION_STUCK,
        metrics.PARTITION_AWAITING_SCHEMA,
        metrics.PARTITION_BACKPRESSURE,
        metrics.LAST_POLL,
        metrics.UNACKNOWLEDGED,
        metrics.UNACKNOWLEDGED_AGE,
        metrics.RULES_FAILING,
        metrics.CONDITION,
        metrics.KAFKA_BROKERS,
        metrics.KAFKA_ROUND_TRIP,
        metrics.CREDENTIALS_RELOADED,
    }
)
"""Gauges that are read from the machine at each scrape, so that they cost nothing between."""


class _AtScrape(Collector):
    def __init__(self, read: Callable[[], Iterable[tuple[Metric, Mapping[str, str], float]]]) -> None:
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One family for each metric that `read` tells of."""
        families: dict[Metric, GaugeMetricFamily] = {}
        for metric, labels, value in self._read():
            family = families.get(metric)
            if family is None:
                family = families[metric] = GaugeMetricFamily(metric.full_name, metric.help)
            family.samples.append(Sample(metric.full_name, dict(labels), value))
        return families.values()

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names alone, for the registry to guard against twins."""
        return [GaugeMetricFamily(metric.full_name, metric.help) for metric in READ_AT_SCRAPE]

"""The catalogue of metrics: name, kind, labels, allowed values, help.

Only declarations: `adapters/telemetry/prometheus.py` makes them real, `docs/reference/metrics.md` comes from them.
Every name gets the prefix `notice_pipeline_`; units are base units. A label is either closed (its values stand here
and exist from the start, so that a rate is visible at the first failure) or bounded by configuration.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.delivery.breaker import BreakerState
from pipeline.delivery.halt import Halt
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.verdict import Verdict
from pipeline.model.worker import WorkerPhase

PREFIX = "notice_pipeline_"

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of one HTTP request or of one way through the pipeline; the API's own timeout is 5 s by default."""
AGE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)
"""Seconds from an event to its notice: from at once to a day, the usual `expires_after`."""


class Kind(StrEnum):
    """Prometheus' metric types, as far as used."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Label(NamedTuple):
    """A label: closed where `values` is given, else bounded by what `bounded_by` says."""

    name: str
    values: tuple[str, ...] = ()
    bounded_by: str = ""


class Metric(NamedTuple):
    """One declared metric."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """With the prefix."""
        return PREFIX + self.name


TOPIC = Label("topic", bounded_by="the configured topics")
PARTITION = Label("partition", bounded_by="the partitions this process owns")
RULE = Label("rule", bounded_by="the rules loaded")
TEMPLATE = Label("template", bounded_by="the templates in use")
EVENT_TYPE = Label("type", bounded_by="the event types of the rules, the first 100 others, and `other`")
VERDICT = Label("verdict", tuple(Verdict))
OUTCOME = Label("outcome", tuple(OutcomeKind))
REASON = Label("reason", tuple(Reason))
RESULT = Label("result", ("ok", "error"))

EVENTS_CONSUMED = Metric("events_consumed_total", Kind.COUNTER, "Records read from Kafka.", (TOPIC,))
EVENTS_UNDECODABLE = Metric(
    "events_undecodable_total", Kind.COUNTER, "Records whose bytes are no event, by reason.", (TOPIC, REASON)
)
TIMES_UNREADABLE = Metric(
    "event_times_unreadable_total",
    Kind.COUNTER,
    "Times of events that cannot be read: neither RFC 3339 nor, for `events.time_field`, a time of its schema.",
    (TOPIC, Label("attribute", bounded_by="`time`, `expirytime` and the field of `events.time_field`")),
)
EVENTS_GONE_UNREAD = Metric(
    "events_gone_unread_total", Kind.COUNTER, "Events that retention deleted before they were read.", (TOPIC,)
)
EVENTS_FOR_OTHER_GROUPS = Metric(
    "events_for_other_groups_total", Kind.COUNTER, "Records that were redriven for another group.", (TOPIC,)
)
TOPICS_RECREATED = Metric(
    "topics_recreated_total",
    Kind.COUNTER,
    "Partitions that begin at their start, because their topic was deleted and created again.",
    (TOPIC,),
)
EVENTS_UNMATCHED = Metric("events_unmatched_total", Kind.COUNTER, "Events that no rule matched.", (EVENT_TYPE,))
RULE_MATCHES = Metric("rule_matches_total", Kind.COUNTER, "Events that a rule matched.", (RULE,))
NOTICES = Metric(
    "notices_total",
    Kind.COUNTER,
    "Notices that have ended, by how and why. Counted when the outcome is acknowledged by Kafka.",
    (RULE, TEMPLATE, OUTCOME, REASON),
)
ATTEMPTS = Metric("attempts_total", Kind.COUNTER, "Requests to the notices API, by what the reply meant.", (VERDICT,))
ATTEMPT_DURATION = Metric(
    "attempt_duration_seconds", Kind.HISTOGRAM, "Time of one request.", (VERDICT,), LATENCY_BUCKETS
)
END_TO_END = Metric(
    "end_to_end_seconds", Kind.HISTOGRAM, "From the event's time to its notice accepted.", (RULE,), AGE_BUCKETS
)
PIPELINE = Metric(
    "pipeline_seconds", Kind.HISTOGRAM, "From record received to outcome acknowledged.", (), LATENCY_BUCKETS
)
TOKEN_REFRESHES = Metric("token_refreshes_total", Kind.COUNTER, "Times the token was refreshed.", (RESULT,))
COMMITS = Metric("commits_total", Kind.COUNTER, "Offset commits, one per partition.", (RESULT,))
LEDGER_REPLAYED = Metric(
    "ledger_replay_records_total", Kind.COUNTER, "Outcomes read back when partitions were assigned."
)
LEDGER_POINTERS_UNUSABLE = Metric(
    "ledger_pointers_unusable_total",
    Kind.COUNTER,
    "Commit pointers that were damaged or point below the ledger's start.",
)
LEDGER_LOOKUPS = Metric(
    "ledger_lookups_by_time_total",
    Kind.COUNTER,
    "Partitions whose commit had no usable pointer, so that the ledger was looked up by time.",
)
REDELIVERED = Metric("redelivered_total", Kind.COUNTER, "Notices that had an owner before this process.")
OUTCOMES_PUBLISHED = Metric("outcomes_published_total", Kind.COUNTER, "Outcomes written to Kafka.", (RESULT,))
DEAD_LETTERS = Metric("dead_letters_total", Kind.COUNTER, "Dead letters written, by reason.", (REASON,))
RULES_RELOADED = Metric("rules_reload_success", Kind.GAUGE, "1 if the newest rules on disk are in use, 0 if refused.")
RULES_RELOADED_AT = Metric("rules_reload_timestamp_seconds", Kind.GAUGE, "When the rules in use were loaded.")
RULES_INFO = Metric(
    "rules_info", Kind.GAUGE, "1 for the rule set in use.", (Label("version", bounded_by="one at a time"),)
)
LOG_LINES_DROPPED = Metric(
    "log_lines_dropped_total", Kind.COUNTER, "Log lines dropped because standard error did not take them in time."
)
SHADOW = Metric("shadow", Kind.GAUGE, "1 where nothing is sent (`run --shadow`), else 0.")
BUILD_INFO = Metric("build_info", Kind.GAUGE, "1; the release.", (Label("version", bounded_by="one"),))

# Read from the delivery machine when they are asked for, so that they cost nothing between.
IN_FLIGHT = Metric("in_flight", Kind.GAUGE, "Requests under way.")
CONCURRENCY_LIMIT = Metric("concurrency_limit", Kind.GAUGE, "How many requests may be under way now.")
LANES = Metric("lanes", Kind.GAUGE, "Recipients with at least one notice not yet ended.")
LANES_WAITING = Metric("lanes_waiting", Kind.GAUGE, "Recipients whose first notice waits for its next attempt.")
BUFFERED = Metric("buffered_notices", Kind.GAUGE, "Notices held in memory.")
BREAKER = Metric(
    "breaker_state", Kind.GAUGE, "1 for the state the circuit breaker is in.", (Label("state", tuple(BreakerState)),)
)
HALTED = Metric("halted", Kind.GAUGE, "1 for the reason why nothing is sent.", (Label("reason", tuple(Halt)),))
RETRY_BUDGET = Metric("retry_budget", Kind.GAUGE, "Retry tokens left.")
RULES_SUSPENDED = Metric("rules_suspended", Kind.GAUGE, "1 for a rule that the API refuses for good.", (RULE,))
CONSUMER_LAG = Metric(
    "consumer_lag",
    Kind.GAUGE,
    "Offsets between what was handed over and the partition's end; 0 when nothing is left to come.",
    (TOPIC, PARTITION),
)
FRONTIER_AGE = Metric("frontier_age_seconds", Kind.GAUGE, "Age of the oldest unfinished event.", (TOPIC, PARTITION))
PARTITION_STUCK = Metric(
    "partition_stuck_seconds",
    Kind.GAUGE,
    "For how long a partition cannot be read on, at a batch that cannot be taken apart or an offset that is not there; "
    "absent for all others.",
    (TOPIC, PARTITION),
)
LAST_POLL = Metric("last_poll_timestamp_seconds", Kind.GAUGE, "When the consumer's thread last came round.")
KAFKA_BROKERS = Metric("kafka_brokers_connected", Kind.GAUGE, "Brokers to which the consumer has a connection.")
KAFKA_ROUND_TRIP = Metric(
    "kafka_round_trip_seconds", Kind.GAUGE, "Round trip of the consumer's requests to the slowest broker, on average."
)

# Counted by the supervisor of several workers (`workers`), and absent where there is one process.
WORKERS = Metric("workers", Kind.GAUGE, "Worker processes, by what they do.", (Label("phase", tuple(WorkerPhase)),))
WORKER_RESTARTS = Metric(
    "worker_restarts_total",
    Kind.COUNTER,
    "Worker processes that ended unasked, each started again.",
    (Label("worker", bounded_by="the setting `workers`"),),
)
OF_SUPERVISOR = frozenset({WORKERS, WORKER_RESTARTS})

CATALOGUE = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

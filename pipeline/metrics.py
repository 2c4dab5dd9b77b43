"""The catalogue of metrics: name, kind, labels, allowed values, help.

Declarations only: `adapters/telemetry/prometheus.py` creates the metrics, `docs/reference/metrics.md` is generated.
Every name gets the prefix `notice_pipeline_`; units are base units. A label is either closed (its values are listed
here and exist from the start, so that a rate is visible at the first failure) or bounded by configuration.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.delivery.breaker import BreakerState
from pipeline.model.halt import Halt
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.pause import BY_LIMIT, ScopeKind
from pipeline.model.verdict import Verdict
from pipeline.model.worker import WorkerPhase
from pipeline.status.condition import ConditionName

PREFIX = "notice_pipeline_"

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of one HTTP request or of one pass through the pipeline; the API timeout is 5 s by default."""
AGE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)
"""Seconds from an event to its notice: up to a day, the usual `expires_after`."""


class Kind(StrEnum):
    """The Prometheus metric types in use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Label(NamedTuple):
    """A label: closed if `values` is given, else bounded as `bounded_by` says."""

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
    by_api: bool = False
    """Whether it also has the label `api`, if the configuration has more than one API."""

    @property
    def full_name(self) -> str:
        """The name with the prefix."""
        return PREFIX + self.name


API = Label("api", bounded_by="`notices` and the names under `apis`; absent without `apis`")
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
    "events_undecodable_total", Kind.COUNTER, "Records that could not be decoded, by reason.", (TOPIC, REASON)
)
TIMES_UNREADABLE = Metric(
    "event_times_unreadable_total",
    Kind.COUNTER,
    "Event times that cannot be read: neither RFC 3339 nor, for `events.time_field`, a time type of the schema.",
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
    "Partitions read from their start because their topic was deleted and created again.",
    (TOPIC,),
)
EVENTS_UNMATCHED = Metric("events_unmatched_total", Kind.COUNTER, "Events that no rule matched.", (EVENT_TYPE,))
RULE_MATCHES = Metric("rule_matches_total", Kind.COUNTER, "Events that a rule matched.", (RULE,))
NOTICES = Metric(
    "notices_total",
    Kind.COUNTER,
    "Notices that have ended, by outcome and reason. Counted when Kafka acknowledges the outcome.",
    (RULE, TEMPLATE, OUTCOME, REASON),
)
ATTEMPTS = Metric("attempts_total", Kind.COUNTER, "Requests to the notices API, by verdict.", (VERDICT,), by_api=True)
ATTEMPT_DURATION = Metric(
    "attempt_duration_seconds", Kind.HISTOGRAM, "Duration of one request.", (VERDICT,), LATENCY_BUCKETS, by_api=True
)
END_TO_END = Metric(
    "end_to_end_seconds", Kind.HISTOGRAM, "From the event's time to the acceptance of its notice.", (RULE,), AGE_BUCKETS
)
PIPELINE = Metric(
    "pipeline_seconds", Kind.HISTOGRAM, "From receiving the record to acknowledging its outcome.", (), LATENCY_BUCKETS
)
INTENTS_READ = Metric("intents_read_total", Kind.COUNTER, "Records read from the intents topic (recipient care).")
INTENTS_REPEATED = Metric(
    "intents_repeated_total",
    Kind.COUNTER,
    "Intents that were read before, after a process had died; nothing follows from them.",
)
TOKEN_REFRESHES = Metric("token_refreshes_total", Kind.COUNTER, "Token refreshes.", (RESULT,), by_api=True)
TOKENS_ENDED_EARLY = Metric(
    "tokens_ended_early_total",
    Kind.COUNTER,
    "Tokens that the API refused before the end that their endpoint named.",
    by_api=True,
)
COMMITS = Metric("commits_total", Kind.COUNTER, "Offset commits, one per partition.", (RESULT,))
LEDGER_REPLAYED = Metric(
    "ledger_replay_records_total", Kind.COUNTER, "Outcomes read from the ledger when partitions were assigned."
)
LEDGER_POINTERS_UNUSABLE = Metric(
    "ledger_pointers_unusable_total",
    Kind.COUNTER,
    "Commit pointers that could not be used, such as damaged ones or ones below the ledger's start.",
)
LEDGER_LOOKUPS = Metric(
    "ledger_lookups_by_time_total",
    Kind.COUNTER,
    "Partitions whose commit had no usable pointer, so that the ledger was read by time.",
)
REDELIVERED = Metric("redelivered_total", Kind.COUNTER, "Notices that an earlier process already worked on.")
OUTCOMES_PUBLISHED = Metric("outcomes_published_total", Kind.COUNTER, "Outcomes written to Kafka.", (RESULT,))
DEAD_LETTERS = Metric("dead_letters_total", Kind.COUNTER, "Dead letters written, by reason.", (REASON,))
RULES_RELOADED = Metric("rules_reload_success", Kind.GAUGE, "1 if the newest rules on disk are in use, 0 if refused.")
RULES_RELOADED_AT = Metric("rules_reload_timestamp_seconds", Kind.GAUGE, "When the rules in use were loaded.")
RULES_REMOVED = Metric(
    "rules_removed_total", Kind.COUNTER, "Rules that reloads took out of use: removed from the files, or switched off."
)
RULES = Metric("rules", Kind.GAUGE, "Rules in use.")
RULES_INFO = Metric(
    "rules_info", Kind.GAUGE, "1 for the rule set in use.", (Label("version", bounded_by="one at a time"),)
)
SETTING = Label("setting", bounded_by="the settings that name files with secrets or certificates")
CREDENTIALS_RELOADED = Metric(
    "credentials_reload_success",
    Kind.GAUGE,
    "1 if the newest content of the files with secrets and certificates is in use, 0 if it was refused.",
    (SETTING,),
)
LOG_LINES_DROPPED = Metric(
    "log_lines_dropped_total", Kind.COUNTER, "Log lines dropped because standard error was blocked."
)
REGISTRY_AWAITED = Metric(
    "schema_registry_awaited", Kind.GAUGE, "1 while the service waits for the schema registry at its start, else 0."
)
SHADOW = Metric("shadow", Kind.GAUGE, "1 in shadow mode (`run --shadow`, nothing is sent), else 0.")
BUILD_INFO = Metric("build_info", Kind.GAUGE, "1; the release.", (Label("version", bounded_by="one"),))

# Read from the delivery machine at each scrape, so that they cost nothing in between.
IN_FLIGHT = Metric("in_flight", Kind.GAUGE, "Requests in flight.", by_api=True)
CONCURRENCY_LIMIT = Metric(
    "concurrency_limit", Kind.GAUGE, "Maximum number of requests in flight at present.", by_api=True
)
PAUSED = Metric(
    "paused_seconds",
    Kind.GAUGE,
    "How long something has been paused; without a value nothing is.",
    (
        Label("scope", tuple(ScopeKind)),
        Label("name", bounded_by="the rules and templates that are paused"),
        Label("by", ("operator", BY_LIMIT)),
    ),
)
RECIPIENT_NOTICES = Metric(
    "recipient_notices",
    Kind.GAUGE,
    "Most notices that one recipient got within five minutes. Recipients are counted in groups, so that it may be too "
    "high by a few.",
)
LANES = Metric("lanes", Kind.GAUGE, "Recipients with at least one unfinished notice.")
LANES_WAITING = Metric("lanes_waiting", Kind.GAUGE, "Recipients whose first notice waits for its next attempt.")
BUFFERED = Metric("buffered_notices", Kind.GAUGE, "Notices held in memory.")
BREAKER = Metric(
    "breaker_state",
    Kind.GAUGE,
    "1 for the state the circuit breaker is in.",
    (Label("state", tuple(BreakerState)),),
    by_api=True,
)
HALTED = Metric(
    "halted",
    Kind.GAUGE,
    "1 for the reason for which sending is halted.",
    (Label("reason", tuple(Halt)),),
    by_api=True,
)
RETRY_BUDGET = Metric("retry_budget", Kind.GAUGE, "Retry tokens left.", by_api=True)
RULES_SUSPENDED = Metric(
    "rules_suspended", Kind.GAUGE, "1 for a rule that is suspended because the API rejects its configuration.", (RULE,)
)
CONSUMER_LAG = Metric(
    "consumer_lag",
    Kind.GAUGE,
    "Offsets between the last record handed over and the partition's end; 0 without a backlog. The end is the one that "
    "the broker said last: while a partition has no leader (condition `broker_absent`) the value stays.",
    (TOPIC, PARTITION),
)
INTENTS_WAITING = Metric(
    "intents_waiting",
    Kind.GAUGE,
    "Notices in the assigned partitions of the intents topic that are not read yet; absent without recipient care.",
)
INTENTS_UNACKNOWLEDGED = Metric(
    "intents_unacknowledged", Kind.GAUGE, "Intents that Kafka has not acknowledged; absent without recipient care."
)
FRONTIER_AGE = Metric("frontier_age_seconds", Kind.GAUGE, "Age of the oldest unfinished event.", (TOPIC, PARTITION))
PARTITION_STUCK = Metric(
    "partition_stuck_seconds",
    Kind.GAUGE,
    "Time since a partition cannot be read, because of a batch that cannot be decoded or an offset that does not "
    "exist; absent for other partitions.",
    (TOPIC, PARTITION),
)
PARTITION_AWAITING_SCHEMA = Metric(
    "partition_awaiting_schema_seconds",
    Kind.GAUGE,
    "Time since a partition waits for a schema that the registry does not give; absent for other partitions.",
    (TOPIC, PARTITION),
)
UNACKNOWLEDGED = Metric("outcomes_unacknowledged", Kind.GAUGE, "Outcomes that Kafka has not acknowledged.")
UNACKNOWLEDGED_AGE = Metric(
    "outcomes_unacknowledged_seconds",
    Kind.GAUGE,
    "Time since the oldest unacknowledged outcome was decided; 0 without.",
)
RULES_FAILING = Metric(
    "rules_failing",
    Kind.GAUGE,
    "Share of a rule's last notices that were not delivered, for rules where it is half or more; absent for others.",
    (RULE,),
)
CONDITION = Metric(
    "condition",
    Kind.GAUGE,
    "1 for a condition that holds: something is wrong with this process. The service is well if all are 0.",
    (Label("condition", tuple(ConditionName)),),
)
PARTITION_BACKPRESSURE = Metric(
    "partition_backpressure_seconds",
    Kind.GAUGE,
    "Time since a partition is not read because its share of the buffers is used up: by `delivery.buffers.span` behind "
    "an unfinished event, or by notices and bytes that wait; absent for other partitions.",
    (TOPIC, PARTITION),
)
LAST_POLL = Metric("last_poll_timestamp_seconds", Kind.GAUGE, "When the consumer's thread last polled.")
KAFKA_BROKERS = Metric("kafka_brokers_connected", Kind.GAUGE, "Brokers to which the consumer is connected.")
KAFKA_ROUND_TRIP = Metric(
    "kafka_round_trip_seconds",
    Kind.GAUGE,
    "Average round trip of the consumer's requests to the slowest broker; absent while none is connected.",
)

# Of recipient care; absent where it is off.
CARE_RECIPIENTS = Metric("care_recipients", Kind.GAUGE, "Recipients of whom recipient care knows something.")
CARE_UNWRITTEN = Metric(
    "care_recipients_unwritten", Kind.GAUGE, "Recipients of whom more is known than their record on Kafka says."
)
CARE_UNWRITTEN_AGE = Metric(
    "care_recipients_unwritten_seconds",
    Kind.GAUGE,
    "Time since the recipient that waits longest for its record has changed; 0 without one. Usually a few seconds.",
)
CARE_RESTORE = Metric(
    "care_restore_seconds", Kind.GAUGE, "How long reading the recipients of the last assigned partitions took."
)
CARE_FOREIGN_WRITES = Metric(
    "care_foreign_writes_total",
    Kind.COUNTER,
    "Records of recipient care that a process wrote after it had lost the partition.",
)

# Counted by the supervisor of several workers (`workers`); absent with a single process.
WORKERS = Metric("workers", Kind.GAUGE, "Worker processes, by phase.", (Label("phase", tuple(WorkerPhase)),))
WORKER_RESTARTS = Metric(
    "worker_restarts_total",
    Kind.COUNTER,
    "Restarts of worker processes that ended unexpectedly.",
    (Label("worker", bounded_by="the setting `workers`"),),
)
OF_SUPERVISOR = frozenset({WORKERS, WORKER_RESTARTS})

# Of the process `history`, which stores outcomes for search; the service itself has none of them.
HISTORY_LAG = Metric(
    "history_lag",
    Kind.GAUGE,
    "Outcomes of the assigned partitions that are not stored yet, by the ends that the brokers said last.",
)
HISTORY_RECORDS = Metric("history_records_total", Kind.COUNTER, "Records of the outcomes topic that were passed.")
HISTORY_ROWS = Metric("history_rows_total", Kind.COUNTER, "Outcomes that were stored.")
HISTORY_UNREACHABLE = Metric(
    "history_unreachable", Kind.GAUGE, "1 while the history's database does not answer; outcomes wait on Kafka."
)
HISTORY_LOOKUPS = Metric("history_lookups_total", Kind.COUNTER, "Searches on the page.")
OF_HISTORY = frozenset({HISTORY_LAG, HISTORY_RECORDS, HISTORY_ROWS, HISTORY_UNREACHABLE, HISTORY_LOOKUPS})

CATALOGUE = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

"""For the SRE who digs: limits, lanes, partitions and ledger of each member."""

from __future__ import annotations

from deploy.grafana.panels import (
    JOB,
    NAMESPACE,
    RELEASE,
    Dashboard,
    Panel,
    Query,
    Row,
    quantiles,
    rate_of,
    rates,
    series,
)

_TAKEN = 'verdict="accepted"'

DELIVERY = Dashboard(
    "delivery",
    "Notice Pipeline: delivery",
    "How the limits, lanes, ledger and partitions of each member fare.",
    (NAMESPACE, RELEASE, JOB),
    (
        Row(
            "Limits",
            (
                Panel(
                    "Concurrency",
                    "Requests under way, and how many may be. In flight at the limit: the API sets our speed.",
                    (
                        Query(f"sum({series('in_flight')})", "in flight"),
                        Query(f"sum({series('concurrency_limit')})", "limit"),
                    ),
                ),
                Panel(
                    "Request duration by verdict",
                    "95th percentile.",
                    (
                        Query(
                            f"histogram_quantile(0.95, sum by (le, verdict) "
                            f"({rate_of('attempt_duration_seconds_bucket')}))",
                            "{{verdict}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Retry budget",
                    "Retry tokens left, the least of all members. At 0 retries leave only as tokens come back.",
                    (Query(f"min({series('retry_budget')})", "tokens"),),
                ),
                Panel(
                    "Attempts per accepted notice",
                    "1 is best; the rest are retries.",
                    (
                        Query(
                            f"sum({rate_of('attempts_total')}) / sum({rate_of('attempts_total', _TAKEN)})",
                            "attempts",
                        ),
                    ),
                ),
                Panel(
                    "Token refreshes",
                    "Over 10 minutes, by result.",
                    (
                        Query(
                            f"sum by (result) (increase({series('token_refreshes_total')}[10m]))",
                            "{{result}}",
                        ),
                    ),
                ),
                Panel(
                    "Record read to outcome acknowledged",
                    "The pipeline's own time, waiting for the API included.",
                    quantiles("pipeline_seconds"),
                    "s",
                ),
            ),
        ),
        Row(
            "Lanes and memory",
            (
                Panel(
                    "Lanes",
                    "Recipients with an unfinished notice, and those whose first notice waits for its next attempt.",
                    (
                        Query(f"sum({series('lanes')})", "all"),
                        Query(f"sum({series('lanes_waiting')})", "waiting for a retry"),
                    ),
                    width=12,
                ),
                Panel(
                    "Notices in memory",
                    "By member; bounded by `delivery.buffers.notices`.",
                    (Query(f"sum by (instance) ({series('buffered_notices')})", "{{instance}}"),),
                    width=12,
                ),
            ),
        ),
        Row(
            "Recipient care",
            (
                Panel(
                    "Intents waiting",
                    "Messages that are made and not yet read for sending, by member; and those not yet in Kafka.",
                    (
                        Query(f"sum by (instance) ({series('intents_waiting')})", "{{instance}}"),
                        Query(f"sum({series('intents_unacknowledged')})", "not acknowledged"),
                    ),
                    width=12,
                ),
                Panel(
                    "Intents read",
                    "Each second; and those that were read before, after a process had died.",
                    (
                        Query(f"sum(rate({series('intents_read_total')}[$__rate_interval]))", "read"),
                        Query(f"sum(rate({series('intents_repeated_total')}[$__rate_interval]))", "repeated"),
                    ),
                    width=12,
                ),
                Panel(
                    "Recipients known",
                    "By member; and those whose record on Kafka is older than what is known of them.",
                    (
                        Query(f"sum by (instance) ({series('care_recipients')})", "{{instance}}"),
                        Query(f"sum({series('care_recipients_unwritten')})", "not written"),
                    ),
                    width=12,
                ),
                Panel(
                    "Recipients read at the last assignment",
                    "Seconds, by member: sending begins after that.",
                    (Query(f"max by (instance) ({series('care_restore_seconds')})", "{{instance}}"),),
                    unit="s",
                    width=12,
                ),
            ),
        ),
        Row(
            "Partitions",
            (
                Panel(
                    "Lag by partition",
                    "Events not yet read.",
                    (Query(f"max by (topic, partition) ({series('consumer_lag')})", "{{topic}}/{{partition}}"),),
                ),
                Panel(
                    "Oldest unfinished event by partition",
                    "A single line that climbs is one recipient or one schema held back.",
                    (
                        Query(
                            f"max by (topic, partition) ({series('frontier_age_seconds')})", "{{topic}}/{{partition}}"
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Consumer thread last seen",
                    "Seconds since its last activity, by member; unhealthy from 25 s.",
                    (Query(f"max by (instance) (time() - {series('last_poll_timestamp_seconds')})", "{{instance}}"),),
                    "s",
                ),
                Panel(
                    "Brokers connected",
                    "From each member; at 0 it reads and writes nothing.",
                    (Query(f"min by (instance) ({series('kafka_brokers_connected')})", "{{instance}}"),),
                ),
                Panel(
                    "Round trip to Kafka",
                    "Of the consumer's requests to the slowest broker; a fetch waits up to 50 ms where nothing comes.",
                    (Query(f"max by (instance) ({series('kafka_round_trip_seconds')})", "{{instance}}"),),
                    "s",
                ),
            ),
        ),
        Row(
            "Ledger",
            (
                Panel(
                    "Outcomes published",
                    "Acknowledged by Kafka, or refused, per second.",
                    (rates("outcomes_published_total", "result"),),
                    "reqps",
                ),
                Panel("Commits", "Offset commits per second, by result.", (rates("commits_total", "result"),), "reqps"),
                Panel(
                    "Taken over",
                    "Over 10 minutes: outcomes read back at assignment, notices seen before, pointers of no use.",
                    (
                        Query(f"sum(increase({series('ledger_replay_records_total')}[10m]))", "outcomes read back"),
                        Query(f"sum(increase({series('redelivered_total')}[10m]))", "redelivered"),
                        Query(f"sum(increase({series('ledger_pointers_unusable_total')}[10m]))", "pointers unusable"),
                        Query(f"sum(increase({series('ledger_lookups_by_time_total')}[10m]))", "looked up by time"),
                        Query(f"sum(increase({series('topics_recreated_total')}[10m]))", "topics created again"),
                        Query(f"sum(increase({series('events_for_other_groups_total')}[10m]))", "for other groups"),
                    ),
                ),
            ),
        ),
        Row(
            "Events that become no notice",
            (
                Panel(
                    "Undecodable by topic and reason",
                    "Records that cannot be decoded, and times of events that cannot be read, per second.",
                    (
                        Query(
                            f"sum by (topic, reason) ({rate_of('events_undecodable_total')})", "{{topic}} {{reason}}"
                        ),
                        Query(
                            f"sum by (topic, attribute) ({rate_of('event_times_unreadable_total')})",
                            "{{topic}} time {{attribute}}",
                        ),
                    ),
                    "reqps",
                    width=12,
                ),
                Panel(
                    "Unmatched by type",
                    "Events that no rule matched, per second.",
                    (rates("events_unmatched_total", "type"),),
                    "reqps",
                    width=12,
                ),
            ),
        ),
        Row(
            "History",
            (
                Panel(
                    "Not stored yet",
                    "Outcomes that the process `history` has not stored; searches read them from Kafka.",
                    (Query(f"sum by (instance) ({series('history_lag')})", "{{instance}}"),),
                ),
                Panel(
                    "Stored",
                    "Records passed, outcomes stored, and searches on the page, per second.",
                    (
                        Query(f"sum({rate_of('history_records_total')})", "records"),
                        Query(f"sum({rate_of('history_rows_total')})", "stored"),
                        Query(f"sum({rate_of('history_lookups_total')})", "searches"),
                    ),
                    "reqps",
                ),
                Panel(
                    "Database unreachable",
                    "1 while the history's database does not answer; outcomes wait on Kafka.",
                    (Query(f"max by (instance) ({series('history_unreachable')})", "{{instance}}"),),
                ),
            ),
        ),
    ),
)

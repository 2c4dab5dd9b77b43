"""For the SRE at a glance: is all well, and if not, is it us, the API, Kafka or a rule?"""

from __future__ import annotations

from deploy.grafana.panels import (
    ACCEPTED,
    BAD,
    CARE,
    JOB,
    NAMESPACE,
    RELEASE,
    WELL,
    Dashboard,
    Panel,
    Query,
    Row,
    quantiles,
    rate_of,
    rates,
    recorded,
    series,
    stat,
)

RUNNING = series("workers", 'phase="running"')

OVERVIEW = Dashboard(
    "overview",
    "Notice Pipeline: overview",
    "Is all well? If not: is it us, the API, Kafka or a rule?",
    (NAMESPACE, RELEASE, JOB),
    (
        Row(
            "What customers feel",
            (
                stat(
                    "Delivered",
                    "Share of deliverable notices that the API accepted, over the last hour. Objective: 99.5 %.",
                    Query(f"1 - {recorded('delivery_bad:ratio_rate1h')}"),
                    "percentunit",
                    (0, BAD),
                    (0.93, CARE),
                    (0.995, WELL),
                ),
                stat(
                    "In time",
                    "Share of accepted notices that came within 60 s of their event, last hour. Objective: 99 %.",
                    Query(f"1 - {recorded('delay_bad:ratio_rate1h')}"),
                    "percentunit",
                    (0, BAD),
                    (0.86, CARE),
                    (0.99, WELL),
                ),
                stat(
                    "Accepted",
                    "Notices per second that the API accepts now.",
                    Query(f"sum({rate_of('notices_total', ACCEPTED)})"),
                    "reqps",
                    (0, WELL),
                ),
                stat(
                    "Oldest unfinished event",
                    "Age of the oldest event that is read but not done.",
                    Query(f"max({series('frontier_age_seconds')})"),
                    "s",
                    (0, WELL),
                    (60, CARE),
                    (900, BAD),
                ),
                stat(
                    "Events waiting",
                    "Events in Kafka that are not yet read.",
                    Query(f"sum({series('consumer_lag')})"),
                    "short",
                    (0, WELL),
                    (1_000, CARE),
                    (100_000, BAD),
                ),
                stat(
                    "Members",
                    "Processes that run.",
                    Query(f"count({series('build_info')})"),
                    "short",
                    (0, BAD),
                    (1, WELL),
                ),
            ),
        ),
        Row(
            "Is it well?",
            (
                Panel(
                    "Conditions",
                    "What is wrong, as each member reports it; empty while all is well.",
                    (Query(f"max by (instance, condition) ({series('condition')}) > 0", "{{instance}} {{condition}}"),),
                    width=16,
                ),
                Panel(
                    "Outcomes not acknowledged",
                    "Written to Kafka and not acknowledged, and the age of the oldest in seconds.",
                    (
                        Query(f"sum({series('outcomes_unacknowledged')})", "outcomes"),
                        Query(f"max({series('outcomes_unacknowledged_seconds')})", "seconds"),
                    ),
                ),
            ),
        ),
        Row(
            "Does it send?",
            (
                Panel(
                    "Halted",
                    "1 while nothing is sent, by reason.",
                    (Query(f"max by (reason) ({series('halted')})", "{{reason}}"),),
                ),
                Panel(
                    "Circuit breaker",
                    "1 for the state it is in; open means that the API as a whole fails.",
                    (Query(f"max by (state) ({series('breaker_state')})", "{{state}}"),),
                ),
                Panel(
                    "Notices by outcome",
                    "Notices that ended, per second.",
                    (rates("notices_total", "outcome"),),
                    "reqps",
                ),
                Panel(
                    "Dead letters by reason",
                    "Per second. `rejected_recipient` is the customer's own choice; everything else is worth a look.",
                    (rates("dead_letters_total", "reason"),),
                    "reqps",
                ),
                Panel(
                    "Attempts by verdict",
                    "Requests to the API per second, by what the reply meant.",
                    (rates("attempts_total", "verdict"),),
                    "reqps",
                ),
                Panel(
                    "Request duration", "Time of one request to the API.", quantiles("attempt_duration_seconds"), "s"
                ),
            ),
        ),
        Row(
            "Does it keep up?",
            (
                Panel("Events read", "Per second, by topic.", (rates("events_consumed_total", "topic"),), "reqps"),
                Panel(
                    "Lag",
                    "Events in Kafka that are not yet read, by topic.",
                    (Query(f"sum by (topic) ({series('consumer_lag')})", "{{topic}}"),),
                ),
                Panel(
                    "Event to accepted",
                    "From the event's own time to its notice accepted.",
                    quantiles("end_to_end_seconds"),
                    "s",
                ),
            ),
        ),
        Row(
            "Objectives",
            (
                Panel(
                    "Failing notices",
                    "Share that fails, over 5 minutes, 1 hour and 6 hours. The allowance is 0.5 %.",
                    tuple(Query(recorded(f"delivery_bad:ratio_rate{window}"), window) for window in ("5m", "1h", "6h")),
                    "percentunit",
                    width=12,
                ),
                Panel(
                    "Late notices",
                    "Share later than 60 s, over 5 minutes, 1 hour and 6 hours. The allowance is 1 %.",
                    tuple(Query(recorded(f"delay_bad:ratio_rate{window}"), window) for window in ("5m", "1h", "6h")),
                    "percentunit",
                    width=12,
                ),
            ),
        ),
        Row(
            "What runs",
            (
                Panel(
                    "Rules in use",
                    "Members by version of the rules; more than one line for long means that a rollout hangs.",
                    (Query(f"count by (version) ({series('rules_info')})", "{{version}}"),),
                ),
                Panel(
                    "Newest rules in use",
                    "1: the newest rules on disk are in use. 0: they were refused and the old ones stay.",
                    (Query(f"min({series('rules_reload_success')})", "newest in use"),),
                ),
                Panel(
                    "Newest secrets in use",
                    "1: the newest files of the setting are in use. 0: they were refused and the old ones stay.",
                    (Query(f"min by (setting) ({series('credentials_reload_success')})", "{{setting}}"),),
                ),
                Panel(
                    "Releases",
                    "Members by release.",
                    (Query(f"count by (version) ({series('build_info')})", "{{version}}"),),
                ),
                Panel(
                    "Processes at work",
                    "Workers that run, where a member has several; else members.",
                    (Query(f"sum({RUNNING}) or count({series('last_poll_timestamp_seconds')})", "running"),),
                ),
            ),
        ),
    ),
)

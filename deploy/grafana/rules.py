"""For product teams: what became of the messages of my rule?"""

from __future__ import annotations

from deploy.grafana.panels import (
    ACCEPTED,
    CARE,
    JOB,
    NAMESPACE,
    RELEASE,
    RULE,
    WELL,
    Dashboard,
    Look,
    Panel,
    Query,
    Row,
    rate_of,
    rates,
    series,
)

_RULE = 'rule=~"$rule"'
_FAILED = 'outcome!~"accepted|unmatched|shadowed|suppressed"'

RULES = Dashboard(
    "rules",
    "Notice Pipeline: per rule",
    "For product teams: what became of the messages of my rule?",
    (NAMESPACE, RELEASE, JOB, RULE),
    (
        Row(
            "In the time shown",
            (
                Panel(
                    "Events matched",
                    "Events that the rule matched.",
                    (Query(f"sum by (rule) (increase({series('rule_matches_total', _RULE)}[$__range]))", "{{rule}}"),),
                    look=Look.STAT,
                    width=8,
                    height=6,
                ),
                Panel(
                    "Messages accepted",
                    "Accepted by the platform; not: read by the customer.",
                    (
                        Query(
                            f"sum by (rule) (increase({series('notices_total', _RULE, ACCEPTED)}[$__range]))",
                            "{{rule}}",
                        ),
                    ),
                    look=Look.STAT,
                    width=8,
                    height=6,
                    steps=((0, WELL),),
                ),
                Panel(
                    "Messages not delivered",
                    "Of every reason, customers who cannot be reached included. None: no data.",
                    (
                        Query(
                            f"sum by (rule, reason) (increase({series('notices_total', _RULE, _FAILED)}[$__range]))",
                            "{{rule}} {{reason}}",
                        ),
                    ),
                    look=Look.STAT,
                    width=8,
                    height=6,
                    steps=((0, WELL), (1, CARE)),
                ),
            ),
        ),
        Row(
            "Over time",
            (
                Panel("Matched by rule", "Per second.", (rates("rule_matches_total", "rule", _RULE),), "reqps"),
                Panel(
                    "Accepted by rule",
                    "Per second.",
                    (rates("notices_total", "rule", _RULE, ACCEPTED),),
                    "reqps",
                ),
                Panel(
                    "Failed notices by rule and reason",
                    "Per second. The reasons are explained in the guide for rule authors.",
                    (
                        Query(
                            f"sum by (rule, reason) ({rate_of('notices_total', _RULE, _FAILED)})", "{{rule}} {{reason}}"
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Event to accepted by rule",
                    "95th percentile of the time from the event to its message accepted.",
                    (
                        Query(
                            f"histogram_quantile(0.95, sum by (le, rule) ("
                            f"{rate_of('end_to_end_seconds_bucket', _RULE)}))",
                            "{{rule}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Event to accepted, spread",
                    "How many messages took how long.",
                    (
                        Query(
                            f"sum by (le) (increase({series('end_to_end_seconds_bucket', _RULE)}[$__rate_interval]))",
                            "{{le}}",
                        ),
                    ),
                    look=Look.HEATMAP,
                ),
                Panel("Messages by template", "Per second.", (rates("notices_total", "template", _RULE),), "reqps"),
            ),
        ),
        Row(
            "State of the rules",
            (
                Panel(
                    "Suspended rules",
                    "1 while the API refuses the rule's template or account: its messages wait as dead letters.",
                    (
                        Query(
                            # Only a suspended rule has the series; the others are shown at 0.
                            f"max by (rule) ({series('rules_suspended', _RULE)}) "
                            f"or max by (rule) ({series('rule_matches_total', _RULE)}) * 0",
                            "{{rule}}",
                        ),
                    ),
                ),
                Panel(
                    "Rules in use since",
                    "When the rules in use were loaded, the oldest of all members.",
                    (Query(f"min({series('rules_reload_timestamp_seconds')}) * 1000", "since"),),
                    "dateTimeAsIso",
                    Look.STAT,
                ),
                Panel(
                    "Events that no rule matched",
                    "Per second, by type: perhaps a condition is too narrow.",
                    (rates("events_unmatched_total", "type"),),
                    "reqps",
                ),
            ),
        ),
    ),
)

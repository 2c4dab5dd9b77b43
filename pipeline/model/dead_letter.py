"""The headers of dead letters and of redriven records."""

from __future__ import annotations

from pipeline.model.event import Headers

PREFIX = "notice."
"""Prefix of the headers that the service adds; the original's headers are kept unchanged."""

OUTCOME_ID = "notice.outcome-id"
KIND = "notice.kind"
REASON = "notice.reason"
RULE = "notice.rule"
PAUSE = "notice.pause"
"""What was paused, such as `rule coupon-issued`; present if a pause suppressed the notice."""
REFERENCE = "notice.reference"
"""The business key that the rule names, in the form that outcomes have it; absent without one."""
DETAIL = "notice.detail"
ATTEMPTS = "notice.attempts"
FAILED_AT = "notice.failed-at"
"""RFC 3339, UTC."""
GROUP = "notice.group"
"""The consumer group of the letter. Services and redrives of other groups ignore it."""
CLUSTER_ID = "notice.cluster-id"
TOPIC_ID = "notice.topic-id"
"""The source topic's id (KIP-516). This and the cluster's id (KIP-78) are absent if the broker has none."""
SOURCE_TOPIC = "notice.source-topic"
SOURCE_PARTITION = "notice.source-partition"
SOURCE_OFFSET = "notice.source-offset"
SOURCE_TIME = "notice.source-time"
"""Kafka's timestamp of the original, milliseconds since the epoch."""
LEFT_OUT = "notice.left-out"
"""Present if the complete record was too large for the topic; it remains at the source position."""
REDRIVES = "notice.redrives"
"""How often the record was redriven; the loop guard compares it with its limit."""
ONLY_RULE = "notice.only-rule"
"""On a redriven record: the only rule to run; other rules already have their outcomes."""
EVENT_IDENTITY = "notice.event-identity"
"""On a redriven record: the `position_identity` of the event's first record. It is the event's identity if the event
has none of its own, so that notice ids stay the same."""
FIRST_POSITION = "notice.first-position"
"""On a redriven record: `topic/partition/offset` of the event's first record."""
EVENT_TIME = "notice.event-time"
"""On a redriven record: Kafka's timestamp of the event's first record, milliseconds since the epoch. It is the event's
time if CloudEvents gives none, so that expired notices stay expired."""
KEY_ROUND = "notice.key-round"
"""On a redriven record whose notice the API rejected permanently: the number from which its new idempotency key is
made. Under the old key an API may repeat the stored rejection."""
DEAD_LETTER = "notice.dead-letter"
"""On a redriven record: the position of the dead letter that it was made of."""


def is_for_another_group(headers: Headers, group: str) -> bool:
    """Whether a record was redriven for a group other than `group`; only that group processes it."""
    given = dict(headers)
    return REDRIVES in given and given.get(GROUP) != group.encode()


OF_THE_EVENT = frozenset({REDRIVES, ONLY_RULE, EVENT_IDENTITY, FIRST_POSITION, EVENT_TIME, KEY_ROUND})
"""Headers that a redriven record passes on to its dead letter if it fails again."""

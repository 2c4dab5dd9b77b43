"""What a dead letter carries besides the original record: its headers, and where they are kept."""

from __future__ import annotations

from pipeline.model.event import Headers

PREFIX = "notice."
"""All our headers begin so; the original's own headers stay as they were."""

OUTCOME_ID = "notice.outcome-id"
KIND = "notice.kind"
REASON = "notice.reason"
RULE = "notice.rule"
DETAIL = "notice.detail"
ATTEMPTS = "notice.attempts"
FAILED_AT = "notice.failed-at"
"""RFC 3339, UTC."""
GROUP = "notice.group"
"""The consumer group whose letter it is. Services and redrives of other groups pass it by."""
CLUSTER_ID = "notice.cluster-id"
TOPIC_ID = "notice.topic-id"
"""The source topic's id (KIP-516), absent where the broker has none, as is the cluster's (KIP-78)."""
SOURCE_TOPIC = "notice.source-topic"
SOURCE_PARTITION = "notice.source-partition"
SOURCE_OFFSET = "notice.source-offset"
SOURCE_TIME = "notice.source-time"
"""Kafka's timestamp of the original, milliseconds since the epoch."""
LEFT_OUT = "notice.left-out"
"""Present where the topic would not take the whole record: what is missing here still stands at the source position."""
REDRIVES = "notice.redrives"
"""How often it was sent again from the dead letters; the loop guard counts this."""
ONLY_RULE = "notice.only-rule"
"""On a redriven record: the one rule whose notice is to be made; others had their outcome already."""
EVENT_IDENTITY = "notice.event-identity"
"""On a redriven record: the `position_identity` of the event's first record. It is the event's identity where the event
has none of its own, so that notice ids stay the same."""
FIRST_POSITION = "notice.first-position"
"""On a redriven record: `topic/partition/offset` of the event's first record."""
EVENT_TIME = "notice.event-time"
"""On a redriven record: Kafka's timestamp of the event as it came first, milliseconds since the epoch. It counts as the
event's time where CloudEvents names none, so that what is too late stays too late."""
KEY_ROUND = "notice.key-round"
"""On a redriven record whose notice the API refused for good: the round from which a new idempotency key counts. Under
the old one an API may answer with the refusal that it has kept."""
DEAD_LETTER = "notice.dead-letter"
"""On a redriven record: the position of the dead letter that it was made of."""


def is_for_another_group(headers: Headers, group: str) -> bool:
    """Whether a record was redriven for another group than `group`, which alone sends it."""
    given = dict(headers)
    return REDRIVES in given and given.get(GROUP) != group.encode()


OF_THE_EVENT = frozenset({REDRIVES, ONLY_RULE, EVENT_IDENTITY, FIRST_POSITION, EVENT_TIME, KEY_ROUND})
"""What a redriven record hands on to its dead letter, should it fail again."""

"""The headers of dead letters and of redriven records."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.model.event import Headers

PREFIX = "notice."
"""Prefix of the headers that the service adds; the original's headers are kept unchanged."""

OUTCOME_ID = "notice.outcome-id"
KIND = "notice.kind"
REASON = "notice.reason"
RULE = "notice.rule"
ITEM = "notice.item"
PAUSE = "notice.pause"
REFERENCE = "notice.reference"
DETAIL = "notice.detail"
ATTEMPTS = "notice.attempts"
FAILED_AT = "notice.failed-at"
GROUP = "notice.group"
CLUSTER_ID = "notice.cluster-id"
TOPIC_ID = "notice.topic-id"
SOURCE_TOPIC = "notice.source-topic"
SOURCE_PARTITION = "notice.source-partition"
SOURCE_OFFSET = "notice.source-offset"
SOURCE_TIME = "notice.source-time"
LEFT_OUT = "notice.left-out"
REDRIVES = "notice.redrives"
ONLY_RULE = "notice.only-rule"
ONLY_ITEM = "notice.only-item"
EVENT_IDENTITY = "notice.event-identity"
FIRST_POSITION = "notice.first-position"
EVENT_TIME = "notice.event-time"
KEY_ROUND = "notice.key-round"
DEAD_LETTER = "notice.dead-letter"

MEANINGS: Mapping[str, str] = {
    OUTCOME_ID: "Id of the outcome that the letter belongs to.",
    KIND: "The outcome's kind.",
    REASON: "The outcome's reason.",
    RULE: "The rule; empty where the record could not be decoded.",
    ITEM: (
        "Position of the item in the list of the rule's `for_each`, from 0; absent if the rule makes one message of an "
        "event, or if the list itself was refused."
    ),
    PAUSE: "What was paused, such as `rule coupon-issued`; present if a pause suppressed the notice.",
    REFERENCE: "The business key that the rule names, in the form that outcomes have it; absent without one.",
    DETAIL: "An explanation for people; never a rendered text or a secret.",
    ATTEMPTS: "Requests that were made and counted.",
    FAILED_AT: "When the outcome was decided: RFC 3339, UTC.",
    GROUP: "The consumer group of the letter. Services and redrives of other groups ignore it.",
    CLUSTER_ID: "Id of the Kafka cluster of the source (KIP-78); absent if the broker has none.",
    TOPIC_ID: "Id of the source topic (KIP-516); absent if the broker has none.",
    SOURCE_TOPIC: "Topic of the original record.",
    SOURCE_PARTITION: "Its partition.",
    SOURCE_OFFSET: "Its offset.",
    SOURCE_TIME: "Kafka's timestamp of the original, milliseconds since the epoch.",
    LEFT_OUT: (
        "`value` or `value and headers`: what was too large for the topic; the complete record remains at the source "
        "position. Absent if nothing was left out."
    ),
    REDRIVES: "How often the record was redriven; the loop guard compares it with its limit.",
    ONLY_RULE: "On a redriven record: the only rule to run; other rules already have their outcomes.",
    ONLY_ITEM: "On a redriven record: the only item of the rule's `for_each` to make a message for.",
    EVENT_IDENTITY: (
        "On a redriven record: the identity that the position of the event's first record gives. It is the event's "
        "identity if the event has none of its own, so that notice ids stay the same."
    ),
    FIRST_POSITION: "On a redriven record: `topic/partition/offset` of the event's first record.",
    EVENT_TIME: (
        "On a redriven record: Kafka's timestamp of the event's first record, milliseconds since the epoch. It is the "
        "event's time if CloudEvents gives none, so that expired notices stay expired."
    ),
    KEY_ROUND: (
        "On a redriven record whose notice the API rejected permanently: the number from which its new idempotency key "
        "is made. Under the old key an API may repeat the stored rejection."
    ),
    DEAD_LETTER: "On a redriven record: the position of the dead letter that it was made of.",
}
"""What each header says, as a text in UTF-8."""


def is_for_another_group(headers: Headers, group: str) -> bool:
    """Whether a record was redriven for a group other than `group`; only that group processes it."""
    given = dict(headers)
    return REDRIVES in given and given.get(GROUP) != group.encode()


OF_THE_EVENT = frozenset({REDRIVES, ONLY_RULE, ONLY_ITEM, EVENT_IDENTITY, FIRST_POSITION, EVENT_TIME, KEY_ROUND})
"""Headers that a redriven record passes on to its dead letter if it fails again."""

"""What outcomes mean, in plain text: for search, pages and the support desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.model.outcome import PAUSE, Because, OutcomeKind, Reason
from pipeline.phrases import phrase

CODES: Mapping[int, str] = {
    -1: phrase("the platform was busy"),
    40003: phrase("the platform does not know this recipient"),
    40013: phrase("the app id is not valid"),
    40037: phrase("the template id is not valid"),
    40039: phrase("the link is not valid"),
    43004: phrase("the customer does not follow the account"),
    43019: phrase("the customer is on the account's blocklist"),
    43101: phrase("the customer blocked the account"),
    43117: phrase("the customer got too many messages in a short time"),
    45009: phrase("the platform's quota of the day was used up"),
    45011: phrase("too many requests a minute"),
    47001: phrase("the request could not be read"),
    47003: phrase("a field of the message is not accepted"),
    48001: phrase("the account may not use this function"),
    48002: phrase("the customer switched messages off"),
    48004: phrase("the platform stopped this function for the account"),
    50002: phrase("the customer's account is restricted"),
    50005: phrase("the customer no longer follows the account"),
}
"""Codes of a reply's body, from WeChat's list of return codes; `pipeline.delivery.verdicts` decides what follows."""

_REASONS: Mapping[str, str] = {
    Reason.OK: phrase("the platform accepted it"),
    Reason.RECIPIENT: phrase("the platform does not deliver to this recipient"),
    Reason.CONTENT: phrase("the platform does not accept the text"),
    Reason.CONFIG: phrase("the platform does not accept the template or account"),
    Reason.RULE_SUSPENDED: phrase("the platform refused the rule's messages before, so that it was not tried"),
    Reason.KEY_REUSED: phrase("the platform knows its idempotency key from another message"),
    Reason.EXPIRED: phrase("its time ended before it could be sent"),
    Reason.ATTEMPTS: phrase("every attempt failed"),
    Reason.HORIZON: phrase("attempts failed until the time for retries ended"),
    Reason.AMBIGUOUS: phrase("no reply came, so that it may have been sent, and the rule does not allow a repeat"),
    Reason.EXPRESSION_FAILED: phrase("an expression of the rule failed for this event"),
    Reason.WRONG_TYPE: phrase("an expression of the rule gave a value of the wrong type"),
    Reason.FIELD_EMPTY: phrase("a field of the message is empty"),
    Reason.FIELD_LIMIT: phrase("a field of the message is longer than the channel allows"),
    Reason.RECIPIENT_EMPTY: phrase("the event names no recipient"),
    Reason.URL_REFUSED: phrase("the message's link is not valid"),
    Reason.BODY_TOO_LARGE: phrase("the message is too large"),
    Reason.TOMBSTONE: phrase("the record has no value"),
    Reason.NOT_FRAMED: phrase("the record has no schema id"),
    Reason.UNKNOWN_SCHEMA: phrase("the record's schema is not known"),
    Reason.UNSUPPORTED_SCHEMA: phrase("the record's schema cannot be used"),
    Reason.MALFORMED_AVRO: phrase("the record does not fit its Avro schema"),
    Reason.MALFORMED_JSON: phrase("the record is not valid JSON"),
    Reason.MALFORMED_CLOUDEVENT: phrase("the record is not a valid CloudEvent"),
    Reason.MALFORMED_HEADERS: phrase("the record's headers cannot be read"),
    Reason.NO_TYPE: phrase("the record names no event type"),
    Reason.SCHEMA_MISMATCH: phrase("the record does not fit the schema of its type"),
    Reason.TOO_LARGE: phrase("the record is too large"),
    Reason.SKIPPED: phrase("an operator skipped the record, which Kafka could not return"),
    Reason.INTERNAL_ERROR: phrase("the service failed on this record"),
    Reason.NO_RULE_FOR_TYPE: phrase("no rule is for events of this type"),
    Reason.NO_RULE_MATCHED: phrase("no rule matched"),
    Reason.SHADOW: phrase("the service ran as a shadow"),
    Reason.RULE_OFF: phrase("its rule was switched off or removed while it waited"),
    Reason.PAUSED: phrase("an operator paused it"),
    Reason.CAP_REACHED: phrase("the recipient got as many messages as a cap allows"),
    Reason.DUPLICATE: phrase("the recipient got a message about the same thing a short time before"),
    Reason.OPTED_OUT: phrase("the recipient opted out of such messages"),
    Reason.QUIET_HOURS: phrase("it was night or another quiet time where the recipient is"),
}

_KINDS: Mapping[str, str] = {
    OutcomeKind.ACCEPTED: phrase("sent"),
    OutcomeKind.REJECTED: phrase("refused"),
    OutcomeKind.EXPIRED: phrase("expired"),
    OutcomeKind.EXHAUSTED: phrase("given up"),
    OutcomeKind.UNKNOWN: phrase("perhaps sent"),
    OutcomeKind.UNRENDERABLE: phrase("no message could be made"),
    OutcomeKind.UNDECODABLE: phrase("the event could not be read"),
    OutcomeKind.UNMATCHED: phrase("no message"),
    OutcomeKind.SHADOWED: phrase("not sent"),
    OutcomeKind.CANCELLED: phrase("not sent"),
    OutcomeKind.SUPPRESSED: phrase("not sent"),
}
_REFUSALS: frozenset[str] = frozenset({OutcomeKind.REJECTED, OutcomeKind.EXHAUSTED})
"""Kinds that the last reply's code explains."""


def outcome_words(kind: str, reason: str, code: int | None, because: Sequence[Because] = ()) -> str:
    """Return one sentence part, such as `refused: the customer blocked the account (43101)`.

    `kind` and `reason` may be those of a later release, which are shown as they are.
    """
    given = code if kind in _REFUSALS else None
    if given is not None and given in CODES and reason != Reason.RULE_SUSPENDED:
        cause = phrase("{cause} ({code})", cause=CODES[given], code=given)
    else:
        cause = reason_words(reason)
        if given is not None:
            cause = phrase("{cause} ({code})", cause=cause, code=given)
    paused = [one.name for one in because if one.what == PAUSE and one.name]
    words = phrase("{kind}: {cause}", kind=kind_words(kind), cause=cause)
    return phrase("{words} ({pause})", words=words, pause=paused[0]) if paused else words


def kind_words(kind: str) -> str:
    """Return a kind of outcome in plain text; one of a later release as it is."""
    return _KINDS.get(kind, phrase("ended as {kind}", kind=kind))


def reason_words(reason: str) -> str:
    """Return a reason in plain text; one of a later release as it is."""
    return _REASONS.get(reason, reason)

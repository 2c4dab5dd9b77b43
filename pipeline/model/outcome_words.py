"""What outcomes mean, in plain text: for search, pages and the support desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.model.outcome import PAUSE, Because, OutcomeKind, Reason

CODES: Mapping[int, str] = {
    -1: "the platform was busy",
    40003: "the platform does not know this recipient",
    40013: "the app id is not valid",
    40037: "the template id is not valid",
    40039: "the link is not valid",
    43004: "the customer does not follow the account",
    43019: "the customer is on the account's blocklist",
    43101: "the customer blocked the account",
    43117: "the customer got too many messages in a short time",
    45009: "the platform's quota of the day was used up",
    45011: "too many requests a minute",
    47001: "the request could not be read",
    47003: "a field of the message is not accepted",
    48001: "the account may not use this function",
    48002: "the customer switched messages off",
    48004: "the platform stopped this function for the account",
    50002: "the customer's account is restricted",
    50005: "the customer no longer follows the account",
}
"""Codes of a reply's body, from WeChat's list of return codes; `pipeline.delivery.verdicts` decides what follows."""

_REASONS: Mapping[str, str] = {
    Reason.OK: "the platform accepted it",
    Reason.RECIPIENT: "the platform does not deliver to this recipient",
    Reason.CONTENT: "the platform does not accept the text",
    Reason.CONFIG: "the platform does not accept the template or account",
    Reason.RULE_SUSPENDED: "the platform refused the rule's messages before, so that it was not tried",
    Reason.KEY_REUSED: "the platform knows its idempotency key from another message",
    Reason.EXPIRED: "its time ended before it could be sent",
    Reason.ATTEMPTS: "every attempt failed",
    Reason.HORIZON: "attempts failed until the time for retries ended",
    Reason.AMBIGUOUS: "no reply came, so that it may have been sent, and the rule does not allow a repeat",
    Reason.EXPRESSION_FAILED: "an expression of the rule failed for this event",
    Reason.WRONG_TYPE: "an expression of the rule gave a value of the wrong type",
    Reason.FIELD_EMPTY: "a field of the message is empty",
    Reason.FIELD_LIMIT: "a field of the message is longer than the channel allows",
    Reason.RECIPIENT_EMPTY: "the event names no recipient",
    Reason.URL_REFUSED: "the message's link is not valid",
    Reason.BODY_TOO_LARGE: "the message is too large",
    Reason.TOMBSTONE: "the record has no value",
    Reason.NOT_FRAMED: "the record has no schema id",
    Reason.UNKNOWN_SCHEMA: "the record's schema is not known",
    Reason.UNSUPPORTED_SCHEMA: "the record's schema cannot be used",
    Reason.MALFORMED_AVRO: "the record does not fit its Avro schema",
    Reason.MALFORMED_JSON: "the record is not valid JSON",
    Reason.MALFORMED_CLOUDEVENT: "the record is not a valid CloudEvent",
    Reason.MALFORMED_HEADERS: "the record's headers cannot be read",
    Reason.NO_TYPE: "the record names no event type",
    Reason.SCHEMA_MISMATCH: "the record does not fit the schema of its type",
    Reason.TOO_LARGE: "the record is too large",
    Reason.SKIPPED: "an operator skipped the record, which Kafka could not return",
    Reason.INTERNAL_ERROR: "the service failed on this record",
    Reason.NO_RULE_FOR_TYPE: "no rule is for events of this type",
    Reason.NO_RULE_MATCHED: "no rule matched",
    Reason.SHADOW: "the service ran as a shadow",
    Reason.RULE_OFF: "its rule was switched off or removed while it waited",
    Reason.PAUSED: "an operator paused it",
    Reason.CAP_REACHED: "the recipient got as many messages as a cap allows",
    Reason.DUPLICATE: "the recipient got a message about the same thing a short time before",
    Reason.OPTED_OUT: "the recipient opted out of such messages",
    Reason.QUIET_HOURS: "it was night or another quiet time where the recipient is",
}

_KINDS: Mapping[str, str] = {
    OutcomeKind.ACCEPTED: "sent",
    OutcomeKind.REJECTED: "refused",
    OutcomeKind.EXPIRED: "expired",
    OutcomeKind.EXHAUSTED: "given up",
    OutcomeKind.UNKNOWN: "perhaps sent",
    OutcomeKind.UNRENDERABLE: "no message could be made",
    OutcomeKind.UNDECODABLE: "the event could not be read",
    OutcomeKind.UNMATCHED: "no message",
    OutcomeKind.SHADOWED: "not sent",
    OutcomeKind.CANCELLED: "not sent",
    OutcomeKind.SUPPRESSED: "not sent",
}
_REFUSALS: frozenset[str] = frozenset({OutcomeKind.REJECTED, OutcomeKind.EXHAUSTED})
"""Kinds that the last reply's code explains."""


def outcome_words(kind: str, reason: str, code: int | None, because: Sequence[Because] = ()) -> str:
    """Return one sentence part, such as `refused: the customer blocked the account (43101)`.

    `kind` and `reason` may be those of a later release, which are shown as they are.
    """
    given = code if kind in _REFUSALS else None
    if given is not None and given in CODES and reason != Reason.RULE_SUSPENDED:
        cause = f"{CODES[given]} ({given})"
    else:
        cause = reason_words(reason) + (f" ({given})" if given is not None else "")
    paused = [one.name for one in because if one.what == PAUSE and one.name]
    return f"{kind_words(kind)}: {cause}" + (f" ({paused[0]})" if paused else "")


def kind_words(kind: str) -> str:
    """Return a kind of outcome in plain text; one of a later release as it is."""
    return _KINDS.get(kind, f"ended as {kind}")


def reason_words(reason: str) -> str:
    """Return a reason in plain text; one of a later release as it is."""
    return _REASONS.get(reason, reason)

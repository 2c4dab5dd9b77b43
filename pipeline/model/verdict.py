"""What a reply means: the closed vocabulary of verdicts."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The meaning of one attempt's reply; the table in `pipeline.delivery.verdicts` assigns it."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    """Transient: try again with backoff."""
    THROTTLED = "throttled"
    """Too fast: retry after Retry-After, and send less."""
    THROTTLED_RECIPIENT = "throttled_recipient"
    """Too fast for this one recipient: only their lane waits."""
    QUOTA_SPENT = "quota_spent"
    """The daily quota is used up: only probes are sent."""
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a verdict, not a secret
    """The token is refused: get another, repeat, and do not count the attempt."""
    UNAUTHORISED = "unauthorised"
    """The API refuses the account: stop sending and page an operator. Nothing is dropped."""
    REJECTED_RECIPIENT = "rejected_recipient"
    REJECTED_CONTENT = "rejected_content"
    REJECTED_CONFIG = "rejected_config"
    """The template or account is misconfigured: every notice of this rule would fail the same way."""
    AMBIGUOUS = "ambiguous"
    """The API may have processed the request; only the same idempotency key makes a repeat harmless."""
    IN_PROGRESS = "in_progress"
    """The first request with the idempotency key is still being processed: try again later."""
    SHADOWED = "shadowed"
    """No request was made because the service runs as a shadow. No API reply has this verdict."""
    KEY_REUSED = "key_reused"
    """The idempotency key was used with another body: a fault of this service, never sent again."""


ACCEPTED = Verdict.ACCEPTED
"""For the hot path: CPython 3.11 searches for an enum's member, 70 ns each time (docs/decisions/hot-path.md)."""

"""The reply to one attempt, before the verdict table classifies it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Fault(StrEnum):
    """A fault without an HTTP reply, or in one."""

    CONNECT = "connect"
    """No connection: refused, unresolved, TLS failed, connect timeout. The request did not leave."""
    TIMEOUT = "timeout"
    """No complete reply in time after the request may have left."""
    RESET = "reset"
    """The connection broke after the request may have left."""
    BODY_INVALID = "body_invalid"
    """The reply's body has no usable code."""
    BODY_TOO_LARGE = "body_too_large"
    BODY_CUT_SHORT = "body_cut_short"
    REDIRECT = "redirect"
    """A redirect, which is never followed."""
    WITHHELD = "withheld"
    """No request was made: the service runs as a shadow."""


class Reply(NamedTuple):
    """The answer to one attempt: a status and a body code, or a fault, or both."""

    status: int | None = None
    """HTTP status; None without a reply."""
    code: int | str | None = None
    """The body's code; None if it has none. A text for APIs whose codes are not numbers."""
    fault: Fault | None = None
    retry_after: str | None = None
    """The header `Retry-After` (RFC 9110, section 10.2.3: seconds or a date), unchanged."""
    detail: str = ""
    """First bytes of an unreadable body, the API's own message, or the fault's. No secrets."""
    names_key: bool = False
    """Whether a reply with status 422 mentions the idempotency key (IETF draft `Idempotency-Key`, section 2.7)."""

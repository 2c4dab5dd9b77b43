"""What one attempt brought back, before anybody judges it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Fault(StrEnum):
    """What went wrong instead of, or after, an HTTP reply."""

    CONNECT = "connect"
    """No connection: refused, unresolved, TLS failed, connect timeout. The request did not leave."""
    TIMEOUT = "timeout"
    """No complete reply in time after the request may have left."""
    RESET = "reset"
    """The connection broke after the request may have left."""
    BODY_INVALID = "body_invalid"
    """A reply came whose body is no JSON object with an integer `code`."""
    BODY_TOO_LARGE = "body_too_large"
    BODY_CUT_SHORT = "body_cut_short"
    REDIRECT = "redirect"
    """A redirect, which is never followed."""
    WITHHELD = "withheld"
    """Nothing was asked: the service runs as a shadow."""

    @property
    def request_may_have_arrived(self) -> bool:
        """Whether the API may have acted on the request although we do not know its reply."""
        return self in _MAY_HAVE_ARRIVED


_MAY_HAVE_ARRIVED = frozenset({Fault.TIMEOUT, Fault.RESET, Fault.BODY_CUT_SHORT})


class Reply(NamedTuple):
    """The answer to one attempt: a status and a body code, or a fault, or both."""

    status: int | None = None
    """HTTP status; None where no reply came."""
    code: int | None = None
    """The body's `code`; None where the body had none that is an integer."""
    fault: Fault | None = None
    retry_after: str | None = None
    """The header `Retry-After` as it stood (RFC 9110, section 10.2.3: seconds or a date)."""
    detail: str = ""
    """First bytes of an unreadable body, the API's own message, or the fault's words. No secrets."""

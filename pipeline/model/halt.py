"""The reasons why sending is halted."""

from __future__ import annotations

from enum import StrEnum


class Halt(StrEnum):
    """A closed vocabulary, shared by readiness, the label of a metric and the alerts."""

    BREAKER_OPEN = "breaker_open"
    """The API as a whole fails."""
    UNAUTHORISED = "unauthorised"
    """The API refuses this service, not one message."""
    QUOTA = "quota"
    """The daily quota is used up."""
    TOKEN_UNAVAILABLE = "token_unavailable"  # noqa: S105 - a reason, not a secret
    """The token source gives no token."""
    PAUSED = "paused"
    """An operator has paused everything."""
    UNKNOWN_CODE = "unknown_code"
    """Several recipients in a row got one code that the verdict table does not name."""

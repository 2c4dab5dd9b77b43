"""Why nothing is sent at the moment."""

from __future__ import annotations

from enum import StrEnum


class Halt(StrEnum):
    """A closed vocabulary: readiness, a metric's label and an alert each speak of these."""

    BREAKER_OPEN = "breaker_open"
    UNAUTHORISED = "unauthorised"
    QUOTA = "quota"

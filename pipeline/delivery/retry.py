"""When a notice is tried again: full jitter, not before Retry-After, within its bounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from pipeline.delivery.policy import RetrySettings
from pipeline.model.outcome import Reason

LONGEST_HEADER = 64
"""Characters; an HTTP date has 29."""


def backoff(settings: RetrySettings, failures: int, rng: Callable[[], float]) -> float:
    """Seconds to wait after `failures` failed attempts: uniform in [0, base × 2^(failures - 1)], capped.

    "Full jitter" of the AWS Architecture Blog's comparison of backoff strategies: of those with the same number of
    calls it spreads them the most.
    """
    ceiling = min(settings.cap_seconds, settings.base_seconds * 2.0 ** min(failures - 1, 60))
    return ceiling * rng()


def retry_after(header: str | None, now: float, longest: float) -> float | None:
    """Seconds to wait according to the header `Retry-After`; None if it is missing or malformed.

    Both forms of RFC 9110, section 10.2.3: a number of seconds, and a date. A date in the past gives 0. The result is
    at most `longest`, so that a faulty header cannot stop sending for a year.
    """
    if header is None or len(header) > LONGEST_HEADER:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), longest)
    try:
        date = parsedate_to_datetime(text)
        # HTTP dates are GMT; a date without a zone must not be read in the zone of this machine.
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(max(seconds, 0.0), longest)


def exhausted(settings: RetrySettings, attempts: int, seconds: float) -> Reason | None:
    """Why a notice must not be tried again after `attempts`, `seconds` after the first; None if it may."""
    if attempts >= settings.max_attempts:
        return Reason.ATTEMPTS
    if seconds >= settings.horizon_seconds:
        return Reason.HORIZON
    return None

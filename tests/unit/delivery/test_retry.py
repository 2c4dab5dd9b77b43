"""When a notice is tried again."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from pipeline.delivery.policy import RetrySettings
from pipeline.delivery.retry import backoff, exhausted, retry_after
from pipeline.model.outcome import Reason

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110."""
SETTINGS = RetrySettings()


@pytest.mark.parametrize(
    ("failures", "ceiling"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1_000, 60), (10**9, 60)]
)
def test_backoff_is_full_jitter_under_a_doubling_ceiling(failures: int, ceiling: float) -> None:
    """The wait is a random share of a ceiling that doubles up to the cap, however many failures."""
    assert backoff(SETTINGS, failures, lambda: 0.0) == 0
    assert backoff(SETTINGS, failures, lambda: 0.5) == ceiling / 2
    assert backoff(SETTINGS, failures, lambda: 0.999) == pytest.approx(ceiling * 0.999)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("900", 900),
        ("901", 900),
        ("9" * 64, 900),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 09:49:47 +0100", 10),
        ("Sun, 06 Nov 1994 08:49:47 -0000", 10),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sun, 06 Nov 1993 08:49:37 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 900),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float) -> None:
    """Seconds and dates (three spellings) are understood; past is now, far is the longest allowed."""
    assert retry_after(header, NOW, 900) == seconds


def test_a_date_without_a_zone_is_greenwich_wherever_we_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-0000` names no zone; read in this machine's, it would be hours off."""
    try:
        with monkeypatch.context() as patched:
            patched.setenv("TZ", "Asia/Shanghai")
            time.tzset()
            assert retry_after("Sun, 06 Nov 1994 08:49:47 -0000", NOW, 900) == 10
    finally:
        time.tzset()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        "soon",
        "-1",
        "+5",
        "1.5",
        "1e3",
        "0x10",
        "NaN",
        "inf",
        "１２",
        "²",
        "12 34",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:61:61 GMT",
        "GMT",
        ",,,,",
        "\x00",
        "1" * 65,
        "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 100,
        "Sun, 06 Nov 1994 08:49:37 +99999",
    ],
)
def test_a_hostile_retry_after_is_as_none(header: str | None) -> None:
    """What is neither seconds nor a date is ignored, and never an error."""
    assert retry_after(header, NOW, 900) is None


def test_a_notice_is_given_up_at_its_attempts_or_its_horizon() -> None:
    """Both bounds hold, each by its own name; just below either it continues."""
    settings = RetrySettings(max_attempts=3, horizon_seconds=100)
    assert exhausted(settings, 2, 99.9) is None
    assert exhausted(settings, 3, 0) is Reason.ATTEMPTS
    assert exhausted(settings, 1, 100) is Reason.HORIZON


def test_a_cap_below_the_base_is_refused() -> None:
    """Settings that contradict themselves are an error."""
    with pytest.raises(ValidationError, match="cap_seconds"):
        RetrySettings(base_seconds=10, cap_seconds=5)

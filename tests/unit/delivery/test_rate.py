"""Fixed limits per second and per day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from pipeline.delivery.policy import RateSettings
from pipeline.delivery.rate import RateLimit, day_began
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 24, 12, tzinfo=SHANGHAI).timestamp()
MIDNIGHT = datetime(2026, 11, 25, tzinfo=SHANGHAI).timestamp()


def rate(now: float = NOON, **changes: object) -> RateLimit:
    return RateLimit(RateSettings.model_validate(changes), now)


def sent_within(subject: RateLimit, begin: float, seconds: float) -> int:
    """How many leave if each leaves as soon as it may."""
    now, count = begin, 0
    while now < begin + seconds:
        blocked = subject.blocked_until(now)
        if blocked is None:
            subject.sent(1)
            count += 1
        else:
            now = max(blocked, now + 1e-6)
    return count


def test_without_settings_nothing_is_limited() -> None:
    """A thousand leave at the same time."""
    subject = rate()
    assert subject.unlimited
    for _ in range(1_000):
        assert subject.blocked_until(NOON) is None
        subject.sent(1)


@pytest.mark.parametrize("per_second", [0.5, 1, 7, 100, 1_000])
def test_no_more_than_the_rate_leave_in_ten_seconds(per_second: float) -> None:
    """The rate is used fully, and exceeded by one small burst only."""
    sent = sent_within(rate(per_second=per_second), NOON, 10)
    assert per_second * 10 - 1 <= sent <= per_second * 10 + max(1, per_second * 0.1) + 1


def test_a_long_pause_saves_up_only_a_small_burst() -> None:
    """After an idle hour no second exceeds its rate by more than a tenth."""
    subject = rate(per_second=100)
    assert sent_within(subject, NOON + 3_600, 1) <= 111


def test_the_days_quota_ends_at_midnight_in_its_zone() -> None:
    """Once it is used up, nothing leaves until the next day begins there; then the count starts at zero."""
    subject = rate(per_day=2)
    for _ in range(2):
        assert subject.blocked_until(NOON) is None
        subject.sent(1)
    assert subject.blocked_until(NOON) == MIDNIGHT
    assert subject.halt(NOON) is Halt.QUOTA
    assert subject.halt(MIDNIGHT - 1) is Halt.QUOTA
    assert subject.halt(MIDNIGHT) is None
    assert subject.blocked_until(MIDNIGHT) is None
    subject.sent(1)
    subject.sent(1)
    assert subject.blocked_until(MIDNIGHT + 10) == MIDNIGHT + 86_400


def test_what_left_before_a_restart_counts_for_the_partitions_that_the_member_owns() -> None:
    """Until midnight. What left of a partition goes with it: the members' numbers are shares of one."""
    one, other = TopicPartition("orders", 0), TopicPartition("orders", 1)
    subject = rate(per_day=10)
    subject.restore({one: 7, other: 2})
    subject.owns([one])
    assert sent_within(subject, NOON, 3_600) == 3
    assert subject.halt(NOON + 3_600) is Halt.QUOTA
    subject.owns([other])
    assert sent_within(subject, NOON + 3_600, 3_600) == 5
    subject.owns([])
    assert sent_within(subject, NOON + 7_200, 3_600) == 2
    subject.owns([one, other])
    assert subject.halt(NOON + 10_800) is Halt.QUOTA
    assert sent_within(subject, MIDNIGHT, 3_600) == 10


def test_a_day_begins_at_midnight_in_its_zone() -> None:
    """Also after a change of the clocks within the day."""
    assert day_began(NOON, "Asia/Shanghai") == MIDNIGHT - 86_400
    changed = datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert changed - day_began(changed, "Europe/Berlin") == 11 * 3_600


@pytest.mark.parametrize("step", [-7_200.0, 3_600.0, -172_800.0])
def test_the_day_ends_by_the_wall_clock_after_a_step_of_it(step: float) -> None:
    """What has left today still counts: a clock that is set must not allow the quota twice."""
    subject = rate(per_day=1)
    subject.sent(1)
    subject.correct_clock(step, NOON)
    ends = (MIDNIGHT - step - NOON) % 86_400 + NOON
    assert subject.blocked_until(NOON) == ends
    assert subject.halt(ends - 1) is Halt.QUOTA
    assert subject.blocked_until(ends) is None


@pytest.mark.parametrize("step", [-2.0, 2.0, 3_600.0])
def test_a_step_of_the_clock_after_a_quiet_midnight_finds_a_new_day(step: float) -> None:
    """Nothing was to be sent since midnight, so that no attempt has begun the day."""
    subject = rate(per_day=10)
    subject.restore({(one := TopicPartition("orders", 0)): 4})
    subject.owns([one])
    assert sent_within(subject, NOON, 3_600) == 6
    morning = MIDNIGHT + 8 * 3_600
    subject.correct_clock(step, morning)
    assert subject.halt(morning) is None
    assert sent_within(subject, morning, 3_600) == 10
    assert subject.halt(morning + 3_600) is Halt.QUOTA


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Havana", datetime(2026, 3, 8), 23),  # noqa: DTZ001 - a local day
        ("America/Havana", datetime(2026, 11, 1), 25),  # noqa: DTZ001
        ("Africa/Cairo", datetime(2026, 4, 24), 23),  # noqa: DTZ001
        ("Asia/Beirut", datetime(2026, 10, 24), 25),  # noqa: DTZ001
        ("Australia/Lord_Howe", datetime(2026, 4, 5), 24.5),  # noqa: DTZ001
    ],
)
def test_a_day_whose_midnight_the_clocks_skip_or_repeat_is_one_day(zone: str, day: datetime, hours: float) -> None:
    """Sent as fast as it may, the number leaves once in each of three days."""
    began = day_began(day.replace(hour=12, tzinfo=ZoneInfo(zone)).timestamp(), zone)
    subject = RateLimit(RateSettings(day_zone=zone, per_day=5), began)
    assert sent_within(subject, began, hours * 3_600) == 5
    assert subject.blocked_until(began + hours * 3_600 - 1) == began + hours * 3_600
    assert sent_within(subject, began + hours * 3_600, 86_400) == 5


def test_a_day_of_23_hours_ends_when_it_ends() -> None:
    """On a day when clocks change, midnight is midnight of the zone."""
    begin = datetime(2026, 3, 29, 1, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    subject = RateLimit(RateSettings(day_zone="Europe/Berlin", per_day=1), begin)
    subject.sent(1)
    assert subject.blocked_until(begin) == begin + 22 * 3_600


@pytest.mark.parametrize("zone", ["Asia/Shangai", "Asia", "", "../../etc/passwd", "/etc/passwd", "\x00", "A" * 5_000])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    """A misspelt zone is an error of the configuration, found before the first use."""
    with pytest.raises(ValidationError, match="zone"):
        RateSettings(day_zone=zone)

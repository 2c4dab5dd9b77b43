"""The adaptive limit on requests under way."""

from __future__ import annotations

import pytest

from pipeline.delivery.limit import ConcurrencyLimit
from pipeline.delivery.policy import ConcurrencySettings


def limit(maximum: int = 512, **changes: float) -> ConcurrencyLimit:
    return ConcurrencyLimit(ConcurrencySettings.model_validate(changes), maximum, 0.0)


def rounds(subject: ConcurrencyLimit, now: float, count: int, latency: float = 0.05, *, full: bool = True) -> float:
    """So many round trips of a healthy API; gives the time after them."""
    for _ in range(count):
        now += latency
        if full:
            subject.reached()
        subject.accepted(latency, now)
    return now


def test_a_healthy_api_is_at_full_speed_within_two_seconds() -> None:
    """From the start to 512 at 50 ms, and at 200 ms too."""
    for latency in (0.05, 0.2):
        subject = limit()
        rounds(subject, 0.0, int(2 / latency), latency)
        assert subject.value == 512


def test_it_starts_and_stays_within_its_bounds() -> None:
    """Never above the maximum, never below the minimum, also where the settings contradict it."""
    assert limit(8).value == 8
    assert limit(8, minimum=100).value == 8
    subject = limit(8, minimum=3)
    rounds(subject, 0.0, 50)
    assert subject.value == 8
    for step in range(200):
        subject.overloaded(100.0 + step)
    assert subject.value == 3


def test_it_grows_only_where_it_was_reached() -> None:
    """Without demand there is no evidence that more would go well."""
    subject = limit()
    rounds(subject, 0.0, 50, full=False)
    assert subject.value == 64


def test_overload_takes_a_tenth_once_per_round_trip() -> None:
    """A burst of throttling replies is one sign, not a hundred."""
    subject = limit()
    now = rounds(subject, 0.0, 20)
    now += 0.05
    for _ in range(100):
        subject.overloaded(now)
        subject.refused(now)
    assert subject.value == pytest.approx(512 * 0.9, abs=1)
    now += 0.05
    subject.overloaded(now)
    assert subject.value == pytest.approx(512 * 0.81, abs=1)


def test_overload_within_a_round_is_not_forgotten() -> None:
    """A sign that comes between two looks counts at the next one."""
    subject = limit()
    now = rounds(subject, 0.0, 20)
    subject.overloaded(now + 0.01)
    subject.reached()
    subject.accepted(0.05, now + 0.06)
    assert subject.value == pytest.approx(512 * 0.9, abs=1)


def test_after_an_overload_it_grows_gently() -> None:
    """The doubling ends with the first overload: from then on a hundredth per round trip."""
    subject = limit(initial=100)
    subject.accepted(0.05, 0.05)
    subject.overloaded(1.0)
    assert subject.value == 90
    rounds(subject, 1.0, 1)
    assert subject.value == 91


def test_latency_far_above_its_mean_is_overload() -> None:
    """Replies three times as slow shrink the limit although all of them are good."""
    subject = limit()
    now = rounds(subject, 0.0, 30)
    rounds(subject, now, 1, latency=0.15)
    assert subject.value == pytest.approx(512 * 0.9, abs=1)


def test_a_hiccup_of_a_steady_api_is_no_overload() -> None:
    """A fifth more than a mean without any deviation is noise."""
    subject = limit()
    now = rounds(subject, 0.0, 30)
    rounds(subject, now, 1, latency=0.06)
    assert subject.value == 512


def test_failures_teach_nothing_about_latency() -> None:
    """A refused connection comes fast; that must not make good replies look slow."""
    subject = limit()
    now = rounds(subject, 0.0, 30)
    for _ in range(50):
        now += 0.05
        subject.refused(now)
    rounds(subject, now, 3)
    assert subject.value == 512


def test_after_an_outage_it_begins_from_the_least_and_doubles() -> None:
    """No one is met by a herd: 1, 2, 4, 8."""
    subject = limit()
    now = rounds(subject, 0.0, 30)
    subject.restart()
    seen = [subject.value]
    for _ in range(4):
        now = rounds(subject, now + 1.0, 1)
        seen.append(subject.value)
    assert seen == [1, 2, 4, 8, 16]

"""Rules that the API refuses."""

from __future__ import annotations

from pipeline.delivery.policy import SuspensionSettings
from pipeline.delivery.stops.suspension import Suspensions


def suspended() -> Suspensions:
    subject = Suspensions(SuspensionSettings(probe_seconds=60))
    subject.suspend("paid", 0.0)
    return subject


def test_only_the_refused_rule_is_suspended() -> None:
    """Other rules continue."""
    subject = suspended()
    assert subject.refuses("paid", 1, 1.0)
    assert not subject.refuses("shipped", 2, 1.0)
    assert subject.rules == {"paid": 0.0}


def test_one_probe_leaves_in_each_interval() -> None:
    """At 60 s one notice may leave, the next at 120 s; the probe itself may be repeated between."""
    subject = suspended()
    assert subject.refuses("paid", 1, 59.9)
    assert not subject.refuses("paid", 2, 60.0)
    assert subject.refuses("paid", 3, 60.0)
    assert not subject.refuses("paid", 2, 70.0)
    assert subject.refuses("paid", 3, 119.9)
    assert not subject.refuses("paid", 4, 120.0)


def test_it_is_reported_since_the_first_refusal() -> None:
    """A probe that is refused again does not begin the count again."""
    subject = suspended()
    subject.suspend("paid", 60.0)
    assert subject.rules == {"paid": 0.0}
    assert subject.refuses("paid", 1, 119.0)


def test_an_accepted_notice_lifts_it() -> None:
    """The rule is as before."""
    subject = suspended()
    subject.lift("paid")
    assert not subject.refuses("paid", 1, 1.0)
    assert subject.rules == {}


def test_it_can_be_switched_off() -> None:
    """Then each notice is tried and refused on its own."""
    subject = Suspensions(SuspensionSettings(enabled=False))
    subject.suspend("paid", 0.0)
    assert not subject.refuses("paid", 1, 1.0)

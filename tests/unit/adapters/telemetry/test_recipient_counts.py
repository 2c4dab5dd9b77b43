"""The recipient with the most notices of late is seen, whatever the number of recipients."""

from __future__ import annotations

from pipeline.adapters.telemetry.recipient_counts import MASK, SLOTS, WINDOW_SECONDS, RecipientCounts


def send(counts: RecipientCounts, recipient: str, notices: int = 1) -> None:
    """Count so many notices."""
    for _ in range(notices):
        counts.slots[hash(recipient) & MASK] += 1


def test_a_storm_to_one_recipient_stands_out_of_thousands() -> None:
    """At once, and until the window after it has ended."""
    counts = RecipientCounts()
    assert counts.most(0.0) == 0
    for number in range(10_000):
        send(counts, f"r{number}")
    usual = counts.most(10.0)
    assert 1 <= usual < 10
    send(counts, "r1", 60)
    assert 60 <= counts.most(20.0) <= 60 + usual
    assert counts.most(WINDOW_SECONDS) >= 60
    assert counts.most(WINDOW_SECONDS + 1) >= 60
    assert counts.most(2 * WINDOW_SECONDS) == 0


def test_a_window_that_lasted_too_long_counts_for_a_part() -> None:
    """No one scraped for an hour: twelve windows."""
    counts = RecipientCounts()
    counts.most(0.0)
    send(counts, "r1", 120)
    assert counts.most(12 * WINDOW_SECONDS) == 10
    assert counts.slots == [0] * SLOTS

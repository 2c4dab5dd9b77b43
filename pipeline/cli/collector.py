"""How often Python's cycle collector runs."""

from __future__ import annotations

import gc

COLLECT_AFTER = (10_000, 20, 20)
"""Thresholds of the collector. Thousands of notices, or the trees of thousands of rules, are held at a time, and none
is part of a cycle (a test checks it for notices). With the default thresholds the scans take 35 of 240 µs a notice
(docs/decisions/hot-path.md), and 9 % of the check of 3,000 rules."""


def collect_rarely() -> None:
    """Use these thresholds from now on."""
    gc.set_threshold(*COLLECT_AFTER)

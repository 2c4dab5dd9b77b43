"""Findings between events: a notice accepted at two of them, or a recipient's later event sent first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from pipeline.operations.audit.rows import Row

_NEVER = -(1 << 63)
"""Before every timestamp."""


def twice(rows: Iterable[Row]) -> Iterator[tuple[int, int]]:
    """From ordered (notice, location) rows, yield each location of a notice after the first, with the first."""
    for _, group in groupby(rows, itemgetter(0)):
        first = before = -1
        for _, row_location in group:
            location = int(row_location)
            if first < 0:
                first = location
            elif location != before:  # two at one position are reported as a duplicate
                yield location, first
            before = location


def out_of_order(rows: Iterable[Row]) -> Iterator[tuple[int, int, int]]:
    """From ordered (recipient, location, milliseconds), yield a location, an earlier one sent later, and the delay."""
    for _, group in groupby(rows, itemgetter(0)):
        # The latest first attempt of an earlier event, and that of the event at hand.
        latest, at = _NEVER, -1
        newest, newest_at = _NEVER, -1
        for _, row_location, row_attempted in group:
            location, attempted = int(row_location), int(row_attempted)
            if location != newest_at:
                if newest > latest:
                    latest, at = newest, newest_at
                newest, newest_at = attempted, location
            newest = max(newest, attempted)
            if attempted < latest:
                yield location, at, latest - attempted

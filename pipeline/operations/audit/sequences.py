"""What only shows between events: a notice accepted at two of them, a recipient's later one sent first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from pipeline.operations.audit.rows import Row

_NEVER = -(1 << 63)
"""Before every time."""


def twice(rows: Iterable[Row]) -> Iterator[tuple[int, int]]:
    """Of ordered (notice, place): each place of a notice but its first, and that first one."""
    for _, group in groupby(rows, itemgetter(0)):
        first = before = -1
        for _, row_place in group:
            location = int(row_place)
            if first < 0:
                first = location
            elif location != before:  # two at one position are reported as a duplicate
                yield location, first
            before = location


def out_of_order(rows: Iterable[Row]) -> Iterator[tuple[int, int, int]]:
    """Of ordered (recipient in a partition, place, milliseconds): a place, an earlier one sent later, by how much."""
    for _, group in groupby(rows, itemgetter(0)):
        # The latest first attempt of an earlier event, and that of the event at hand.
        latest, at = _NEVER, -1
        newest, newest_at = _NEVER, -1
        for _, row_place, row_attempted in group:
            location, attempted = int(row_place), int(row_attempted)
            if location != newest_at:
                if newest > latest:
                    latest, at = newest, newest_at
                newest, newest_at = attempted, location
            newest = max(newest, attempted)
            if attempted < latest:
                yield location, at, latest - attempted

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
    """From ordered (recipient, place, milliseconds, location), yield a location, an earlier one sent later, the delay.

    Places are in the order in which first attempts must be.
    """
    for _, group in groupby(rows, itemgetter(0)):
        # The latest first attempt of an earlier place, and that of the place at hand.
        latest, at = _NEVER, -1
        newest, newest_at, newest_place = _NEVER, -1, -1
        for _, row_place, row_attempted, row_location in group:
            place, attempted, location = int(row_place), int(row_attempted), int(row_location)
            if place != newest_place:
                if newest > latest:
                    latest, at = newest, newest_at
                newest, newest_at, newest_place = attempted, location, place
            newest = max(newest, attempted)
            if attempted < latest:
                yield location, at, latest - attempted

"""Rows come back in order, whatever was put in, from memory or from disk; a full disk is reported clearly."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pipeline.adapters.operations.sorted_rows import CACHE_KBYTES, SortedRows
from pipeline.errors import UserError
from pipeline.operations.audit.rows import MakeRows, Row
from tests.fakes.memory_rows import MemoryRows

numbers = some.integers(-(2**63), 2**63 - 1)
texts = some.text(some.characters(codec="utf-8"), max_size=40)


@pytest.mark.parametrize("make", [SortedRows, MemoryRows])
@given(rows=some.lists(some.tuples(numbers, some.integers(0, 3), texts)))
@settings(max_examples=settings().max_examples // 2)
def test_they_come_back_in_order(make: MakeRows, rows: list[Row]) -> None:
    """By the first value, then the second, then the third; rows that are equal stay as many as they were."""
    kept = make(3)
    for row in rows:
        kept.add(*row)
    assert len(kept) == len(rows)
    assert list(kept.in_order()) == sorted(rows)


def _many(rows: SortedRows, count: int) -> None:
    for number in range(count):
        rows.add(number * 7_919 % count, "x" * 50)


def test_more_than_is_kept_in_memory_comes_back_in_order() -> None:
    """Some of it was on the disk: it is three times what the cache holds."""
    count = CACHE_KBYTES * 1_024 * 3 // 50
    with SortedRows(2) as rows:
        _many(rows, count)
        assert [row[0] for row in rows.in_order()] == list(range(count))


@contextmanager
def _full_disk() -> Iterator[None]:
    """For this process's files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("full", ["while rows are stored", "while they are sorted"])
def test_a_full_disk_is_reported_clearly(full: str) -> None:
    """With where to make room."""
    count = CACHE_KBYTES * 1_024 * 2 // 50
    with SortedRows(2) as rows, ExitStack() as disk:
        if full == "while they are sorted":
            _many(rows, count)
        reported = disk.enter_context(pytest.raises(UserError, match="cannot be stored"))
        disk.enter_context(_full_disk())
        if full == "while rows are stored":
            _many(rows, count)
        list(rows.in_order())
    assert "TMPDIR" in (reported.value.hint or "")

"""The pointer into the ledger, as it stands in a commit's metadata."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import pointer
from pipeline.delivery.pointer import Unusable
from pipeline.model.ledger import LedgerPosition

GOOD = pointer.write(LedgerPosition(7, 123_456))


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))
def test_what_is_written_is_read(partition: int, offset: int) -> None:
    """Any position survives, in at most 64 ASCII characters."""
    text = pointer.write(LedgerPosition(partition, offset))
    assert text.isascii()
    assert len(text) <= pointer.MAX_LENGTH
    assert pointer.read(text) == LedgerPosition(partition, offset)


@pytest.mark.parametrize("empty", [None, ""])
def test_no_metadata_is_no_pointer(empty: str | None) -> None:
    """A commit by somebody who writes none is no fault."""
    assert pointer.read(empty) is None


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_one_changed_character_is_never_another_position(index: int, character: str) -> None:
    """A damaged pointer is noticed, wherever the damage is."""
    damaged = GOOD[:index] + character + GOOD[index + 1 :]
    found = pointer.read(damaged)
    assert found == LedgerPosition(7, 123_456) if damaged == GOOD else isinstance(found, Unusable)


@pytest.mark.parametrize("length", range(1, len(GOOD)))
def test_a_pointer_cut_short_is_noticed(length: int) -> None:
    """No beginning of a pointer is a pointer."""
    assert pointer.read(GOOD[:length]) is Unusable.DAMAGED


@pytest.mark.parametrize(
    "metadata",
    ["x", "np1", "np1:::", "np1:-1:5:00000000", "np1:01:5:00000000", GOOD + "\n", GOOD + " ", "9" * 5_000, "\x00"],
)
def test_strange_metadata_is_damaged(metadata: str) -> None:
    """Whatever else stands there is refused without an error."""
    assert pointer.read(metadata) is Unusable.DAMAGED


def test_a_newer_version_is_told_apart_from_damage() -> None:
    """After a downgrade the words in the log are the right ones."""
    assert pointer.read("np2:7:123456:deadbeef") is Unusable.UNKNOWN_VERSION
    assert pointer.read("np10:whatever") is Unusable.UNKNOWN_VERSION

"""The pointer into the ledger, as it is in a commit's metadata."""

from __future__ import annotations

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import pointer
from pipeline.delivery.pointer import Pointer, Unusable
from pipeline.model.ledger import LedgerPosition

ID = "oWk4chtyThyfGjlNjuy9ew"
GOOD = pointer.write(LedgerPosition(7, 123_456), ID, "ledger")


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))
def test_what_is_written_is_read(partition: int, offset: int) -> None:
    """Any position survives, in at most 255 ASCII characters."""
    text = pointer.write(LedgerPosition(partition, offset), ID)
    assert text.isascii()
    assert len(text) <= pointer.MAX_LENGTH
    assert pointer.read(text) == Pointer(LedgerPosition(partition, offset), ID, None)


@pytest.mark.parametrize("empty", [None, ""])
def test_no_metadata_is_no_pointer(empty: str | None) -> None:
    """A commit by someone who writes none is not a fault."""
    assert pointer.read(empty) is None


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_one_changed_character_is_never_another_position(index: int, character: str) -> None:
    """A damaged pointer is noticed, wherever the damage is."""
    damaged = GOOD[:index] + character + GOOD[index + 1 :]
    found = pointer.read(damaged)
    assert (
        found == Pointer(LedgerPosition(7, 123_456), ID, "ledger") if damaged == GOOD else isinstance(found, Unusable)
    )


@pytest.mark.parametrize("length", range(1, len(GOOD)))
def test_a_pointer_cut_short_is_noticed(length: int) -> None:
    """No beginning of a pointer is a pointer."""
    assert pointer.read(GOOD[:length]) is Unusable.DAMAGED


@pytest.mark.parametrize(
    "metadata",
    ["x", "np1", "np1:::", "np1:-1:5:00000000", "np1:01:5:00000000", GOOD + "\n", GOOD + " ", "9" * 5_000, "\x00"],
)
def test_strange_metadata_is_damaged(metadata: str) -> None:
    """Whatever else is there is refused without an error."""
    assert pointer.read(metadata) is Unusable.DAMAGED


def test_a_newer_version_is_distinguished_from_damage() -> None:
    """After a downgrade the log names the right cause."""
    assert pointer.read("np3;offset=7;crc=deadbeef") is Unusable.UNKNOWN_VERSION
    assert pointer.read("np10:whatever") is Unusable.UNKNOWN_VERSION


def test_the_format_of_0_1_0_is_recognised() -> None:
    """It is refused, and not taken for damage: its ids and keys are others."""
    assert pointer.read("np1:3:17:0badc0de") is Unusable.UNRELEASED


def test_unknown_fields_are_ignored() -> None:
    """A later release of the same version may add fields, anywhere before the checksum."""
    text = "np2;partition=7;weather=99;topic=T;offset=123;more="
    found = pointer.read(f"{text};crc={binascii.crc32(text.encode()):08x}")
    assert found == Pointer(LedgerPosition(7, 123), "T", None)


def test_a_pointer_without_its_position_is_damaged() -> None:
    """Whatever else it holds."""
    text = "np2;topic=T;offset=123"
    assert pointer.read(f"{text};crc={binascii.crc32(text.encode()):08x}") is Unusable.DAMAGED


def test_events_that_retention_deleted_are_carried_beside_the_position() -> None:
    """The newest replaces what the metadata held; a release that does not know the field ignores it."""
    plain = pointer.write(LedgerPosition(2, 1_042), "t" * 22, "l" * 22)
    once = pointer.with_gone(plain, pointer.Gone(120, 5_788, 5_669))
    both = pointer.Gone(120, 5_788, 5_669).followed_by(pointer.Gone(6_000, 6_009, 10))
    twice = pointer.with_gone(once, both)
    assert pointer.read(once) == pointer.Pointer(
        LedgerPosition(2, 1_042), "t" * 22, "l" * 22, pointer.Gone(120, 5_788, 5_669)
    )
    found = pointer.read(twice)
    assert isinstance(found, pointer.Pointer)
    assert found.gone == (120, 6_009, 5_679)
    longest = pointer.with_gone(
        pointer.write(LedgerPosition(2**31, 2**63), "t" * 22, "l" * 22), pointer.Gone(2**63, 2**63, 2**63)
    )
    assert len(longest) <= pointer.MAX_LENGTH


@pytest.mark.parametrize("metadata", ["", "of another tool", "np2;broken"])
def test_other_metadata_is_left_as_it_is(metadata: str) -> None:
    """It says what it said."""
    assert pointer.with_gone(metadata, pointer.Gone(1, 2, 2)) == metadata

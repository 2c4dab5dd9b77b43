"""The records of recipient care, and what a new owner makes of them."""

from __future__ import annotations

import pytest

from pipeline.care.preferences import Preferences
from pipeline.care.recipient import Recipient
from pipeline.care.record import (
    ABOUT,
    RECIPIENT,
    About,
    about,
    read_about,
    read_key,
    read_state,
    written_about,
    written_key,
    written_state,
)
from pipeline.care.restore import Restoring
from pipeline.errors import DamagedCareState
from tests.unit.care.cares import CARE, accepted, at, facts

NOON = at("2026-11-30 12:00")
ONE, OTHER = b"writer-1", b"writer-2"


def _state(*names: str, preferences: Preferences | None = None, chosen: int = -1) -> bytes:
    known = Recipient()
    for name in names:
        known.fold(accepted(facts(name), NOON))
    if preferences is not None:
        known.choose(preferences, chosen, 0)
    return known.pack()


def _numbers(packed: bytes) -> int:
    return len(Recipient.unpack(packed).sends)


def test_keys_are_read_as_they_are_written() -> None:
    """A kind and a name, which may have a slash; other programs' keys are none."""
    assert read_key(written_key(RECIPIENT, "a/b")) == (RECIPIENT, "a/b")
    assert read_key(written_key(ABOUT)) == (ABOUT, "")
    assert read_key(b"something") is None
    assert read_key(b"\xff\xfe/") is None
    assert read_key(None) is None


def test_values_are_read_as_they_are_written() -> None:
    """Of both kinds."""
    assert read_state(written_state(ONE, b"state")) == (ONE, b"state")
    given = About("group", "f00", 64)
    assert read_about(written_about(given)) == given
    assert read_about(b'{"group": "group", "fingerprint": "f00"}') == About("group", "f00")


@pytest.mark.parametrize("raw", [b"", b"\x01short", b"\x02" + ONE + b"state"])
def test_another_form_is_damaged(raw: bytes) -> None:
    """A later release's record must not be taken for an empty state."""
    with pytest.raises(DamagedCareState):
        read_state(raw)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"group": 1}', b"\xff"])
def test_a_damaged_about_is_named(raw: bytes) -> None:
    """No other exception."""
    with pytest.raises(DamagedCareState):
        read_about(raw)


def test_another_form_of_recipients_has_another_fingerprint() -> None:
    """So that a changed hash key is noticed before all caps begin again."""
    assert about("g", lambda text: text).fingerprint != about("g", lambda text: text[::-1]).fingerprint


def test_a_writers_later_record_replaces_its_earlier_one() -> None:
    """What it has forgotten is forgotten."""
    restoring = Restoring(CARE)
    restoring.record("#ann", ONE, _state("a", "b"))
    restoring.record("#ann", ONE, _state("b"))
    restored = restoring.restored()
    assert _numbers(restored.recipients["#ann"]) == 1
    assert not restored.stale


def test_what_two_writers_know_is_merged_and_written_again() -> None:
    """Whichever came last: a process that has lost the partition may write late."""
    restoring = Restoring(CARE)
    restoring.record("#ann", ONE, _state("a", "b", preferences=Preferences(frozenset({"promotions"})), chosen=7))
    restoring.record("#ann", OTHER, _state("a", preferences=Preferences(), chosen=3))
    restored = restoring.restored()
    known = Recipient.unpack(restored.recipients["#ann"])
    assert len(known.sends) == 2
    assert known.preferences.opted_out == {"promotions"}
    assert restored.stale == {"#ann"}


def test_a_removed_record_is_nothing() -> None:
    """Also for the list of what is to be written again."""
    restoring = Restoring(CARE)
    restoring.record("#ann", ONE, _state("a", "b"))
    restoring.record("#ann", OTHER, _state("a"))
    restoring.removed("#ann", NOON + 31 * 86_400)
    assert restoring.restored() == ({}, {}, frozenset(), 0)


def test_a_late_record_without_a_value_takes_away_only_what_no_decision_can_see() -> None:
    """A process that has lost the partition may write it after the new owner's record."""
    restoring = Restoring(CARE)
    restoring.removed("#bob", NOON)
    restoring.record("#ann", ONE, _state("a"))
    restoring.removed("#ann", NOON + 60)
    restored = restoring.restored()
    assert _numbers(restored.recipients["#ann"]) == 1
    assert restored.stale == {"#ann"}


def test_a_damaged_record_is_counted_and_the_ledger_is_believed() -> None:
    """One bad record must not stop the service."""
    restoring = Restoring(CARE)
    restoring.record("#ann", ONE, b"\x07nonsense")
    restoring.outcome("#ann", accepted(facts("a"), NOON), 4)
    assert restoring.damaged == 1
    restored = restoring.restored()
    assert _numbers(restored.recipients["#ann"]) == 1
    assert restored.uncovered == {"#ann": 4}


def test_outcomes_that_the_record_has_are_not_uncovered() -> None:
    """The next owner needs them no more than this one."""
    restoring = Restoring(CARE)
    restoring.record("#ann", ONE, _state("a"))
    restoring.outcome("#ann", accepted(facts("a"), NOON), 4)
    restoring.outcome("#ann", accepted(facts("b"), NOON + 1), 9)
    restoring.outcome("#ann", accepted(facts("c"), NOON + 2), 8)
    assert restoring.restored().uncovered == {"#ann": 8}


def test_outcomes_of_urgent_categories_do_not_count() -> None:
    """As in the running service."""
    restoring = Restoring(CARE)
    restoring.outcome("#ann", accepted(facts("a", "security"), NOON), 4)
    assert restoring.restored() == ({}, {}, frozenset(), 0)

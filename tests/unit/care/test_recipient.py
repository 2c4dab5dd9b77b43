"""The state of one recipient: counted once, packed small, and never more than decisions can see."""

from __future__ import annotations

import struct
import sys
import uuid

import pytest

from pipeline.care.declaration import NO_CARE, Care
from pipeline.care.preferences import Preferences
from pipeline.care.recipient import MOST_SENDS, Accepted, Recipient, Sent, Taken, notice_number
from pipeline.errors import DamagedCareState
from pipeline.model.once import OnceUntil, once_key
from pipeline.model.outcome import OutcomeKind
from tests.fakes.outcomes import WHOLE
from tests.unit.care.cares import CARE, accepted, at, facts, recipient

NOON = at("2026-11-30 12:00")
NOON_MS = round(NOON * 1_000)


def test_an_accepted_outcome_counts_and_its_once_key_is_taken() -> None:
    """With the times that the ledger has, so that the state is the same from memory and from the ledger."""
    outcome = WHOLE._replace(kind=OutcomeKind.ACCEPTED, finished_at=NOON + 0.0004)
    counted = Accepted.of(outcome)
    assert counted == Accepted(WHOLE.id, "marketing", "order-paid", NOON_MS, (0x6338AF5D9FE4DB9D, 1_795_413_600_000))
    known = Recipient()
    assert known.fold(counted)
    assert known.sends == [Sent(NOON_MS, notice_number(WHOLE.id), "marketing", "order-paid")]
    assert known.taken == {0x6338AF5D9FE4DB9D: Taken(1_795_413_600_000, notice_number(WHOLE.id))}


@pytest.mark.parametrize("kind", OutcomeKind)
def test_what_was_sent_or_may_have_been_counts(kind: OutcomeKind) -> None:
    """An `unknown` one may have reached the customer."""
    counts = Accepted.of(WHOLE._replace(kind=kind)) is not None
    assert counts is (kind in {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN})


def test_an_outcome_without_category_and_once_changes_nothing() -> None:
    """Most outcomes, where care is not used."""
    assert Accepted.of(WHOLE._replace(kind=OutcomeKind.ACCEPTED, category=None, once=None)) is None


@pytest.mark.parametrize("key", ["", "zz", "-1", "6338AF5D9FE4DB9D", "6338af5d9fe4db9d0", "６338af5d9fe4db9"])
def test_a_key_of_another_program_is_ignored(key: str) -> None:
    """Others may write to the outcomes topic; the message still counts."""
    counted = Accepted.of(WHOLE._replace(kind=OutcomeKind.ACCEPTED, once=OnceUntil(key, NOON)))
    assert counted is not None
    assert counted.once is None


def test_a_message_that_was_sent_again_counts_once_at_the_later_time() -> None:
    """In whichever order the ledger's repetitions are read."""
    first, again = accepted(facts("n", once="a"), NOON), accepted(facts("n", once="a"), NOON + 60)
    for order in ((first, again), (again, first), (first, again, first, again)):
        known = Recipient()
        changes = [known.fold(one) for one in order]
        assert changes[0]
        assert not known.fold(again)
        assert known.sends == [Sent(NOON_MS + 60_000, notice_number("n"), "marketing", "coupon")]


def test_nothing_is_forgotten_that_a_decision_can_see() -> None:
    """The longest window here is a calendar day, which may have 26 hours."""
    known = recipient(("marketing", "old", "2026-11-29 09:59"), ("marketing", "new", "2026-11-29 10:01"))
    known.fold(accepted(facts("n", None, once="ended"), NOON - 86_400))
    known.fold(accepted(facts("n", None, once="runs"), NOON - 86_399))
    assert not known.forget(CARE, NOON)
    assert [sent.rule for sent in known.sends] == ["new"]
    assert len(known.taken) == 1


def test_a_recipient_of_whom_nothing_is_left_can_be_dropped() -> None:
    """But never one with preferences."""
    known = recipient(("marketing", "old", "2026-11-01 10:59"))
    assert known.forget(CARE, NOON)
    known.preferences = Preferences(frozenset({"promotions"}))
    assert not known.forget(CARE, NOON)


def test_without_caps_no_message_is_remembered() -> None:
    """The longest window is 0 s."""
    known = recipient(("marketing", "r", "2026-11-30 12:00"))
    assert known.forget(NO_CARE, NOON)


def test_of_very_many_messages_as_many_are_kept_as_a_cap_can_count() -> None:
    """The newest of each category; a recipient with thousands a day must not slow each decision down."""
    known = Recipient()
    for number in range(500):
        known.fold(Accepted(str(number), "transactional" if number % 5 else "marketing", "r", NOON_MS - number))
    known.forget(CARE, NOON)
    assert len(known.sends) == 2 * MOST_SENDS
    assert known.sends == sorted(known.sends)
    assert known.sends[-1].at_ms == NOON_MS
    wide = CARE.caps["everything"]._replace(at_most=90)
    more = Recipient()
    for number in range(500):
        more.fold(Accepted(str(number), "transactional", "r", NOON_MS - number))
    more.forget(Care({}, {"wide": wide}), NOON)
    assert len(more.sends) == 90


def _some() -> Recipient:
    known = Recipient()
    for number in range(4):
        name = str(uuid.UUID(int=number))
        known.fold(accepted(facts(name, "marketing" if number else "transactional", "coupon", f"v{number}"), NOON))
    known.preferences = Preferences(frozenset({"promotions", "news"}), "Asia/Tokyo", "zh-CN")
    known.cover(2**40)
    return known


def _same(one: Recipient, other: Recipient) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in Recipient.__slots__)


@pytest.mark.parametrize("known", [Recipient(), recipient(("marketing", "r", "2026-11-30 12:00")), _some()])
def test_a_packed_state_comes_back(known: Recipient) -> None:
    """Whole, and the same bytes again."""
    packed = known.pack()
    assert _same(Recipient.unpack(packed), known)
    assert Recipient.unpack(packed).pack() == packed


def test_a_recipient_with_a_few_messages_takes_less_than_250_bytes() -> None:
    """As an object of Python: four messages, two keys, preferences."""
    known = recipient(
        ("marketing", "coupon-expiring", "2026-11-30 09:12"),
        ("transactional", "parcel-shipped", "2026-11-30 09:13"),
        ("transactional", "parcel-shipped", "2026-11-30 11:13"),
        ("transactional", "order-paid", "2026-11-30 11:40"),
    )
    known.preferences = Preferences(frozenset({"promotions"}))
    assert sys.getsizeof(known.pack()) <= 250


def test_names_of_another_program_cannot_break_the_packed_state() -> None:
    """A line break separates names; UTF-8 has no lone surrogates."""
    known = Recipient()
    known.fold(Accepted("n", "a\nb", "r\ud800", NOON_MS))
    assert Recipient.unpack(known.pack()).sends == [Sent(NOON_MS, notice_number("n"), "a b", "r?")]


def test_a_packed_state_that_is_cut_short_is_damaged() -> None:
    """Wherever it is cut."""
    packed = _some().pack()
    for length in range(len(packed)):
        with pytest.raises(DamagedCareState, match="cannot be read"):
            Recipient.unpack(packed[:length])


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"text",
        struct.pack("<BBHHHHq", 2, 0, 0, 0, 0, 0, -1),
        struct.pack("<BBHHHHq", 1, 0, 1, 0, 0, 0, -1) + struct.pack("<qQHH", 0, 0, 0, 0),
        struct.pack("<BBHHHHq", 1, 0, 0, 0, 0, 0, -1) + b"more",
        struct.pack("<BBHHHHq", 1, 1, 0, 0, 0, 0, -1) + b"\xff\xff\n",
        b"\xff" * 400,
    ],
    ids=["empty", "text", "version 2", "no name", "more", "not UTF-8", "ones"],
)
def test_hostile_bytes_are_damaged(packed: bytes) -> None:
    """One named error, whatever is wrong."""
    with pytest.raises(DamagedCareState):
        Recipient.unpack(packed)


def test_the_covered_offset_only_grows() -> None:
    """An outcome that is read again moves nothing back."""
    known = Recipient()
    known.cover(7)
    known.cover(3)
    assert known.covered == 7


def test_a_once_key_is_of_its_rule() -> None:
    """Two rules with the same value do not disturb each other."""
    assert once_key("a", "b") != once_key("b", "b")
    assert once_key("a", "b") == once_key("a", "b")

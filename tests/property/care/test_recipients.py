"""A recipient's state is a fold: in any order, once or more often, packed in between or not."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.care.caps import reached
from pipeline.care.decision import End, clock_of, decide
from pipeline.care.declaration import (
    DAY,
    WEEK,
    Cap,
    Care,
    Category,
    InQuiet,
    OverCap,
    Quiet,
    QuietHours,
    Window,
)
from pipeline.care.facts import CareFacts
from pipeline.care.preferences import NO_PREFERENCES, Preferences
from pipeline.care.recipient import Accepted, Recipient, key_number, milliseconds, notice_number
from pipeline.errors import DamagedCareState
from pipeline.model.once import Once, once_key
from pipeline.model.outcome import Reason
from tests.property.care.zones import ZONES

_CATEGORIES = ("marketing", "transactional", "news")
_START = 1_795_406_400.0
_SPAN = 9 * 86_400
"""Longer than the longest window."""
_OFFSETS = st.integers(0, _SPAN * 10).map(lambda tenths: _START + tenths / 10)
_WINDOWS = st.sampled_from([DAY, WEEK]) | st.integers(1, 200_000).map(lambda seconds: Window(None, seconds))


def _number(value: str) -> int:
    number = key_number(once_key("rule", value))
    assert number is not None
    return number


_ACCEPTED = st.builds(
    Accepted,
    st.sampled_from([f"n{number}" for number in range(12)]),
    st.none() | st.sampled_from(_CATEGORIES),
    st.sampled_from(["paid", "shipped"]),
    _OFFSETS.map(milliseconds),
    st.none() | st.tuples(st.sampled_from("abc").map(_number), _OFFSETS.map(milliseconds)),
)
_PREFERENCES = st.just(NO_PREFERENCES) | st.builds(
    Preferences,
    st.frozensets(st.sampled_from(["promotions", "digests"])),
    st.none() | ZONES,
    st.none() | st.sampled_from(["zh-CN", "de"]),
)


@st.composite
def _caps(draw: st.DrawFn) -> Cap:
    most = draw(st.integers(1, 5))
    reserve = draw(st.dictionaries(st.sampled_from(_CATEGORIES), st.integers(1, 3), max_size=2))
    kept = reserve if sum(reserve.values()) < most else {}
    of = draw(st.none() | st.frozensets(st.sampled_from(_CATEGORIES), min_size=1))
    return Cap("cap", of, most, draw(_WINDOWS), kept)


_MINUTES = st.integers(0, 1_439)
_HOURS = st.builds(QuietHours, st.just("night"), _MINUTES, _MINUTES).filter(lambda hours: hours.start != hours.end)


@st.composite
def _cares(draw: st.DrawFn) -> Care:
    caps = [draw(_caps())._replace(name=f"cap-{number}") for number in range(draw(st.integers(0, 3)))]
    quiet = draw(st.none() | st.builds(Quiet, _HOURS, st.sampled_from(InQuiet)))
    categories = {
        name: Category(
            name, tuple(caps), draw(st.sampled_from(OverCap)), quiet, draw(st.sampled_from([None, "promotions"]))
        )
        for name in _CATEGORIES
    }
    return Care(categories, {cap.name: cap for cap in caps}, draw(ZONES), draw(st.booleans()))


_FACTS = st.builds(
    CareFacts,
    st.sampled_from([f"n{number}" for number in range(15)]),
    st.just("rule"),
    st.none() | st.sampled_from(_CATEGORIES),
    st.none() | st.builds(Once, st.sampled_from("abc").map(lambda value: once_key("rule", value)), st.just(3_600.0)),
)


def _folded(accepted: Sequence[Accepted], preferences: Preferences = NO_PREFERENCES) -> Recipient:
    known = Recipient()
    known.preferences = preferences
    for one in accepted:
        known.fold(one)
    return known


def _values(known: Recipient) -> tuple[object, ...]:
    return tuple([getattr(known, name) for name in Recipient.__slots__])


@given(st.lists(_ACCEPTED, max_size=12), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_state(accepted: list[Accepted], rng: random.Random) -> None:
    """The live state after replies out of order, and the one read from the ledger, are the same."""
    again = accepted * 2
    rng.shuffle(again)
    assert _values(_folded(accepted)) == _values(_folded(again))


@given(st.lists(_ACCEPTED, max_size=12), _PREFERENCES, st.integers(-1, 2**62), st.integers(0, 12))
def test_packing_in_between_changes_nothing(
    accepted: list[Accepted], preferences: Preferences, covered: int, cut: int
) -> None:
    """State, bytes, and what is folded afterwards."""
    known = _folded(accepted[:cut], preferences)
    known.cover(covered)
    packed = known.pack()
    read = Recipient.unpack(packed)
    assert _values(read) == _values(known)
    assert read.pack() == packed
    for one in accepted[cut:]:
        assert read.fold(one) == known.fold(one)
    assert _values(read) == _values(known)


@given(_cares(), st.lists(_ACCEPTED, max_size=12), _PREFERENCES, _FACTS, _OFFSETS, st.integers(0, 3 * 86_400))
def test_what_is_forgotten_changes_no_decision(
    care: Care, accepted: list[Accepted], preferences: Preferences, facts: CareFacts, now: float, later: int
) -> None:
    """From that time on, even if the ledger is read again."""
    known = _folded(accepted, preferences)
    expected = decide(care, facts, known, now + later)
    is_empty = known.forget(care, now)
    assert decide(care, facts, known, now + later) == expected
    if is_empty:
        assert decide(care, facts, Recipient(), now + later) == expected
    for one in accepted:
        known.fold(one)
    assert decide(care, facts, known, now + later) == expected


@given(_cares(), st.lists(_ACCEPTED, max_size=12), _PREFERENCES, _FACTS, _OFFSETS)
def test_a_message_is_possible_again_at_the_time_that_is_named(
    care: Care, accepted: list[Accepted], preferences: Preferences, facts: CareFacts, now: float
) -> None:
    """Not before; of several caps each is over at its own time. Only an opt-out has no end."""
    known = _folded([one for one in accepted if one.at_ms <= milliseconds(now)], preferences)
    decision = decide(care, facts, known, now)
    if not isinstance(decision, End):
        return
    assert decision.because
    for why in decision.because:
        if decision.reason is Reason.OPTED_OUT:
            assert why.until is None
            continue
        assert why.until is not None
        assert why.until > now
        assert why in decide(care, facts, known, now).because
        before, after = (decide(care, facts, known, moment) for moment in (why.until - 0.002, why.until))
        if why.until - 0.002 > now:
            assert isinstance(before, End)
            assert why.name in {one.name for one in before.because}
        assert not isinstance(after, End) or (why.what, why.name) not in {(one.what, one.name) for one in after.because}


@given(_cares(), st.lists(st.tuples(st.integers(1, 40_000), _FACTS), max_size=40), _PREFERENCES)
def test_no_cap_is_ever_exceeded(care: Care, steps: list[tuple[int, CareFacts]], preferences: Preferences) -> None:
    """By a counting that knows nothing of the state: all messages, and the clocks of the recipient's zone."""
    known, now, log = Recipient(), _START, list[tuple[float, CareFacts]]()
    known.preferences = preferences
    for number, (passed, given_facts) in enumerate(steps):
        now += passed
        facts = given_facts._replace(notice_id=f"m{number}", once=None)
        if not isinstance(decide(care, facts, known, now), End):
            log.append((now, facts))
            known.fold(Accepted(facts.notice_id, facts.category, facts.rule, milliseconds(now)))
            known.forget(care, now)
            known = Recipient.unpack(known.pack())
    clock = clock_of(care, known)
    for sent, facts in log:
        if facts.category is None or care.categories[facts.category].over_cap is OverCap.SEND:
            continue
        for cap in care.categories[facts.category].caps:
            counted = [
                other.category
                for at, other in log
                if at <= sent
                and other.category is not None
                and (cap.of is None or other.category in cap.of)
                and _same_window(cap.window, clock.shows(at).isocalendar(), clock.shows(sent).isocalendar(), sent - at)
            ]
            own = cap.of is None or facts.category in cap.of
            before = len(counted) - own
            free = sum(
                max(0, most - counted.count(name)) for name, most in cap.reserve.items() if name != facts.category
            )
            assert before < cap.at_most - free


def _same_window(window: Window, one: tuple[int, int, int], other: tuple[int, int, int], apart: float) -> bool:
    if window.calendar is None:
        return apart < window.seconds
    return one == other if window is DAY else one[:2] == other[:2]


@given(st.binary(max_size=120))
def test_any_bytes_are_a_state_or_damaged(packed: bytes) -> None:
    """One named error."""
    try:
        read = Recipient.unpack(packed)
    except DamagedCareState:
        return
    assert _values(Recipient.unpack(read.pack())) == _values(read)


@given(st.lists(_ACCEPTED, min_size=1, max_size=5), _PREFERENCES, st.data())
def test_a_state_with_one_wrong_byte_is_a_state_or_damaged(
    accepted: list[Accepted], preferences: Preferences, data: st.DataObject
) -> None:
    """No other exception, whichever byte it is."""
    packed = bytearray(_folded(accepted, preferences).pack())
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        known = Recipient.unpack(bytes(packed))
    except DamagedCareState:
        return
    known.pack()


@given(_caps(), st.lists(_ACCEPTED, max_size=12), st.sampled_from(_CATEGORIES), _OFFSETS)
def test_a_notice_is_not_counted_against_itself(cap: Cap, accepted: list[Accepted], category: str, now: float) -> None:
    """A decision about it is the same whether it is in the state or not."""
    clock = clock_of(Care({}, {}), Recipient())
    without = _folded([one for one in accepted if one.notice_id != "n1"])
    known = _folded(accepted)
    own = Category(category, (cap,))
    assert [why.name for why in reached(own, "n1", known, clock, now)] == [
        why.name for why in reached(own, "n1", without, clock, now)
    ]
    assert notice_number("n1") != notice_number("n2")

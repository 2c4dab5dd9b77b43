"""What is read of a dead letter, which of them are sent again, and as what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.kafka.dead_letters import Cut, content
from pipeline.model import dead_letter
from pipeline.model.event import Headers, Position, Record
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.operations.redrive.letter import Letter, read_letter
from pipeline.operations.redrive.record import redriven
from pipeline.operations.redrive.selection import SAFE_KINDS, RedriveDecision, Selection
from tests.fakes.outcomes import a_record, an_outcome

SOURCE = Position("orders", 3, 17)
TOPICS = frozenset({"orders"})


def record(
    kind: OutcomeKind = OutcomeKind.REJECTED,
    reason: Reason = Reason.CONTENT,
    *,
    rule: str | None = "paid",
    cut: Cut = Cut.NOTHING,
    headers: Headers = (("trace", b"t"),),
) -> Record:
    """A dead letter as the service writes it."""
    outcome = an_outcome(SOURCE, kind)._replace(reason=reason, rule=rule)
    value, written = content(outcome, a_record(SOURCE)._replace(headers=headers), cut)
    return Record("dead", 1, 5, b"key", value, tuple(written), 1_700_000_009_000)


def letter(kind: OutcomeKind = OutcomeKind.REJECTED, reason: Reason = Reason.CONTENT, *, redrives: int = 0) -> Letter:
    headers: Headers = ((dead_letter.REDRIVES, b"%d" % redrives),) if redrives else ()
    read = read_letter(record(kind, reason, headers=headers))
    assert read is not None
    return read


def test_what_the_service_wrote_is_read_back() -> None:
    """Every field that redrive needs."""
    read = read_letter(record())
    assert read is not None
    assert (read.kind, read.reason, read.rule, read.source) == (OutcomeKind.REJECTED, Reason.CONTENT, "paid", SOURCE)
    assert (read.source_time_ms, read.redrives, read.is_cut) == (1_700_000_000_000, 0, False)
    assert read.name == f"dead/1/5 {an_outcome(SOURCE).id}"


@pytest.mark.parametrize("cut", [Cut.VALUE, Cut.VALUE_AND_HEADERS])
def test_a_cut_letter_is_known_as_such_and_keeps_its_count(cut: Cut) -> None:
    """Without the count it could go round forever."""
    read = read_letter(record(cut=cut, headers=((dead_letter.REDRIVES, b"2"), ("long", b"x"))))
    assert read is not None
    assert (read.is_cut, read.redrives) == (True, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (dead_letter.SOURCE_TOPIC, None),
        (dead_letter.SOURCE_TOPIC, b""),
        (dead_letter.SOURCE_TOPIC, b"no topic\n"),
        (dead_letter.SOURCE_TOPIC, b"x" * 250),
        (dead_letter.SOURCE_PARTITION, b"-1"),
        (dead_letter.SOURCE_OFFSET, b"1" * 5_000),
        (dead_letter.SOURCE_OFFSET, "٣".encode()),
        (dead_letter.KIND, b"\xff"),
        (dead_letter.KIND, b"of-a-later-release"),
        (dead_letter.REASON, b""),
        (dead_letter.RULE, b"\xff\xfe"),
    ],
)
def test_what_is_no_letter_of_ours_is_none(name: str, value: bytes | None) -> None:
    """Anyone who can write to the topic can write anything; it is passed over, and counted."""
    good = record()
    headers = tuple((key, raw) for key, raw in good.headers if key != name)
    assert read_letter(good._replace(headers=(*headers, (name, value)))) is None
    assert read_letter(good._replace(headers=())) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([name for name, _ in record().headers] + [dead_letter.REDRIVES, dead_letter.LEFT_OUT]),
            st.none() | st.binary(max_size=30) | st.sampled_from([raw for _, raw in record().headers]),
        ),
        max_size=14,
    )
)
def test_no_headers_break_the_reading(headers: list[tuple[str, bytes | None]]) -> None:
    """A letter or none, and of every letter a record can be made."""
    made = Record("dead", 0, 0, None, None, tuple(headers), 0)
    read = read_letter(made)
    if read is not None:
        assert redriven(read, made).headers


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind.leaves_dead_letter])
def test_unasked_only_what_can_help_and_cannot_harm_is_sent(kind: OutcomeKind) -> None:
    """The others where their kind or reason is named."""
    one = letter(kind, Reason.AMBIGUOUS)
    assert Selection().fate(one, TOPICS, set()) is (
        RedriveDecision.SEND if kind in SAFE_KINDS else RedriveDecision.ASK_BY_NAME
    )
    for requested in (Selection(kinds=frozenset({kind})), Selection(reasons=frozenset({Reason.AMBIGUOUS}))):
        assert requested.fate(one, TOPICS, set()) is RedriveDecision.SEND


def test_a_skipped_record_is_sent_only_by_its_reason() -> None:
    """Its letter has no value: to redrive all undecodable records must not fail for it."""
    one = letter(OutcomeKind.UNDECODABLE, Reason.SKIPPED)
    assert Selection(kinds=frozenset({OutcomeKind.UNDECODABLE})).fate(one, TOPICS, set()) is RedriveDecision.ASK_BY_NAME


def test_a_key_that_the_api_knows_with_another_body_is_sent_only_by_its_reason() -> None:
    """The customer may have the message: naming the kind is not enough."""
    one = letter(reason=Reason.KEY_REUSED)
    assert Selection().fate(one, TOPICS, set()) is RedriveDecision.ASK_BY_NAME
    assert Selection(kinds=frozenset({OutcomeKind.REJECTED})).fate(one, TOPICS, set()) is RedriveDecision.ASK_BY_NAME
    assert Selection(reasons=frozenset({Reason.KEY_REUSED})).fate(one, TOPICS, set()) is RedriveDecision.SEND


@pytest.mark.parametrize(
    ("selection", "fate"),
    [
        (
            Selection(rules=frozenset({"paid"}), reasons=frozenset({Reason.CONTENT, Reason.EXPIRED})),
            RedriveDecision.SEND,
        ),
        (Selection(rules=frozenset({"shipped"})), RedriveDecision.NOT_ASKED_FOR),
        (Selection(reasons=frozenset({Reason.RECIPIENT})), RedriveDecision.NOT_ASKED_FOR),
        (Selection(kinds=frozenset({OutcomeKind.EXPIRED})), RedriveDecision.NOT_ASKED_FOR),
        (Selection(keys=frozenset({b"key", b"other"})), RedriveDecision.SEND),
        (Selection(keys=frozenset({b"other"})), RedriveDecision.NOT_ASKED_FOR),
        (Selection(rules=frozenset({"paid"}), keys=frozenset({b"other"})), RedriveDecision.NOT_ASKED_FOR),
    ],
)
def test_filters_hold_all_together(selection: Selection, fate: RedriveDecision) -> None:
    """Within one filter any of its values, but every filter."""
    assert selection.fate(letter(), TOPICS, set()) is fate


def test_what_was_sent_what_went_round_and_what_is_not_read_stays() -> None:
    """Each with its own word."""
    one = letter(redrives=2)
    assert Selection(max_redrives=3).fate(one, TOPICS, set()) is RedriveDecision.SEND
    assert Selection(max_redrives=2).fate(one, TOPICS, set()) is RedriveDecision.LOOP_GUARD
    assert Selection(max_redrives=3).fate(one, TOPICS, {one.name}) is RedriveDecision.DONE
    assert Selection(max_redrives=3).fate(one, frozenset({"payments"}), set()) is RedriveDecision.OTHER_TOPIC


def test_letters_of_another_group_stay() -> None:
    """That group's own redrive sends them; letters without a group are of before groups were recorded."""
    assert Selection(group="b").fate(letter(), TOPICS, set()) is RedriveDecision.OTHER_GROUP


def test_the_record_is_the_original_with_what_the_service_must_know() -> None:
    """Its key, its value, its own headers; ours say which rule, whose identity and time, and under which new key."""
    made = record()
    read = read_letter(made)
    assert read is not None
    again = redriven(read, made)
    assert (again.key, again.value) == (b"key", b"v")
    assert dict(again.headers) == {
        "trace": b"t",
        dead_letter.REDRIVES: b"1",
        dead_letter.ONLY_RULE: b"paid",
        dead_letter.GROUP: b"",
        dead_letter.EVENT_IDENTITY: b"orders/3/17",
        dead_letter.FIRST_POSITION: b"orders/3/17",
        dead_letter.EVENT_TIME: b"1700000000000",
        dead_letter.KEY_ROUND: b"1",
        dead_letter.DEAD_LETTER: b"dead/1/5",
    }


def test_a_second_round_keeps_the_first_ones_identity_and_time() -> None:
    """Only the count grows, and the key where it was refused once more."""
    first = dict(redriven(letter(), record()).headers)
    handed_on = tuple(first.items())
    for kind, key_round in ((OutcomeKind.REJECTED, b"2"), (OutcomeKind.EXHAUSTED, b"1")):
        back = record(kind, headers=handed_on)
        read = read_letter(back)
        assert read is not None
        second = dict(redriven(read, back).headers)
        assert second[dead_letter.REDRIVES] == b"2"
        assert second[dead_letter.KEY_ROUND] == key_round
        for name in (dead_letter.EVENT_IDENTITY, dead_letter.EVENT_TIME, dead_letter.ONLY_RULE):
            assert second[name] == first[name]


def test_one_item_of_a_list_is_redriven_alone() -> None:
    """Also where the whole list was refused when it was redriven: the other items were sent."""
    written = record()
    made = written._replace(headers=(*written.headers, (dead_letter.ITEM, b"4")))
    read = read_letter(made)
    assert read is not None
    assert read.item == 4
    first = redriven(read, made)
    assert dict(first.headers)[dead_letter.ONLY_ITEM] == b"4"
    back = record(OutcomeKind.UNRENDERABLE, Reason.FIELD_LIMIT, headers=tuple(first.headers))
    again = read_letter(back)
    assert again is not None
    assert again.item is None
    assert dict(redriven(again, back).headers)[dead_letter.ONLY_ITEM] == b"4"
    assert dead_letter.ONLY_ITEM not in dict(redriven(letter(), record()).headers)


def test_what_was_never_refused_keeps_its_idempotency_key() -> None:
    """The API may have accepted it unknown to us: then it must know the repeat for one."""
    read = letter(OutcomeKind.EXHAUSTED, Reason.ATTEMPTS)
    assert dead_letter.KEY_ROUND not in dict(redriven(read, record()).headers)


def test_a_record_that_was_no_event_runs_every_rule() -> None:
    """There was no rule to fail."""
    read = read_letter(record(OutcomeKind.UNDECODABLE, Reason.UNKNOWN_SCHEMA, rule=None))
    assert read is not None
    assert read.rule is None
    assert dead_letter.ONLY_RULE not in dict(redriven(read, record()).headers)

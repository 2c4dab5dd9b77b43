"""Search: what matches, the timeline of a notice, and the answer to why it did not arrive."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest

from pipeline.care.words import CareWords
from pipeline.model.event import Event, Position, Record
from pipeline.model.outcome import CAP, Because, OutcomeKind, Reason
from pipeline.model.outcome_words import CODES, outcome_words, reason_words
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind
from pipeline.operations.find.ended import Ended
from pipeline.operations.find.query import ByEvents, ByField, Field, fields_with, has_bytes
from pipeline.operations.find.story import (
    EventFacts,
    Letter,
    Progress,
    RuleLine,
    RuleResult,
    StepKind,
    Story,
    tell,
)

AT = Position("orders", 3, 1042)
COPY = Position("orders", 3, 2000)
LINE = RuleLine("order-paid", RuleResult.NOTICE, "it has no `when`", "paid")


def ended(**changes: object) -> Ended:
    """An accepted notice."""
    plain = Ended(
        written=Position("outcomes", 0, 1),
        id="n1",
        kind="accepted",
        reason="ok",
        source=AT,
        first=None,
        group="shop",
        topic_id=None,
        event_type="order.paid",
        event_id="e1",
        event_ms=1_000,
        rule="order-paid",
        rules_version="v",
        template="paid",
        recipient="r1",
        reference="T1",
        attempts=1,
        http_status=200,
        body_code=200,
        received_ms=2_000,
        first_attempt_ms=2_100,
        finished_ms=2_200,
        redelivered=False,
        redrives=0,
        detail="",
        because=(),
        into=None,
        scheduled_ms=None,
        item=None,
    )
    return plain._replace(**cast("dict[str, Any]", changes))


REFUSED = ended(kind="rejected", reason="rejected_recipient", body_code=43101)


def story(
    *outcomes: Ended,
    rules: tuple[RuleLine, ...] = (LINE,),
    committed: int | None = 2_000,
    unreadable: str | None = None,
) -> Story:
    """What is said of the event at `AT`."""
    facts = EventFacts(AT, "order.paid", rules=rules, unreadable=unreadable)
    return tell(facts, outcomes, {}, Progress(committed))


def test_a_sent_notice_has_its_steps_in_order() -> None:
    """Read, first attempt, outcome."""
    shown = story(ended())
    assert shown.answer == "Sent: the platform accepted it."
    (notice,) = shown.notices
    assert [(step.at_ms, step.kind) for step in notice.steps] == [
        (2_000, StepKind.MATCHED),
        (2_100, StepKind.FIRST_ATTEMPT),
        (2_200, StepKind.OUTCOME),
    ]


def test_the_notices_of_a_list_are_named_by_their_items() -> None:
    """One rule made several of one event: what became of each can be seen."""
    found = tell(
        EventFacts(AT, rules=(LINE,)),
        [ended(id="n1", item=0), ended(id="n2", item=1, kind="rejected", reason="rejected_recipient", body_code=43101)],
        {},
        None,
    )
    assert [notice.item for notice in found.notices] == [0, 1]
    assert "order-paid, item 0: Sent" in found.answer
    assert "order-paid, item 1: Refused" in found.answer


def test_a_refusal_is_explained_by_its_code() -> None:
    """With the attempts, the last reply and the dead letter."""
    letters = {"n1": [Letter(Position("letters", 0, 5), 2_150, None, 0, "n1")]}
    shown = tell(EventFacts(AT, "order.paid", rules=(LINE,)), [REFUSED], letters, Progress(2_000))
    assert shown.answer == "Refused: the customer blocked the account (43101)."
    words = [step.words for step in shown.notices[0].steps]
    assert "1 attempt; last reply: HTTP 200, code 43101" in words
    assert "dead letter letters/0/5" in words


def test_a_notice_that_was_sent_again_waits_for_its_next_outcome() -> None:
    """And then shows both."""
    letter = Letter(Position("letters", 0, 5), 2_150, 9_000, 0, "n1")
    facts = EventFacts(AT, "order.paid", rules=(LINE,))
    waiting = tell(facts, [REFUSED], {"n1": [letter]}, Progress(2_000))
    assert waiting.answer.startswith("Waiting: it was sent again and has no outcome yet. Before: refused:")
    again = ended(source=COPY, first=AT, redrives=1, received_ms=9_100, first_attempt_ms=9_200, finished_ms=9_300)
    done = tell(facts, [again, REFUSED], {"n1": [letter]}, Progress(2_000))
    assert done.answer == "Sent: the platform accepted it."
    assert [step.kind for step in done.notices[0].steps if step.kind in {StepKind.OUTCOME, StepKind.REDRIVEN}] == [
        StepKind.OUTCOME,
        StepKind.REDRIVEN,
        StepKind.OUTCOME,
    ]


@pytest.mark.parametrize(
    ("committed", "words"),
    [
        (None, "Still waiting: the group has not finished any event of this partition."),
        (1_042, "Still waiting: it is the next event that its partition finishes."),
        (42, "Still waiting: its partition is finished up to 1,000 events before this one."),
    ],
)
def test_a_notice_without_an_outcome_waits_until_its_offset_is_committed(committed: int | None, words: str) -> None:
    """The answer says how far the group is."""
    assert story(committed=committed).answer == words


@pytest.mark.parametrize("scope", [EVERYTHING, Scope(ScopeKind.RULE, "order-paid"), Scope(ScopeKind.TEMPLATE, "paid")])
def test_a_pause_is_named_as_the_cause_of_waiting(scope: Scope) -> None:
    """With who paused it, and why."""
    pause = Pause(scope, 1_700_000_000.0, by="ann", reason="wrong price")
    shown = tell(EventFacts(AT, "order.paid", rules=(LINE,)), [], {}, Progress(42, [pause]))
    assert shown.answer == "Still waiting: sending is paused since 2023-11-14 22:13 UTC by ann (wrong price)."


def test_a_missing_outcome_is_not_called_waiting() -> None:
    """The group is past the event."""
    assert story(committed=1_043).notices[0].steps[0].kind is StepKind.MISSING
    other = story(ended(rule="other", id="n2"), committed=1_043)
    assert "the rule was added, changed or switched on later" in other.answer


def test_no_rule_is_an_answer_with_its_reason() -> None:
    """No rule for the type, no rule that matched, a rule that is off."""
    assert story(rules=()).answer == "No message: no rule is for events of this type (order.paid)."
    unmatched = RuleLine("big", RuleResult.NO_MATCH, "event.total > 10 is false (event.total = 3)", "paid")
    assert story(rules=(unmatched,)).answer == (
        "No message: no rule matched. `big`: event.total > 10 is false (event.total = 3)."
    )
    off = LINE._replace(result=RuleResult.OFF)
    assert story(rules=(unmatched, off)).answer == (
        "No message: the rule `order-paid` is switched off (`enabled: false`); it would have matched."
    )


def test_an_unreadable_event_is_an_answer() -> None:
    """Its outcome comes first where there is one."""
    words = "the event could not be read: the record is not valid JSON"
    assert story(rules=(), unreadable=words).answer == f"{words.capitalize()[0]}{words[1:]}."


def test_without_progress_nothing_is_called_missing() -> None:
    """A search for one recipient has not read the outcomes of others."""
    lines = (LINE, LINE._replace(rule="other"))
    shown = tell(EventFacts(AT, "order.paid", rules=lines), [ended()], {}, None)
    assert [one.rule for one in shown.notices] == ["order-paid"]


def test_every_kind_and_reason_has_words() -> None:
    """And those of a later release are shown as they are."""
    for kind in OutcomeKind:
        assert "ended as" not in outcome_words(kind, "ok", None)
    for reason in Reason:
        assert reason_words(reason) != reason
    assert outcome_words("digested", "in_digest", None) == "ended as digested: in_digest"
    assert outcome_words("rejected", "rejected_content", 99) == "refused: the platform does not accept the text (99)"
    paused = outcome_words("suppressed", "paused", None, [Because("pause", "rule order-paid")])
    assert paused == "not sent: an operator paused it (rule order-paid)"
    assert all(words[0].islower() for words in CODES.values())


def test_a_field_is_found_by_its_text() -> None:
    """In nested records, lists and numbers; the path says where."""
    record = Record(*AT, b"key-17", b"", (), 0)
    data = {
        "no": "T2026-17",
        "lines": [{"sku": "A17"}, {"sku": "B"}],
        "total": Decimal("17.50"),
        "count": 17.0,
        "none": None,
        "yes": True,
    }
    event = Event("t", data, record, "i", "id-17", None, 0, None, None)
    found = ["id", "key", "event.no", "event.lines[0].sku", "event.total", "event.count"]
    assert fields_with(event, "17") == found
    assert fields_with(event, "true") == ["event.yes"]
    assert fields_with(event, "T2026-18") == []
    assert fields_with(event, "t2026-17") == ["event.no"]


def test_outcomes_match_by_field_or_by_event() -> None:
    """A redriven event is found by its first position."""
    assert ByField(Field.RECIPIENT, frozenset({"r1", "hash"})).matches(ended())
    assert not ByField(Field.REFERENCE, frozenset({"T2"})).matches(ended())
    assert ByEvents(frozenset({AT})).matches(ended(source=COPY, first=AT))
    assert not ByEvents(frozenset({COPY})).matches(ended())


def test_bytes_of_a_record_that_cannot_be_read_are_found() -> None:
    """In value or key, UTF-8 or not: a shell gives other bytes as surrogates."""
    record = Record("orders", 3, 1, b"k\xff", "T2026 订单".encode(), (), 1)
    assert has_bytes(record, "订单")
    assert has_bytes(record, "t2026")
    assert has_bytes(record, "\udcff")
    assert not has_bytes(record, "\udcfe")
    assert not has_bytes(record._replace(key=None, value=None), "订单")


REACHED = Because(CAP, "a-day", "2 of 2 on 2026-11-30: 09:12 paid, 11:40 paid", 1_796_054_400.0)
CARE = CareWords("Asia/Shanghai", {(CAP, "a-day"): "rules/care.yaml:4:5"})


def test_what_recipient_care_held_back_is_explained_in_full() -> None:
    """With the place of the cap, the messages that counted, and from when one is possible again."""
    held = ended(kind="suppressed", reason="cap_reached", attempts=0, first_attempt_ms=None, because=(REACHED,))
    shown = tell(EventFacts(AT, "order.paid", rules=(LINE,)), [held], {}, None, CARE)
    why = (
        "cap `a-day` is reached (rules/care.yaml:4:5); 2 of 2 on 2026-11-30: 09:12 paid, 11:40 paid; possible again "
        "2026-12-01 00:00"
    )
    assert shown.answer == f"Matched, not sent: {why}."
    assert shown.notices[0].steps[-1].words == f"not sent: {why}"


def test_a_message_that_was_sent_over_its_cap_says_so() -> None:
    """The category has `over_cap: send`."""
    shown = tell(EventFacts(AT, "order.paid", rules=(LINE,)), [ended(because=(REACHED,))], {}, None, CARE)
    assert shown.answer.startswith("Sent: the platform accepted it, although cap `a-day` is reached (rules/care.yaml")

"""`reference`: what support looks a message up by. It refuses no message, whatever it becomes."""

from __future__ import annotations

import pytest

from pipeline.adapters.kafka.dead_letters import Cut, content
from pipeline.authoring.drafting.expectations import expected_of
from pipeline.authoring.rule_tests.comparing import Message
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.lint.case_format import ExpectedNotice
from pipeline.rules.message import MAX_REFERENCE
from pipeline.rules.ruleset import RuleSet
from tests.fakes.outcomes import BARE, WHOLE, a_record
from tests.unit.rules.shop import RULE, event, findings, ruleset


def referring(reference: str, rule: str = RULE) -> RuleSet:
    return ruleset(f"{rule}    reference: {reference}\n")


def only(rules: RuleSet, **data: object) -> Notice | Refusal:
    (made,) = rules.evaluate(event(**data))
    return made


def test_a_message_has_its_reference() -> None:
    """As the event gives it, also a number; a rule without one has none."""
    assert only(referring("${event.order_no}")).reference == "T2026"
    assert only(referring("${event.order_no}-${event.count}")).reference == "T2026-3"
    assert only(ruleset(RULE)).reference is None
    assert only(referring("${event.order_no}"), order_no=" T2026\n").reference == "T2026"  # as people search for it


def test_the_files_defaults_may_have_it() -> None:
    """For all rules of the file; a rule's own comes first."""
    shared = "defaults:\n  reference: ${event.order_no}\n" + RULE
    assert only(ruleset(shared)).reference == "T2026"
    assert only(ruleset(shared + "    reference: ${event.sub}\n")).reference == "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "order_no", ["", " ", "\u200b", "a\nb", "a\x00b", "x" * (MAX_REFERENCE + 1), "\u202eabc", "a\ud800"]
)
def test_what_is_no_reference_is_left_out(order_no: str) -> None:
    """An empty one, one over its length, one with an invisible character: the message goes out without it."""
    made = only(referring("${event.order_no}"), order_no=order_no)
    assert isinstance(made, Notice)
    assert made.reference is None


def test_a_reference_that_is_null_or_fails_is_left_out() -> None:
    """The message goes out all the same."""
    assert only(referring("${event.note}"), note=None).reference is None
    assert only(referring("${event.note}"), note="N1").reference == "N1"
    made = only(referring("${event.tags[5]}"))
    assert isinstance(made, Notice)
    assert made.reference is None


def test_a_refused_message_has_its_reference() -> None:
    """It is what a customer will ask about."""
    made = only(
        referring("${event.order_no}", RULE.replace("thing1: 豆", "thing1: '${event.buyer.name}'")), buyer={"name": ""}
    )
    assert isinstance(made, Refusal)
    assert made.reference == "T2026"


def test_null_in_part_of_a_reference_is_found() -> None:
    """`N-` would be the reference of many messages."""
    found = findings(f"{RULE}    reference: N-${{event.note}}\n")
    assert [one.code for one in found] == ["null-not-handled"]


def test_a_dead_letter_names_the_reference() -> None:
    """In the form that outcomes have it; not where there is none."""
    _, headers = content(WHOLE, a_record(), Cut.NOTHING, "hashed")
    assert dict(headers)["notice.reference"] == b"hashed"
    _, headers = content(BARE, a_record(), Cut.NOTHING)
    assert "notice.reference" not in dict(headers)


def test_an_accepted_expectation_keeps_its_reference() -> None:
    """`test --accept` writes the reference again where the test named one."""
    came = [Message("paid", "paid", "u1", reference="T2")]
    written = expected_of(came, [ExpectedNotice(rule="paid", reference="T1")])
    assert written == {"notices": [{"rule": "paid", "reference": "T2"}]}

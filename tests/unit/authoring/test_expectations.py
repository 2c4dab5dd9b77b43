"""What a test expects, made from the messages that came."""

from __future__ import annotations

from pipeline.authoring.drafting.expectations import expected_of
from pipeline.authoring.rule_tests.comparing import Message
from pipeline.rules.lint.case_format import ExpectedNotice


def made(rule: str, **texts: str) -> Message:
    return Message(rule, "t", "me", None, {key: (text, None) for key, text in texts.items()})


def test_several_messages_of_a_rule_keep_the_keys_of_each() -> None:
    """In their order; a further one has every field."""
    before = [ExpectedNotice(rule="a", data={"x": "1"}), ExpectedNotice(rule="a", data={"y": "2"})]
    came = [made("a", x="3", y="4"), made("a", x="5", y="6"), made("a", x="7")]
    assert expected_of(came, before) == {
        "notices": [
            {"rule": "a", "data": {"x": "3"}},
            {"rule": "a", "data": {"y": "6"}},
            {"rule": "a", "to": "me", "whole": True, "data": {"x": "7"}},
        ]
    }


def test_refusals_alone_are_named_and_beside_messages_cannot_be() -> None:
    """The format of tests has no way to say both."""
    refused = Message("b", refused="field_limit")
    assert expected_of([refused]) == {"none": "refused", "rule": "b", "reason": "field_limit"}
    assert expected_of([made("a", x="1"), refused]) is None
    assert expected_of([]) == {"none": "no_match"}

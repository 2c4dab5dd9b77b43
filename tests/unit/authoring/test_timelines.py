"""Timelines of rule tests: events one after the other in virtual time, with the decisions of recipient care."""

from __future__ import annotations

import pytest

from pipeline.authoring.rule_tests.care_coverage import CareCoverage
from pipeline.authoring.rule_tests.coverage import Coverage
from pipeline.authoring.rule_tests.reports import Timed, as_json
from pipeline.authoring.rule_tests.running import Result, run
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import RULE, TEMPLATES, schemas

CARE = """\
care:
  timezone: {from: preferences, default: Asia/Shanghai}
  quiet_hours: {night: {from: "22:00", to: "08:00"}}
  caps:
    a-day: {of: {category: marketing}, at_most: 1, per: day}
  categories:
    marketing: {caps: [a-day], quiet: {hours: night}, opt_out: promotions}
"""
RULES = f"""\
{RULE}    category: marketing
    once: {{by: "${{event.order_no}}", within: 24h}}
  - id: service
    on: shop.order.Paid
    when: event.gift
    to: ${{event.sub}}
    template: paid
    data: {{thing1: 茶}}
"""
HEAD = """\
tests:
  - name: a day
    event: {type: shop.order.Paid, example: true, with: {gift: false}}
"""
FILE = "rules/tests/shop.yaml"


def checked(tests: str, care: str | None = CARE) -> CheckResult:
    given = None if care is None else ("rules/care.yaml", care)
    return check(
        RuleSources({"rules/shop.yaml": RULES}, ("rules/templates.yaml", TEMPLATES), {FILE: tests}, care=given),
        schemas(),
    )


def results(*entries: str, head: str = HEAD, care: str | None = CARE) -> list[Result]:
    result = checked(head + "    timeline:\n" + "".join(f"      - {{{entry}}}\n" for entry in entries), care)
    assert result.ruleset is not None, [str(one) for one in result.findings]
    return [run(case, result.ruleset, schemas(), {}) for case in result.cases]


def faults(tests: str) -> list[str]:
    usual = {"missing-test", "unused-template"}
    return [str(one) for one in checked(tests).findings if one.code not in usual]


SENT = "expect: {notices: [{rule: paid}]}"
MORNING = '"2026-11-30T09:00+08:00"'


def test_each_entry_is_a_case_with_the_state_of_those_before_it() -> None:
    """Sent, a duplicate, over the cap, a new day, and the night."""
    day = results(
        f"at: {MORNING}, event: {{with: {{order_no: A}}}}, {SENT}",
        'at: "2026-11-30T09:01+08:00", event: {with: {order_no: A}}, expect: {none: suppressed, reason: duplicate}',
        'at: "2026-11-30T23:59+09:00", event: {with: {order_no: B}}, expect: '
        "{none: suppressed, rule: paid, reason: quiet_hours}",
        'at: "2026-11-30T15:30+00:00"',  # time alone passes
        f'at: "2026-12-01T08:00+08:00", event: {{with: {{order_no: B}}}}, {SENT}',
        'at: "2026-12-01T08:01+08:00", event: {with: {order_no: C}}, expect: '
        "{none: suppressed, reason: cap_reached, cap: a-day}",
    )
    assert [result.passed for result in day] == [True] * 5, [one.mismatches for one in day]
    assert day[0].case.name == "a day: 2026-11-30T09:00+08:00"


def test_what_is_not_sent_is_explained_with_a_hint() -> None:
    """Words, the cap, until when, and what to write if that is right."""
    _, second = results(
        f"at: {MORNING}, event: {{with: {{order_no: A}}}}, {SENT}",
        f'at: "2026-11-30T10:00+08:00", event: {{with: {{order_no: B}}}}, {SENT}',
    )
    (mismatch,) = second.mismatches
    assert mismatch.message == (
        "`paid` matched, but its message is not sent: cap_reached: cap `a-day` is reached: "
        "1 of 1 on 2026-11-30: 09:00 paid; possible again 2026-12-01 00:00"
    )
    expected = "none: suppressed, rule: paid, reason: cap_reached, cap: a-day"
    assert mismatch.hint == f"if that is right: `expect: {{{expected}}}`"
    assert second.location(mismatch).line == 6


def test_times_are_on_the_recipients_clock() -> None:
    """23:30 in Shanghai is the afternoon in Berlin, whose day has a cap of its own."""
    head = HEAD + "    recipient: {timezone: Europe/Berlin}\n"
    first, second = results(
        f'at: "2026-11-30T23:30+08:00", event: {{with: {{order_no: A}}}}, {SENT}',
        'at: "2026-12-01T00:30+08:00", event: {with: {order_no: B}}, expect: {none: suppressed, reason: cap_reached}',
        head=head,
    )
    assert first.passed
    assert second.passed


def test_a_recipient_who_opted_out() -> None:
    """Gets none, whatever else would hold it back."""
    head = HEAD + "    recipient: {opted_out: [promotions]}\n"
    (one,) = results(f"at: {MORNING}, event: {{}}, expect: {{none: suppressed, reason: opted_out}}", head=head)
    assert one.passed


def test_other_messages_of_the_event_are_sent() -> None:
    """`notices` lists what leaves."""
    _, second = results(
        f"at: {MORNING}, event: {{with: {{order_no: A}}}}, {SENT}",
        'at: "2026-11-30T10:00+08:00", event: {with: {order_no: B, gift: true}}, expect: {notices: [{rule: service}]}',
    )
    assert second.passed
    assert [(message.rule, message.suppressed) for message in second.came] == [
        ("paid", "cap_reached"),
        ("service", None),
    ]


def test_each_recipient_has_a_state_of_its_own() -> None:
    """One day, two buyers."""
    every = results(
        f"at: {MORNING}, event: {{with: {{order_no: A, sub: u1}}}}, {SENT}",
        f'at: "2026-11-30T10:00+08:00", event: {{with: {{order_no: B, sub: u2}}}}, {SENT}',
    )
    assert all(one.passed for one in every)


def test_without_care_every_message_is_sent_but_duplicates() -> None:
    """`once` needs no care.yaml."""
    every = results(
        f"at: {MORNING}, event: {{with: {{order_no: A}}}}, {SENT}",
        'at: "2026-11-30T09:01+08:00", event: {with: {order_no: A}}, expect: {none: suppressed, reason: duplicate}',
        f'at: "2026-11-30T23:00+08:00", event: {{with: {{order_no: B}}}}, {SENT}',
        care=None,
    )
    assert all(one.passed for one in every)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("{none: suppressed}", "it is sent: `paid` to 80000000000000008000000000000000: thing1: 豆"),
        ("{none: suppressed, rule: service}", "it is sent: `paid` to 80000000000000008000000000000000: thing1: 豆"),
    ],
)
def test_a_message_that_is_sent_is_not_suppressed(expect: str, message: str) -> None:
    """At `none`."""
    (one,) = results(f"at: {MORNING}, event: {{}}, expect: {expect}")
    assert one.mismatches[0].message == message


@pytest.mark.parametrize(
    ("expect", "expected", "got"),
    [
        ("{none: suppressed, reason: opted_out}", "opted_out", "quiet_hours"),
        ("{none: suppressed, reason: cap_reached, cap: a-day}", "cap_reached", "quiet_hours"),
        ("{none: suppressed, cap: a-day}", "a-day", None),
    ],
)
def test_another_reason_is_a_difference(expect: str, expected: str, got: str | None) -> None:
    """With the expected and the actual one."""
    (one,) = results(f'at: "2026-11-30T23:00+08:00", event: {{}}, expect: {expect}')
    (mismatch,) = one.mismatches
    assert (mismatch.expected, mismatch.got) == (expected, got)


@pytest.mark.parametrize("expect", ["{none: no_match}", "{none: refused, rule: paid}"])
def test_suppressed_is_neither_no_match_nor_refused(expect: str) -> None:
    """The difference says what it is."""
    (one,) = results(f'at: "2026-11-30T23:00+08:00", event: {{}}, expect: {expect}')
    assert "`paid` matched, but its message is not sent: quiet_hours: it is 23:00 in quiet hours `night`" in (
        one.mismatches[0].message
    )


def test_json_says_what_was_suppressed() -> None:
    """With the reason and the caps, beside messages that left."""
    (one,) = results('at: "2026-11-30T23:00+08:00", event: {}, expect: {none: suppressed}')
    assert as_json(Timed(one, 0.0))["came"] == [
        {
            "rule": "paid",
            "to": "80000000000000008000000000000000",
            "suppressed": "quiet_hours",
            "caps": [],
            "detail": "it is 23:00 in quiet hours `night`; possible again 2026-12-01 08:00",
        }
    ]


def moment(expect: str) -> str:
    """A timeline of one entry."""
    return HEAD + f"    timeline: [{{at: {MORNING}, event: {{}}, expect: {expect}}}]\n"


ENTRY = f"    timeline: [{{at: {MORNING}, event: {{}}, {SENT}}}"


@pytest.mark.parametrize(
    ("tests", "finding"),
    [
        (
            HEAD + ENTRY + f", {{at: {MORNING}}}]\n",
            "bad-test it is not after the entry before it (entries are in order of time)",
        ),
        (
            HEAD + "    timeline: [{at: noon}]\n",
            "bad-test `noon` is not a time (write it with the offset: 2026-11-30T09:00+08:00)",
        ),
        (
            HEAD + "    timeline: [{at: 2026-11-30T09:00}]\n",
            "bad-test the time has no offset (write 2026-11-30T09:00+08:00, or Z for UTC)",
        ),
        (HEAD + ENTRY + f"]\n    {SENT}\n", "bad-test test `a day` has both `timeline` and `expect` "
         "(each entry of a timeline has its own `expect`)"),
        (
            HEAD.replace("example: true", "example: true, time: 2026-11-30T09:00Z") + ENTRY + "]\n",
            "bad-test `at` is the time of the event (leave out `time`)",
        ),
        (
            f"tests:\n  - name: a\n    timeline: [{{at: {MORNING}, event: {{example: true}}, {SENT}}}]\n",
            "bad-test the event has no type (write `type:` in it, or once for all: `event: {type: …}` of the test)",
        ),
        (
            HEAD + f"    timeline: [{{at: {MORNING}, event: {{}}}}]\n",
            "bad-test nothing is expected (say what must follow: `expect:`)",
        ),
        (
            HEAD + f"    timeline: [{{at: {MORNING}, {SENT}}}]\n",
            "not-in-release messages that wait for their time are not in this release: nothing follows from time alone "
            "(leave out `expect`; a later release holds messages and releases them)",
        ),
        (
            moment("{held: quiet_hours}"),
            "not-in-release `held` is not in this release (leave it out; a later release carries it out)",
        ),
        (
            HEAD + "    recipient: {}\n    expect: {none: no_match}\n",
            "bad-test `recipient` goes with `timeline` only (write `timeline:`; the other tests show what a rule "
            "makes of one "
            "event)",
        ),
        (
            HEAD + "    expect: {none: suppressed}\n",
            "bad-test recipient care decides in a timeline only (write `timeline:`, with the moment of each event)",
        ),
        (
            HEAD + "    recipient: {timezone: Asia/Shanghaj}\n" + ENTRY + "]\n",
            "unknown-zone there is no such time zone (write it like Asia/Shanghai)",
        ),
        (
            moment("{none: suppressed, reason: cap_reachd}"),
            "bad-test no message is suppressed for `cap_reachd` (did you mean `cap_reached`?)",
        ),
        (
            moment("{none: suppressed, cap: aday}"),
            "unknown-cap there is no cap `aday` (did you mean `a-day`?)",
        ),
        (
            moment("{none: suppressed, reason: duplicate, cap: a-day}"),
            "bad-test `cap` goes with `none: suppressed` and `reason: cap_reached` only",
        ),
        ("tests: [{name: a, expect: {none: no_match}}]\n", "missing-key `event` is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_timeline(tests: str, finding: str) -> None:
    """Each in words that say how to fix it."""
    assert any(finding in one for one in faults(tests)), faults(tests)


def test_a_zone_that_nobody_reads_is_found() -> None:
    """care.yaml decides whether the recipient's zone counts."""
    tests = HEAD + "    recipient: {timezone: Europe/Berlin}\n" + ENTRY + "]\n"
    result = checked(tests, CARE.replace("{from: preferences, default: Asia/Shanghai}", "Asia/Shanghai"))
    assert [one.message for one in result.findings if one.is_error] == [
        "care.yaml does not read zones of preferences: the clock of `Asia/Shanghai` decides"
    ]


def test_another_type_leaves_the_common_fields_out() -> None:
    """`with` of the test's event is for events of its type."""
    tests = HEAD.replace("gift: false", "order_no: T1") + (
        f"    timeline: [{{at: {MORNING}, event: {{type: shop.order.Other, data: {{}}}}, expect: {{none: "
        "no_match}}]\n"
    )
    rules = RULES.replace("on: shop.order.Paid\n    when", "on: [shop.order.Paid, shop.order.Other]\n    when")
    files = {"rules/shop.yaml": rules}
    sources = RuleSources(files, ("rules/templates.yaml", TEMPLATES), {FILE: tests}, care=("rules/care.yaml", CARE))
    result = check(sources, schemas())
    (case,) = result.cases
    assert [path for path, _ in case.overrides] == [("tests", 0, "timeline", 0, "event", "with")]


def test_coverage_counts_both_sides_of_every_decision() -> None:
    """Opted out, duplicate, quiet, capped: each reached or not, at its place in care.yaml."""
    tests = HEAD + ENTRY + "]\n"
    result = checked(tests)
    assert result.ruleset is not None
    care = CareCoverage(result.ruleset, result.care)
    rules = Coverage(result.ruleset, result.locations, schemas())
    for case in result.cases:
        done = run(case, result.ruleset, schemas(), {})
        assert done.event is not None
        rules.note(done.event)
        rules.note_once(done.decisions)
        care.note(done.decisions)
    (marketing,) = care.categories()
    assert (marketing.rule, marketing.path, marketing.branches) == ("marketing", "rules/care.yaml", 6)
    assert [(one.location.line, one.message) for one in marketing.missing] == [
        (7, "never opted out: list `promotions`"),
        (7, "never in: quiet hours `night`"),
        (7, "never reached: cap `a-day`"),
    ]
    paid = next(one for one in rules.rules() if one.rule == "paid")
    assert [one.message for one in paid.missing] == ["never a duplicate: once by ${event.order_no}"]

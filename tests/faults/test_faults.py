"""One faulty file for each finding code: `check` must find it, at its place, with its hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.model.finding import Finding
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from tests.unit.rules.shop import RULE, SCHEMA, TEMPLATES, with_fields

FOLDER = Path(__file__).parent
WITHOUT_FILE = {
    "file-not-read",  # the name is the fault: tests/unit/adapters/test_rule_files.py
    "file-too-large",  # a mebibyte needs no file
}
TEMPLATE_FAULTS = {
    "doubtful-style",
    "doubtful-template-id",
    "field-kind-unknown",
    "unknown-api",
    "unused-template",
}
APIS = ("notices", "sms")
TEST_FAULTS = {"bad-test", "unknown-list", "unknown-rule", "unfit-event"}
CARE_FAULTS = {
    "cap-without-effect",
    "never-opens",
    "reserve-too-large",
    "unknown-cap",
    "unknown-category",
    "unknown-quiet-hours",
    "unknown-zone",
    "unused-category",
    "urgent-held-back",
}
CARE = "care: {categories: {transactional: {opt_out: promotions}}}\n"
"""The file of care beside the other faulty files."""
USUAL = {"doubtful-template-id", "missing-test", "unused-template"}
"""Found in every file here, and looked at only where it is what the file is about."""
MORE_TEMPLATES = f"""{TEMPLATES}\
  no_production:
    title: 订单支付成功通知
    ids: {{staging: template-4}}
    fields: {{thing1: {{label: 商品}}}}
"""
NEWER = with_fields({"name": "gift_card", "type": "boolean"})
DATED = with_fields({"name": "due_on", "type": {"type": "int", "logicalType": "date"}})
"""The shop's event in its next version, which events of the old one cannot be read as."""


def sources_of(code: str) -> RuleSources:
    """The rule set with the code's file in it, in the place that the file is for."""
    text = (FOLDER / f"{code}.yaml").read_text(encoding="utf-8")
    rules = RULE if code in TEMPLATE_FAULTS | TEST_FAULTS | CARE_FAULTS else text
    templates = text if code in TEMPLATE_FAULTS else MORE_TEMPLATES
    tests = {f"{code}.yaml": text} if code in TEST_FAULTS else {}
    catalogue = None if code == "no-templates" else ("templates.yaml", templates)
    care = (f"{code}.yaml", text) if code in CARE_FAULTS else ("care.yaml", CARE)
    return RuleSources({f"{code}.yaml": rules}, catalogue, tests, care=care)


def schemas_of(code: str) -> SchemaCatalogue:
    """The shop's schema, for one code in two versions."""
    versions = {"field-not-in-version": [SCHEMA, NEWER], "doubtful-date": [DATED]}.get(code, [SCHEMA])
    return SchemaCatalogue(EventSchema(version) for version in versions)


NOW = 1_795_446_060.0
"""2026-11-23."""


def found(code: str) -> list[Finding]:
    """The findings in the code's file, without those that every file here has."""
    findings = check(sources_of(code), schemas_of(code), environment="production", apis=APIS, now=NOW).findings
    return [one for one in findings if one.code == code or one.code not in USUAL]


EXPECTED: dict[str, tuple[int, int, str, str | None]] = {
    "bad-days": (6, 39, "the rule would end on 2026-11-01, before it begins", "exchange the days, or correct the year"),
    "bad-for-each": (6, 15, "this is not a name, `in`, and a list", "write it like: person in event.people"),
    "cap-without-effect": (
        4,
        5,
        "`a-day` is reached before it: at most 10 of the same in a window as long",
        "remove it, or write a smaller `at_most`",
    ),
    "care-needs-order": (
        7,
        12,
        "`once` needs the order of messages: two at the same time would both be sent",
        "leave out `order: none`",
    ),
    "constant-once": (
        6,
        16,
        "every message of `paid` has this key: a recipient gets one of them within the time",
        "write a field: ${event.order_no}",
    ),
    "never-opens": (
        3,
        33,
        "quiet hours `night` begin and end at the same time, so they never begin",
        'write the minute after the last: {from: "22:00", to: "08:00"}',
    ),
    "not-in-release": (6, 5, "`send` is not in this release", "leave it out; a later release carries it out"),
    "reserve-too-large": (
        7,
        7,
        "10 of 10 are reserved: the other categories could never send",
        "reserve less than `at_most`",
    ),
    "unknown-cap": (6, 14, "there is no cap `marketing-aday`", "did you mean `marketing-a-day`?"),
    "unknown-category": (3, 33, "there is no category `markting`", "did you mean `marketing`?"),
    "unknown-list": (4, 19, "no category has `opt_out: promotion`", "did you mean `promotions`?"),
    "unknown-quiet-hours": (5, 22, "there are no quiet hours `nigth`", "did you mean `night`?"),
    "unknown-zone": (2, 13, "there is no such time zone", "write it like Asia/Shanghai"),
    "unused-category": (4, 5, "no rule has category `newsletter`", "write category: newsletter"),
    "urgent-held-back": (
        5,
        16,
        "`security` protects the recipient, and `caps` would hold its messages back",
        "leave out `caps`, and write urgent: true",
    ),
    "window-too-long": (6, 45, "`within` may be 31d long", "write at most 31d"),
    "constant-reference": (
        6,
        16,
        "every message has this reference, so it finds none of them",
        "write a field: ${event.order_no}",
    ),
    "days-over": (
        6,
        21,
        "`paid` is over since the end of 2020-12-31: it matches no new event",
        "remove the rule with its tests, or write another day",
    ),
    "not-a-list": (6, 23, "this is a text, not a list", "name a list of the event"),
    "template-missing": (5, 35, "no template for ALIPAY, BALANCE", 'add them, or one for others: "*": …'),
    "templates-differ": (
        5,
        54,
        "`old` does not need the same fields as `paid`: only `keyword1` of `old` and `thing1` of `paid`",
        "make the field optional in templates.yaml, or write two rules",
    ),
    "always-there": (
        6,
        11,
        "`has(event.note)` is true for every event: a field that is null is there as well",
        "ask for null: event.note != null",
    ),
    "doubled-currency": (
        7,
        44,
        "the customer would read the currency twice: money() writes it already",
        "leave it out, or write the number alone with decimal(…, 2)",
    ),
    "unused-item": (
        6,
        5,
        "no text of `paid` reads `line`: all messages of an event are the same",
        "write to: ${line.…}",
    ),
    "unused-timezone": (
        1,
        11,
        "no rule of the file has `active`, whose days this zone is for",
        'name the zone in the function: local_time(…, "HH:mm", "Europe/Berlin")',
    ),
    "bare-amount": (
        7,
        18,
        "the customer would read the amount as a bare number, such as 128.5 for 128.50: `event.amount`",
        'write money(event.amount, "CNY"), or decimal(event.amount, 2) for the number alone',
    ),
    "clock-of-utc": (
        4,
        25,
        "`getHours()` without a zone counts in UTC, eight hours behind Shanghai",
        'write event.paid_at.getHours("Asia/Shanghai")',
    ),
    "counts-from-zero": (
        4,
        25,
        "`getMonth` counts months from 0: January is 0, December 11",
        'write local_time(event.paid_at, "M"), or add 1',
    ),
    "doubtful-style": (
        4,
        5,
        "`thing1` is not a key of style `history`",
        "history and alipay have first, keyword1, … and remark; category has thing1, time2, amount3, …",
    ),
    "enum-order": (
        4,
        25,
        "`>` compares the values of an enum letter by letter",
        'write `==`, `!=` or in ["…", "…"]',
    ),
    "doubtful-template-id": (
        4,
        44,
        "staging has the id of production: a message sent there would reach the customers of the other",
        "write the id of this environment's own account, or leave the line out",
    ),
    "doubtful-zone": (
        7,
        52,
        "`Etc/GMT+8` is UTC-8: the sign of these names is reversed",
        "write Asia/Shanghai",
    ),
    "foreign-placeholder": (
        7,
        19,
        "the customer would read `{{order_no}}` as it is written",
        "write `${event.order_no}`",
    ),
    "may-fail": (
        7,
        17,
        "`event.tags[1]` fails for events whose list is shorter",
        "ask first: size(event.tags) > 1 ? event.tags[1] : …",
    ),
    "nested-braces": (
        7,
        34,
        "inside the quotes of an expression `${…}` has no meaning: the customer would read the braces",
        'close the quotes and join with `+`: "礼物" + event.order_no',
    ),
    "raw-value": (
        7,
        17,
        "the customer would read `WECHAT` as the event has it: `event.channel`",
        'write label(event.channel, {"WECHAT": "…", "*": "…"})',
    ),
    "doubtful-date": (
        4,
        27,
        "`event.due_on` is written like 2026-11-30, and `2026/11/30` is not",
        'write "2026-11-30"',
    ),
    "doubtful-recipient": (
        4,
        21,
        "the recipient's id would have `,` in it",
        "write the field with the customer's id, and nothing else: to: ${event.sub}",
    ),
    "text-in-comment": (
        7,
        18,
        "the text ends before `#`: what follows is a comment that no customer reads",
        "put the whole text in quotes, or write ＃",
    ),
    "wrong-unit": (
        7,
        17,
        "`event.amount` is in whole units: money_of_cents() would write a hundredth of the amount",
        'write money(event.amount, "CNY")',
    ),
    "alias": (
        1,
        11,
        "anchors and aliases are not allowed: write the value out",
        "put a text that begins with `*` or `&` in quotes",
    ),
    "always-fails": (
        6,
        27,
        '`timestamp("2026-11-11 00:00")` fails for every event: this is not a date, a time and a zone',
        'write it with date, time and zone: timestamp("2026-11-11T00:00:00+08:00")',
    ),
    "always-matches": (
        6,
        40,
        "the condition is always true: any `event.channel` satisfies this or the part before it",
        "did you mean `&&`?",
    ),
    "bad-argument": (
        7,
        37,
        "money: unknown currency; write its three capital letters (ISO 4217), such as CNY",
        None,
    ),
    "bad-test": (4, 37, "no message is refused for `field_limits`", "did you mean `field_limit`?"),
    "bad-url": (
        6,
        10,
        "the url does not begin with https:// and a host",
        "write scheme and host out; only what follows them may come from the event",
    ),
    "cannot-truncate": (6, 16, "a shortened `character_string` would be wrong", None),
    "disabled": (2, 5, "rule `paid` is off: `enabled: false`", None),
    "duplicate-key": (7, 5, "`stop` is here twice", None),
    "duplicate-rule": (8, 5, "rule `paid` is already defined at duplicate-rule.yaml:2", None),
    "expression-syntax": (6, 23, "not an expression: `=` does not go here", "compare with `==`"),
    "expression-unclosed": (
        7,
        17,
        "`${` without its `}`",
        "close it with `}`, or write `$${` for the characters themselves",
    ),
    "field-kind-unknown": (
        7,
        7,
        "`subject` does not name a kind of field",
        "keys of category templates begin with thing, time, amount, …; or write `type:`",
    ),
    "field-not-filled": (6, 5, "template `paid` also needs `thing1`", None),
    "field-not-in-version": (
        6,
        17,
        "`event.gift_card` is not there in version 1 of 2 of `shop.order.Paid`",
        "ask first: has(event.gift_card) && …, or has(event.gift_card) ? … : …",
    ),
    "forgotten-braces": (
        7,
        17,
        "`event.order_no` is not inside `${…}`, so the customer would read it as it is written",
        "write `${event.order_no}`",
    ),
    "integer-division": (
        7,
        29,
        "the remainder is dropped: 1299 / 100 is 12",
        "write double(event.count) / 100.0, or money_of_cents(event.count, …) for an amount",
    ),
    "label-missing": (8, 32, "no label for BALANCE", 'add them, or "*" for others'),
    "missing-key": (2, 5, "rule `paid` has no `to`", "write it in the rule, or in `defaults:` of the file"),
    "missing-test": (2, 5, "no test expects a message of `paid`", None),
    "never-matches": (
        6,
        40,
        "the condition is never true: no `event.channel` satisfies both this and the part before it",
        "did you mean `||`?",
    ),
    "no-rules": (1, 1, "there is no rule", None),
    "no-template-id": (
        5,
        15,
        "template `no_production` has no id for environment `production`",
        "it has one for staging",
    ),
    "no-templates": (
        1,
        1,
        "there is no templates.yaml",
        "put one beside the rules; `notice-pipeline init` makes an example",
    ),
    "not-a-condition": (
        6,
        11,
        "the condition is a whole number, not true or false",
        "compare it with something: == != < >",
    ),
    "not-a-text": (7, 19, "this is a time, not a text", 'write a time with local_time(event.…, "YYYY年M月D日 HH:mm")'),
    "not-yaml": (
        7,
        34,
        "a colon inside a text, which YAML takes for a key",
        "put the text in quotes: '…', or below a `|-` on lines of its own",
    ),
    "null-not-handled": (7, 17, "`event.note` may be null", "ask first: event.note != null ? … : …"),
    "over-limit": (
        7,
        15,
        "`thing1` has 25 of at most 20 characters",
        "shorten it, or let it be cut: `overflow: {thing1: truncate}`",
    ),
    "repeated-type": (3, 27, "`shop.order.Paid` is there twice", None),
    "unreachable-url": (
        6,
        18,
        "customers cannot reach `localhost`: it is an address of your own network",
        "write the public address of the page",
    ),
    "shadowed": (9, 5, "rule `paid` stops every event of this type before", None),
    "too-costly": (6, 45, "`filter` inside another macro", "write a simpler expression, or several rules"),
    "too-deep": (1, 32, "nested deeper than 24 levels", None),
    "type-mismatch": (
        6,
        24,
        "`>` does not go between a number with decimals and a whole number",
        "a whole number beside a decimal one is written with its point, like 0.0; of a field make double(…)",
    ),
    "unknown-api": (4, 5, "there is no API `smss`", "did you mean `sms`?"),
    "unknown-enum-value": (6, 28, "`event.channel` is never `WEBCHAT`", "did you mean `WECHAT`?"),
    "unknown-event-type": (
        3,
        9,
        "no schema of `shop.order.Payed` is known: its expressions are not checked",
        "did you mean `shop.order.Paid`?",
    ),
    "unknown-field": (6, 36, "`shop.order.Paid` has no field `amuont`", "did you mean `amount`?"),
    "unknown-key": (6, 5, "unknown key `wen`", "did you mean `when`?"),
    "unknown-name": (7, 17, "there is no function `mony`", "did you mean `money`?"),
    "unfit-event": (6, 23, "`event.amount`: should be a number", "write it as 1280.00: digits and a point alone"),
    "unknown-rule": (4, 31, "there is no rule `payed`", "did you mean `paid`?"),
    "unknown-template": (5, 15, "there is no template `payed`", "did you mean `paid`?"),
    "unknown-template-field": (8, 7, "template `paid` has no field `thing2`", "did you mean `thing1`?"),
    "unused-template": (6, 3, "no rule uses `spare`", None),
    "wrong-value": (6, 20, "`expires_after`: write a duration like 30m, 24h or 7d", None),
}
"""Line, column, words, hint."""


@pytest.mark.parametrize("code", sorted(EXPECTED))
def test_the_fault_is_found_at_its_place(code: str) -> None:
    """Each code's file has that finding, at the exact line and column, in these words and with this hint."""
    line, column, message, hint = EXPECTED[code]
    one, *others = [finding for finding in found(code) if finding.code == code]
    assert (one.line, one.column, one.message, one.hint) == (line, column, message, hint)
    assert one.level is CODES[code].level
    assert not others


def test_every_code_has_its_fault() -> None:
    """No code without a file that shows it, no file without a code."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(CODES) - WITHOUT_FILE
    assert set(EXPECTED) == set(CODES) - WITHOUT_FILE


@pytest.mark.parametrize("code", sorted(name for name, code in CODES.items() if code.example))
def test_the_references_example_is_the_faulty_line(code: str) -> None:
    """What the page shows is in the file."""
    assert CODES[code].example in (FOLDER / f"{code}.yaml").read_text(encoding="utf-8")

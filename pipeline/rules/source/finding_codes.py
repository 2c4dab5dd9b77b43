"""Every finding there is: its level, what it means, how to fix it. The reference and the tests derive from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.model.finding import Level


class Code(NamedTuple):
    """One kind of finding."""

    level: Level
    meaning: str
    fix: str
    example: str = ""
    """A line that has it (the whole file is in `tests/faults/`); empty where one line does not show it."""


_E, _W, _N = Level.ERROR, Level.WARNING, Level.NOTE

CODES: Mapping[str, Code] = {
    "not-yaml": Code(
        _E,
        "The file is not YAML, or uses what is not allowed here.",
        "Fix the line; no tags, no anchors.",
        'thing1: ${event.gift ? "礼" : "豆"}',
    ),
    "alias": Code(_E, "A YAML alias (`*name`).", "Write the value out, or use `defaults:`.", "defaults: &shared"),
    "duplicate-key": Code(_E, "A mapping has the same key twice.", "Keep one."),
    "too-deep": Code(_E, "The file is nested too deeply.", "Flatten it."),
    "file-too-large": Code(_E, "The file is over a mebibyte.", "Split it."),
    "unknown-key": Code(_E, "The format has no such key.", "See the suggested name in the hint.", "wen: event.gift"),
    "missing-key": Code(_E, "A key that must be there is not.", "Add it."),
    "wrong-value": Code(_E, "A value has the wrong type or shape.", "See the message.", "expires_after: 2 days"),
    "duplicate-rule": Code(_E, "Two rules have the same id.", "Ids name rules in metrics and keys: give one another."),
    "expression-unclosed": Code(
        _E,
        "A `${` without its `}`.",
        "Close it; write `$${` for the characters themselves.",
        "thing1: 订单${event.order_no",
    ),
    "expression-syntax": Code(
        _E,
        "Not an expression.",
        "Texts are in quotes, comparisons use `==`.",
        "when: event.count = 3",
    ),
    "forgotten-braces": Code(
        _E,
        "A text has a field of the event outside `${…}`: customers would read `event.order_no`.",
        "Put it into `${…}`.",
        "thing1: 订单event.order_no",
    ),
    "nested-braces": Code(
        _E,
        "`${…}` inside the quotes of an expression: customers would read the braces.",
        "Close the quotes and join with `+`.",
        """thing1: '${event.gift ? "礼物${event.order_no}" : "订单"}'""",
    ),
    "too-costly": Code(
        _E,
        "An expression that could take too long, or make a text too long.",
        "Write a simpler expression.",
        "when: event.tags.exists(tag, event.tags.filter(other, other == tag).size() > 1)",
    ),
    "unknown-field": Code(
        _E,
        "The event has no such field.",
        "See the suggested name, or the event's schema.",
        "when: event.count > 1 && event.amuont > 0.0",
    ),
    "unknown-name": Code(
        _E, "Neither a function nor `event`.", "Fields are read from `event`.", 'thing1: ${mony(event.amount, "CNY")}'
    ),
    "type-mismatch": Code(
        _E, "An operator or function does not take these types.", "See the hint.", "when: event.amount > 0"
    ),
    "not-a-condition": Code(_E, "`when` is not true or false.", "Compare with something.", "when: event.count"),
    "not-a-text": Code(
        _E,
        "The expression gives neither a text nor a number.",
        "Write times with local_time(), lists with join().",
        "thing1: 已于${event.paid_at}支付",
    ),
    "null-not-handled": Code(
        _E,
        "A field that may be null is used without a check.",
        "Ask first: `event.x != null ? … : …`.",
        "thing1: ${event.note}",
    ),
    "field-not-in-version": Code(
        _E,
        "A field is used that not every version of the event has.",
        "Ask first: `has(event.x) ? … : …`.",
        "when: event.gift_card",
    ),
    "always-there": Code(
        _W,
        "The answer is the same for every event: has() of a field that each has, which is true for null as well; "
        "`event` compared with null; a size compared with 0.",
        "Ask for null: `event.x != null`.",
        "when: has(event.note)",
    ),
    "unknown-enum-value": Code(
        _E, "The field never has this value.", "See the suggested name.", 'when: event.channel == "WEBCHAT"'
    ),
    "label-missing": Code(
        _W,
        "label() has no text for some values.",
        'Add them, or `"*"` for all others.',
        '${label(event.channel, {"WECHAT": "微信", "ALIPAY": "支付宝"})}',
    ),
    "bad-argument": Code(
        _E,
        "A fixed argument of a function is always wrong.",
        "See the message.",
        'thing1: ${money(event.amount, "RMB")}',
    ),
    "bad-for-each": Code(
        _E,
        "`for_each` is not a name, `in`, and a list.",
        "Write it like `person in event.people`.",
        "for_each: event.lines",
    ),
    "not-a-list": Code(
        _E, "`for_each` does not name a list.", "Name a list of the event.", "for_each: line in event.order_no"
    ),
    "unused-item": Code(
        _W,
        "No expression of the rule reads the item of `for_each`: all its messages are the same.",
        "Read it in `to:`, `data:` or `url:`.",
        "for_each: line in event.lines",
    ),
    "bad-days": Code(
        _E,
        "The days of `active` are in the wrong order, or their time zone does not exist.",
        "See the message.",
        "active: {from: 2026-12-31, until: 2026-11-01}",
    ),
    "days-over": Code(
        _W,
        "The last day of `active` is over: the rule matches no new event.",
        "Remove the rule, or write another day.",
        "active: {until: 2020-12-31}",
    ),
    "unused-timezone": Code(
        _W,
        "No rule of the file has the days that `timezone` is for.",
        'Name the zone where it is needed: `local_time(event.paid_at, "HH:mm", "Europe/Berlin")`.',
        "timezone: Europe/Berlin",
    ),
    "constant-reference": Code(
        _E,
        "`reference` is the same for every event.",
        "Name a field of the event: `${event.order_no}`.",
        "reference: order_no",
    ),
    "always-fails": Code(
        _E,
        "A fixed part of an expression has no value, so it fails for every event.",
        "Change the fixed value.",
        'when: event.paid_at < timestamp("2026-11-11 00:00")',
    ),
    "integer-division": Code(
        _W,
        "An integer is divided by an integer, which drops the remainder.",
        "Divide numbers with decimals, or use money_of_cents().",
        "thing1: ${event.count / 100}",
    ),
    "bare-amount": Code(
        _W,
        "An amount of money is written as a bare number: 128.5 for ¥128.50, or cents for yuan.",
        "Write it with money() or money_of_cents(); decimal() writes the number alone.",
        "thing1: 共${event.amount}元",
    ),
    "doubled-currency": Code(
        _W,
        "A text has the sign or name of a currency beside money(), which writes it already.",
        "Leave it out, or write the number alone with decimal().",
        'thing1: ${money(event.amount, "CNY")}元',
    ),
    "raw-value": Code(
        _W,
        "A value of an enum, true or false, or a time is written as the event has it, or is the recipient.",
        "Write a text for each value with label(), or `condition ? this : that`.",
        "thing1: ${event.channel}",
    ),
    "wrong-unit": Code(
        _W,
        "A number is in another unit: cents for money(), milliseconds for timestamp(), whole units made a hundredth.",
        "See the message.",
        'thing1: ${money_of_cents(int(event.amount), "CNY")}',
    ),
    "may-fail": Code(
        _W,
        "A part has no value for some events: an item that a list may not have, a key that a map may not have, a "
        "division by a field that may be 0, an amount with separators, a blank in a url. Such events make no message.",
        "Ask first, as the hint shows.",
        "thing1: ${event.tags[1]}",
    ),
    "clock-of-utc": Code(
        _W,
        "A part of a time is read in UTC, because no zone is named.",
        'Name the zone: `getHours("Asia/Shanghai")`.',
        "when: event.paid_at.getHours() >= 8",
    ),
    "counts-from-zero": Code(
        _W,
        "getMonth() is 0 in January, getDayOfMonth() 0 on the first, getDayOfWeek() 0 on Sunday.",
        'Write `local_time(event.paid_at, "M")`, or add 1.',
        'when: event.paid_at.getMonth("Asia/Shanghai") == 11',
    ),
    "doubtful-date": Code(
        _W,
        "A date or a time of day is compared with a text of another form: the two are never equal.",
        'Write it as events have it: `"2026-11-30"`, `"15:01:00"`.',
        'when: event.due_on == "2026/11/30"',
    ),
    "doubtful-recipient": Code(
        _W,
        "The recipient is the same for every event, is the number of an order or another thing, or has a quote, comma "
        "or blank beside the field.",
        "Write the field with the customer's id, and nothing else.",
        "to: ${event.sub},",
    ),
    "doubtful-zone": Code(
        _W,
        "The zone is not the one that its name suggests: `Etc/GMT+8` is eight hours behind UTC.",
        "Name a city.",
        'thing1: ${local_time(event.paid_at, "HH:mm", "Etc/GMT+8")}',
    ),
    "foreign-placeholder": Code(
        _W,
        "A text has a placeholder, tag or escape of another system: customers would read it as it is written.",
        "Write `${event.…}`, or the text itself.",
        "thing1: 您的订单{{order_no}}已发货",
    ),
    "text-in-comment": Code(
        _W,
        "The rest of a text is a comment of YAML, because it stands behind ` #`.",
        "Put the whole text in quotes.",
        "thing1: 订单 #${event.order_no}",
    ),
    "enum-order": Code(
        _W,
        "Values of an enum are compared by size, which compares their letters.",
        'Compare with `==` or `!=`, or write `in ["…", "…"]`.',
        'when: event.channel > "ALIPAY"',
    ),
    "doubtful-style": Code(
        _W,
        "A field of a template has a key of another style.",
        "Correct `style:`, or the key.",
        "style: history",
    ),
    "doubtful-template-id": Code(
        _W,
        "An id of a template is still to come, is that of another environment or template, or has not the form of one.",
        "Copy the id from the platform.",
        "ids: {production: template-1, staging: template-1}",
    ),
    "unknown-template": Code(_E, "templates.yaml has no such alias.", "See the suggested name.", "template: payed"),
    "template-missing": Code(
        _E,
        "A value that the event may have chooses no template: such an event makes no message.",
        'Add it to `of:`, or `"*"` for every other value.',
        "template: {by: event.channel, of: {WECHAT: paid}}",
    ),
    "templates-differ": Code(
        _E,
        "The templates of a choice do not need the same fields.",
        "Make the field optional in templates.yaml, or write two rules.",
        'template: {by: event.channel, of: {WECHAT: paid, "*": old}}',
    ),
    "no-templates": Code(_E, "There is no templates.yaml.", "Add one beside the rules."),
    "no-template-id": Code(_E, "The template has no id for this environment.", "Add it under `ids:`."),
    "unknown-api": Code(
        _E,
        "The configuration has no such API.",
        "See the suggested name, or add it under `apis:` of pipeline.yaml.",
        "api: smss",
    ),
    "unknown-template-field": Code(_E, "The template has no such field.", "The channel refuses unknown fields."),
    "field-not-filled": Code(_E, "A field of the template gets no value.", "Fill it, or mark it `optional: true`."),
    "field-kind-unknown": Code(
        _E,
        "The key's prefix does not name a kind of field.",
        "Give the field a `type:`.",
        "subject: {label: 商品, optional: true}",
    ),
    "over-limit": Code(
        _E,
        "A fixed text is not what the channel takes in this field.",
        "See the message.",
        "thing1: 这是一段超过二十个字的固定文字所以渠道一定会拒绝它",
    ),
    "cannot-truncate": Code(
        _E,
        "Cutting this kind of field makes wrong data.",
        "Remove it from `overflow:`.",
        "overflow: {character_string2: truncate}",
    ),
    "bad-url": Code(
        _E,
        "The url does not begin with https://.",
        "Write the host out; only what follows may vary.",
        "url: javascript:alert(1)",
    ),
    "unknown-category": Code(
        _E,
        "There is no such category: neither one of the three that are always there, nor one of care.yaml.",
        "See the suggested name, or declare it below `categories:` of care.yaml.",
        "over-night: {of: {category: markting}, at_most: 2, per: day}",
    ),
    "unknown-cap": Code(_E, "care.yaml has no such cap.", "See the suggested name.", "caps: [marketing-aday]"),
    "unknown-quiet-hours": Code(
        _E, "care.yaml has no such quiet hours.", "See the suggested name.", "quiet: {hours: nigth, then: drop}"
    ),
    "unknown-list": Code(
        _E, "No category has this list as its `opt_out`.", "See the suggested name.", "opted_out: [promotion]"
    ),
    "unknown-zone": Code(_E, "There is no such time zone.", "Name a city: `Asia/Shanghai`.", "timezone: Asia/Shanghaj"),
    "care-needs-order": Code(
        _E,
        "A rule with `order: none` has `once`, or a cap: of two messages at the same time both would be sent.",
        "Leave out `order: none`.",
        "order: none",
    ),
    "never-opens": Code(
        _E,
        "Quiet hours begin and end at the same time, or a cap lets no message through.",
        "See the message.",
        'night: {from: "22:00", to: "22:00"}',
    ),
    "reserve-too-large": Code(
        _E,
        "A cap reserves everything, so that other categories could never send.",
        "Reserve less than `at_most`.",
        "reserve: {transactional: 10}",
    ),
    "urgent-held-back": Code(
        _E,
        "A cap, quiet hours or an opt-out would hold back messages of `security` or of an urgent category.",
        "Leave it out.",
        "security: {caps: [everything]}",
    ),
    "window-too-long": Code(
        _E,
        "`within` of `once`, or a cap's window, reaches back further than the state of a recipient.",
        "Write at most 31d.",
        'once: {by: "${event.order_no}", within: 60d}',
    ),
    "not-in-release": Code(
        _E,
        "The format has this, and this release does not carry it out.",
        "Leave it out.",
        "send: {after: 30m}",
    ),
    "cap-without-effect": Code(
        _W,
        "A cap never holds a message back.",
        "Name it below `caps:` of the category that it counts, or remove it.",
        "spare: {of: all, at_most: 20, per: day}",
    ),
    "unused-category": Code(
        _W,
        "No rule has this category of care.yaml.",
        "Give rules the category, or remove it.",
        "newsletter: {caps: [marketing-a-day]}",
    ),
    "constant-once": Code(
        _W,
        "The key of `once` is the same for every event: a recipient gets one message of the rule within the time.",
        "Name a field of the event: `${event.order_no}`.",
        "once: {by: order_no, within: 24h}",
    ),
    "unknown-event-type": Code(
        _W,
        "No schema of this event type is known: expressions are not checked.",
        "Add the schema.",
        "on: shop.order.Payed",
    ),
    "never-matches": Code(
        _W,
        "The condition is never true.",
        "Remove the rule, or set `enabled: false`.",
        'when: event.channel == "WECHAT" && event.channel == "ALIPAY"',
    ),
    "always-matches": Code(
        _W,
        "The condition is always true.",
        "Leave `when:` out.",
        'when: event.channel != "WECHAT" || event.channel != "ALIPAY"',
    ),
    "repeated-type": Code(_W, "`on:` has an event type twice.", "Keep one.", "on: [shop.order.Paid, shop.order.Paid]"),
    "unreachable-url": Code(
        _W,
        "The url leads to the author's own machine or network, which customers cannot reach.",
        "Write the public address.",
        "url: https://localhost:3000/orders",
    ),
    "shadowed": Code(
        _W, "An earlier rule without a condition stops all events of this type.", "Put it before, or drop `stop`."
    ),
    "unused-template": Code(_W, "No rule uses the template.", "Remove it."),
    "missing-test": Code(_W, "No test expects a message of this rule.", "Add one under tests/."),
    "disabled": Code(_N, "The rule is disabled.", "Remove it when it is no longer needed.", "enabled: false"),
    "file-not-read": Code(
        _W, "A file looks like a rule file and is not read.", "Rename it, or move it out of the folder."
    ),
    "no-rules": Code(_W, "There is no rule.", "Is this the right folder?", "rules: []"),
    "bad-test": Code(
        _E,
        "A test has a wrong form, or expects what can never happen.",
        "See the message.",
        "expect: {none: refused, reason: field_limits}",
    ),
    "unknown-rule": Code(
        _E, "A test names a rule that does not exist.", "See the suggested name.", "expect: {notices: [{rule: payed}]}"
    ),
    "unfit-event": Code(
        _E,
        "The event of a test does not fit its schema, or cannot be made.",
        "The service could never read such an event.",
        'with: {amount: "1,280.00"}',
    ),
}


def is_error(code: str) -> bool:
    """Whether findings of this code refuse a rule set."""
    return CODES[code].level is Level.ERROR


def as_markdown() -> str:
    """The reference of findings."""
    lines = [
        "# Findings of `check`",
        "",
        "Generated from `pipeline/rules/source/finding_codes.py`; do not edit. Only errors refuse a rule set.",
        "",
        "| code | level | meaning | how to fix it | for example |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {code.level} | {code.meaning} | {code.fix} | {_cell(code)} |" for name, code in CODES.items()
    ]
    return "\n".join(lines) + "\n"


def _cell(code: Code) -> str:
    return f"`{code.example}`".replace("|", "\\|") if code.example else ""

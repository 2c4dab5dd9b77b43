"""Mistakes in templates and tests."""

from __future__ import annotations

from tests.planted.mistake import Mistake

IDS = "in each environment\n      production: receipt-production\n      staging: receipt-staging\n"

FIELDS = "    fields:                                # in the order shown\n"
TEMPLATES = (
    Mistake("fields indented too little", FIELDS, FIELDS.replace("    fields", "  ▸fields"), "wrong-value",
            "it belongs to template `receipt`"),
    Mistake("a kind in the middle of a key", "      thing5: ", "      ▸short_thing5: {optional: true}\n      thing5: ",
            "field-kind-unknown", "did you mean `thing5`?"),
    Mistake("a key as the platform shows it", "      thing5: ", "      ▸thing6.DATA: {optional: true}\n      thing5: ",
            "field-kind-unknown", "write `thing6`"),
    Mistake("a style misspelt", "style: category  ", "style: ▸categroy  ", "wrong-value", "did you mean `category`?"),
    Mistake("a field whose key tells no kind", "      thing5: ", "      ▸paid_by: {optional: true}\n      thing5: ",
            "field-kind-unknown", "type:"),
    Mistake("a kind misspelt", "thing5: {", "thing5: {type: ▸thng, ", "wrong-value", "did you mean `thing`?"),
    Mistake("no title", "    title: 支付成功通知\n", "", "missing-key", "`title` is missing"),
    Mistake("one id for all", IDS, "\n", "wrong-value", "{production: …}"),
    Mistake("an amount with separators", "¥128.00", '"▸¥1,280.00"', "over-limit", "thousands"),
    Mistake("a comma in a text without quotes", "¥128.00", "¥1,▸280.00", "unknown-key", "text with a comma in quotes"),
    Mistake("a date of another kind", "2026年11月23日 23:01", "▸23.11.2026", "over-limit", "2019年10月1日"),
    Mistake("an alias twice", "  receipt:\n", "  receipt: {title: a, ids: {a: x}, fields: {thing5: {}}}\n  ▸receipt:\n",
            "duplicate-key", "is here twice"),
    Mistake("a truth in Chinese", "optional: true", "optional: ▸是", "wrong-value", "true or false"),
    Mistake("a full-width colon", "title: 支付成功通知", "▸title：支付成功通知", "not-yaml", "full-width"),
    Mistake("a key misspelt", "optional: true", "▸optinal: true", "unknown-key", "did you mean `optional`?"),
    Mistake("a value that is not a text", "label: 支付方式", "▸label: [支付方式]", "wrong-value", "a text"),
)  # fmt: skip

PAID = "type: com.example.trade.order.paid.v1\n      example: true"
FROM_BALANCE = "{notices: [{rule: receipt, data: {thing5: 余额支付}}]}"
TIMESTAMP = '"2026-11-23T15:01:00Z"'
NOT_PAID = "`event.amount_paid > 0.0` (event.amount_paid is 0.0)"

TESTS = (
    Mistake("a rule that is not there", "- rule: receipt\n", "- rule: ▸reciept\n", "unknown-rule", "`receipt`"),
    Mistake("a reason that is none", "reason: field_limit", "reason: ▸too_long", "bad-test", "field_limit"),
    Mistake("another event type", f"{PAID}   ", f"{PAID}   ".replace("com", "▸com").replace("paid", "payed"),
            "bad-test",
            "order.paid.v1`?"),
    Mistake("both messages and none", "expect: {none: no_match}", "expect: {▸none: no_match, notices: []}", "bad-test",
            "both"),
    Mistake("a field that the card has not", "thing5: 在线支付", "▸thing6: 在线支付", "unknown-template-field",
            "`thing5`"),
    Mistake("an amount with separators", '"128.00"', '"▸1,280.00"', "unfit-event", "1280.00"),
    Mistake("an amount with its sign", '"128.00"', "▸¥128.00", "unfit-event", "1280.00"),
    Mistake("a field of the event misspelt", "item_count: 3", "▸item_cuont: 3", "unfit-event", "`item_count`?"),
    Mistake("an enum's value misspelt", "WECHAT\n", "▸WEBCHAT\n", "unfit-event", "`WECHAT`?"),
    Mistake("a time without zone", TIMESTAMP, '"▸2026-11-23T15:01:00"', "unfit-event", "+08:00"),
    Mistake("a time of another kind", TIMESTAMP, '"▸2026年11月23日 15:01"', "unfit-event", "2026-11-23T15:01:00Z"),
    Mistake("a number where a text is", "order_no: T1\n", "order_no: ▸1001\n", "unfit-event", "into quotes"),
    Mistake("a count in quotes", "item_count: 3", 'item_count: "▸3"', "unfit-event", "without quotes"),
    Mistake("a count in words", "item_count: 3", "item_count: ▸三", "unfit-event", "a whole number"),
    Mistake("a word that is none", "none: no_match", "none: ▸nomatch", "wrong-value", "did you mean `no_match`?"),
    Mistake("a key misspelt", "      notices:\n", "      ▸notice:\n", "unknown-key", "did you mean `notices`?"),
    Mistake("one message that is no list", FROM_BALANCE, "{▸notices: {rule: receipt}}", "wrong-value", "list"),
    Mistake("nothing expected", f"expect: {FROM_BALANCE}", "▸expect: {}", "bad-test", "nothing is expected"),
    Mistake("an expression where a text is expected", "thing3: 小粒咖啡豆250g等3件",
            "thing3: ▸${event.item_summary}等3件", "bad-test", "what the customer reads"),
    Mistake("a reason without its word", "{none: refused, rule: receipt, reason", "{none: no_match, ▸reason",
            "bad-test",
            "none: refused"),
    Mistake("no event to begin with", "example: true                        #", "#", "unfit-event", "example: true"),
    Mistake("a test without name", "name: the buyer gets a receipt\n    event:", "▸event:", "missing-key", "`name`"),
    Mistake("an amount as it is not written", "¥128.00", "▸¥128", "test", "got ¥128.00"),
    Mistake("a full-width sign", "¥128.00", "▸￥128.00", "test", "look alike"),
    Mistake("a time in another zone", "2026年11月23日 23:01", "▸2026年11月23日 15:01", "test",
            "got 2026年11月23日 23:01"),
    Mistake("a message of an event that makes none", "{none: no_match}", "{notices: [{rule: ▸receipt}]}", "test",
            NOT_PAID),
    Mistake("no message where one comes", FROM_BALANCE, "{none: ▸no_match}", "test", "there is a message: `receipt`"),
    Mistake("a text that is too long", "{none: refused, rule: receipt, reason: field_limit}",
            "{notices: [{rule: ▸receipt}]}", "test", "T20261123150100001-20261123150100002"),
    Mistake("another reason", "reason: field_limit", "reason: ▸field_empty", "test", "got field_limit"),
)  # fmt: skip

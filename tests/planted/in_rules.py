"""Mistakes in a file of rules."""

from __future__ import annotations

from tests.planted.mistake import Mistake

WHEN = "event.amount_paid > 0.0  "
THING5 = """'${event.pay_channel == "BALANCE" ? "余额支付" : "在线支付"}'"""
TIME1 = """${local_time(event.paid_at, "YYYY年M月D日 HH:mm")}"""
AMOUNT4 = "${money(event.amount_paid, event.currency)}"
COUPON = """
  - id: coupon
    on: com.example.coupon.issued.v1
    to: ${event.sub}
    template: receipt
    data:
      time1: "15:01"
      character_string2: ${event.coupon_id}
      thing3: ${event.coupon_name}
      amount4: ${money(▸event.threshold, "CNY")}
"""
TWICE = COUPON.replace("- id: coupon", "- ▸id: receipt").replace("▸event.threshold", "event.face_value")
LAST = "在线支付\"}'\n"
TIMESTAMP = '"YYYY年M月D日 HH:mm"'
NUMBER = "character_string2: ${event.order_no}"
PAID = "on: com.example.trade.order.paid.v1   "

EXPRESSIONS = (
    Mistake("a field misspelt", WHEN, "event.▸amout_paid > 0.0", "unknown-field", "did you mean `amount_paid`?"),
    Mistake("a field misspelt in a text", "${event.order_no}\n      thing3", "${event.▸oder_no}\n      thing3",
            "unknown-field", "did you mean `order_no`?"),
    Mistake("a field in Chinese", NUMBER, "character_string2: ${event.▸订单号}",
            "expression-syntax", "names are Latin letters"),
    Mistake("a field without event", NUMBER, "character_string2: ${▸order_no}",
            "unknown-name", "did you mean `event.order_no`?"),
    Mistake("a whole number beside a decimal one", WHEN, "event.amount_paid ▸> 0", "type-mismatch", "like 0.0"),
    Mistake("an amount with separators", WHEN, "event.amount_paid > 1▸,000.0", "expression-syntax", "1000.0"),
    Mistake("one equals sign", WHEN, 'event.currency ▸= "CNY"', "expression-syntax", "compare with `==`"),
    Mistake("one ampersand", WHEN, "event.amount_paid > 0.0 ▸& event.item_count > 1", "expression-syntax", "`&&`"),
    Mistake("and in words", WHEN, "event.amount_paid > 0.0 ▸and event.item_count > 1", "expression-syntax", "`&&`"),
    Mistake("or in words", WHEN, "event.amount_paid > 0.0 ▸OR event.item_count > 1", "expression-syntax", "`||`"),
    Mistake("not in words", WHEN, 'not ▸event.pay_channel == "BALANCE"', "expression-syntax", "`!`"),
    Mistake("a not-equals of another language", WHEN, "event.item_count <▸> 1", "expression-syntax", "`!=`"),
    Mistake("curly quotes", THING5, "'${event.pay_channel == ▸“BALANCE” ? \"余额支付\" : \"在线支付\"}'",
            "expression-syntax", '`"`'),
    Mistake("curly single quotes", WHEN, "event.currency == ▸‘CNY’", "expression-syntax", '`"`'),
    Mistake("full-width brackets", AMOUNT4, "${money▸（event.amount_paid, event.currency）}", "expression-syntax",
            "`(`"),
    Mistake("a full-width comma", AMOUNT4, "${money(event.amount_paid▸，event.currency)}", "expression-syntax", "`,`"),
    Mistake("a full-width greater-than", WHEN, "event.amount_paid ▸＞ 0.0", "expression-syntax", "`>`"),
    Mistake("an enum's value misspelt", '"BALANCE"', '▸"BALANC"', "unknown-enum-value", "did you mean `BALANCE`?"),
    Mistake("an enum's value in small letters", '"BALANCE"', '▸"balance"', "unknown-enum-value", "`BALANCE`"),
    Mistake("a text that is not quoted", '"BALANCE"', "▸BALANCE", "unknown-name", 'in quotes: "BALANCE"'),
    Mistake("a brace not closed", "https://m.example.com/orders/${event.order_no}",
            "https://m.example.com/orders/▸${event.order_no", "expression-unclosed", "close it with `}`"),
    Mistake("a bracket not closed", AMOUNT4, "${money(event.amount_paid, event.currency▸}", "expression-syntax",
            "a `)` is missing"),
    Mistake("a bracket too many", AMOUNT4, "${money(event.amount_paid, event.currency)▸)}", "expression-syntax", "`)`"),
    Mistake("a quote not closed", TIME1, '${local_time(event.paid_at, ▸"YYYY年M月D日)}', "expression-unclosed",
            "quote"),
    Mistake("minutes for months", TIMESTAMP, '▸"YYYY-mm-DD"', "bad-argument", "MM"),
    Mistake("a pattern of another language", TIMESTAMP, '▸"%Y-%m-%d"', "bad-argument", "YYYY"),
    Mistake("small letters for years", TIMESTAMP, '▸"yyyy-MM-dd"', "bad-argument", "YYYY"),
    Mistake("a time as it is", TIME1, "${▸event.paid_at}", "not-a-text", "local_time"),
    Mistake("a function misspelt", AMOUNT4, "${▸mony(event.amount_paid, event.currency)}", "unknown-name", "`money`"),
    Mistake("an argument left out", AMOUNT4, "${▸money(event.amount_paid)}", "type-mismatch", "money(double, string)"),
    Mistake("a currency that is none", AMOUNT4, '${money(event.amount_paid, ▸"RMB")}', "bad-argument", "CNY"),
    Mistake("a number added to a text", NUMBER,
            "character_string2: ${event.order_no ▸+ event.item_count}", "type-mismatch", "with string()"),
    Mistake("a time beside a text", WHEN, 'event.paid_at ▸> "2026-01-01"', "type-mismatch", "timestamp("),
    Mistake("a number as condition", WHEN, "▸event.item_count", "not-a-condition", "compare it"),
    Mistake("braces around a condition", WHEN, "▸${event.amount_paid > 0.0}", "expression-syntax", "without `${"),
    Mistake("braces within braces", AMOUNT4, "${money(▸${event.amount_paid}, event.currency)}", "expression-syntax",
            "without `${"),
    Mistake("a condition that is never true", WHEN,
            'event.pay_channel == "CARD" && ▸event.pay_channel == "WECHAT"', "never-matches", "never true"),
    Mistake("a field that may be null", LAST, LAST + COUPON, "null-not-handled", "ask first"),
    Mistake("a number as recipient", "to: ${event.sub}", "to: ${▸event.item_count}", "not-a-text", "string()"),
    Mistake("no braces at all", "${items(event.item_summary, event.item_count, 20)}", "▸event.item_summary",
            "forgotten-braces", "`${event.item_summary}`"),
    Mistake("braces without the dollar", NUMBER, "character_string2: 'No. {▸event.order_no}'",
            "forgotten-braces", "`${event.order_no}`"),
    Mistake("braces of another template language", "url: https://m.example.com/orders/${event.order_no}",
            "url: https://m.example.com/orders/{{▸event.order_no}}", "forgotten-braces", "`${event.order_no}`"),
)  # fmt: skip

FORM = (
    Mistake("a template misspelt", "template: receipt", "template: ▸reciept", "unknown-template", "`receipt`"),
    Mistake("a field not filled", f"      amount4: {AMOUNT4}\n", "", "field-not-filled", "needs `amount4`"),
    Mistake("a field that is not there", "thing5: '", "▸thing6: '", "unknown-template-field", "did you mean `thing5`?"),
    Mistake("a fixed text too long", THING5, "▸感谢您的支付我们会尽快为您安排发货请您耐心等待", "over-limit",
            "at most 20"),
    Mistake("one of two texts too long", '"余额支付"', '▸"感谢您使用账户余额支付我们会尽快为您安排发货"', "over-limit",
            "at most 20"),
    Mistake("an id twice", LAST, LAST + TWICE, "duplicate-rule", "already defined"),
    Mistake("a tab", "    owner: trade-team", "▸\towner: trade-team", "not-yaml", "spaces, not tabs"),
    Mistake("no quotes around a choice", THING5, THING5.strip("'").replace(" : ", " ▸: "), "not-yaml", "in quotes"),
    Mistake("a quote of YAML not closed", THING5, THING5[:-1].replace("'$", "▸'$"), "not-yaml", "quote is not closed"),
    Mistake("no blank after a colon", "template: receipt", "▸template:receipt", "not-yaml", "space"),
    Mistake("a full-width colon", "template: receipt", "▸template： receipt", "not-yaml", "full-width colon"),
    Mistake("an indentation too small", "    template: receipt", "   ▸template: receipt", "not-yaml", "indent"),
    Mistake("no dash before a rule", "  - id: receipt   ", "    id: receipt   ", "wrong-value", "list"),
    Mistake("a key misspelt", "template: receipt", "▸tempalte: receipt", "unknown-key", "did you mean `template`?"),
    Mistake("a key of a field in the wrong place", "    data: ", "    ▸thing5: x\n    data: ", "unknown-key", "data"),
    Mistake("a duration in words", "expires_after: 24h", "expires_after: ▸24 hours", "wrong-value", "30m, 24h or 7d"),
    Mistake("a duration without unit", "expires_after: 24h", "expires_after: ▸24", "wrong-value", "30m, 24h or 7d"),
    Mistake("a category misspelt", "category: transactional", "category: ▸marketting", "wrong-value", "`marketing`"),
    Mistake("a truth that is none", "category: transactional", "enabled: ▸maybe", "wrong-value", "true or false"),
    Mistake("a colour by name", "category: transactional", "color: ▸red", "wrong-value", "#rrggbb"),
    Mistake("a url without https", "url: https://", "url: ▸http://", "bad-url", "https://"),
    Mistake("a url without scheme", "url: https://m", "url: ▸m", "bad-url", "https://"),
    Mistake("an amount to be cut", "data: ", "overflow: {▸amount4: truncate}\n    data: ", "cannot-truncate", "amount"),
    Mistake("an overflow that is none", "data: ", "overflow: {thing3: ▸cut}\n    data: ", "wrong-value", "truncate"),
    Mistake("capital letters in an id", "id: receipt   ", "id: ▸Receipt   ", "wrong-value", "lowercase letters"),
    Mistake("Chinese in an id", "id: receipt   ", "id: ▸支付通知   ", "wrong-value", "lowercase letters"),
    Mistake("no event type", "    on: com.example.trade.order.paid.v1   ", "    #", "missing-key", "has no `on`"),
    Mistake("an event type misspelt", PAID, PAID.replace("com", "▸com").replace("paid", "payed"),
            "unknown-event-type", "did you mean `com.example.trade.order.paid.v1`?"),
)  # fmt: skip

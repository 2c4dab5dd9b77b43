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
RECIPIENT = "to: ${event.sub}"
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
    Mistake("an argument left out", AMOUNT4, "${▸money(event.amount_paid)}", "type-mismatch",
            "write it like money("),
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

URL = "url: https://m.example.com/orders/${event.order_no}"


def _reference(text: str) -> str:
    return f"{URL}\n    reference: {text}" if text else f"{URL}\n    ▸reference:"


REFERENCES = (
    Mistake(
        "a reference without braces", URL, _reference("▸event.order_no"), "forgotten-braces", "`${event.order_no}`"
    ),
    Mistake(
        "a reference that is a name alone", URL, _reference("▸order_no"), "constant-reference", "${event.order_no}"
    ),
    Mistake(
        "a reference to what does not exist",
        URL,
        _reference("${event.▸oder_no}"),
        "unknown-field",
        "did you mean `order_no`?",
    ),
    Mistake("a reference to a time", URL, _reference("${▸event.paid_at}"), "not-a-text", "local_time"),
    Mistake("several references", URL, f"{URL}\n    ▸reference: [event.order_no]", "wrong-value", "in one text"),
    Mistake("a reference that is empty", URL, _reference(""), "wrong-value", "leave the line out"),
    Mistake("a reference misspelt", URL, f"{URL}\n    ▸refrence: ${{event.order_no}}", "unknown-key", "`reference`"),
    Mistake(
        "a reference of another template language",
        URL,
        _reference("'▸{{order_no}} of ${event.sub}'"),
        "foreign-placeholder",
        "`${event.order_no}`",
    ),
)


def _active(days: str) -> str:
    return f"{URL}\n    active: {days}"


DAYS = (
    Mistake("the days exchanged", URL, _active("{from: 2026-12-31, until: ▸2026-11-01}"), "bad-days", "exchange"),
    Mistake("a day that does not exist", URL, _active("{from: ▸2026-11-31}"), "wrong-value", "no such day"),
    Mistake("a day with a time", URL, _active('{until: "▸2026-12-31 23:59"}'), "wrong-value", "without a time"),
    Mistake("a day as in Germany", URL, _active("{until: ▸31.12.2026}"), "wrong-value", "2026-11-30"),
    Mistake("a day with slashes", URL, _active("{until: ▸2026/12/31}"), "wrong-value", "2026-11-30"),
    Mistake("a day as a sentence", URL, f"{URL}\n    active: ▸2026-11-01", "wrong-value", "{from: 2026-11-01"),
    Mistake("no day at all", URL, f"{URL}\n    ▸active: {{}}", "wrong-value", "from, until or both"),
    Mistake("a first day misspelt", URL, _active("{▸form: 2026-11-01}"), "unknown-key", "`from`"),
    Mistake("a last day by another name", URL, _active("{from: 2026-11-01, ▸to: 2026-12-31}"), "unknown-key", "until"),
    Mistake("a day that never comes", URL, _active("{until: ▸9999-12-31}"), "wrong-value", "leave out"),
    Mistake("a zone without days", "rules:\n", "timezone: ▸Europe/Berlin\nrules:\n", "unused-timezone", "local_time("),
)
ZONES = tuple(
    Mistake(f"days in the zone {zone}", "rules:\n",
            f"timezone: ▸{zone}\ndefaults:\n  active: {{from: 2026-11-01}}\nrules:\n", code, hint)
    for zone, code, hint in (
        ("Asia/Beijing", "bad-days", "Asia/Shanghai"),
        ("UTC+8", "bad-days", "Asia/Shanghai"),
        ("Etc/GMT+8", "doubtful-zone", "Asia/Shanghai"),
    )
)  # fmt: skip


TEMPLATE = "template: receipt"


def _choice(choice: str) -> str:
    return f"template: {choice}"


CHOICES = (
    Mistake("no template for others", TEMPLATE, _choice("{by: event.currency, ▸of: {CNY: receipt}}"),
            "template-missing", '"*"'),
    Mistake("an enum's values left out", TEMPLATE, _choice("{by: event.pay_channel, ▸of: {WECHAT: receipt}}"),
            "template-missing", "no template for"),
    Mistake("a template for a value that never comes", TEMPLATE,
            _choice('{by: event.pay_channel, of: {▸WECHT: receipt, "*": receipt}}'), "unknown-enum-value", "`WECHAT`"),
    Mistake("a template of a choice misspelt", TEMPLATE,
            _choice('{by: event.currency, of: {CNY: ▸reciept, "*": receipt}}'), "unknown-template", "`receipt`"),
    Mistake("a choice by a field misspelt", TEMPLATE, _choice('{by: event.▸curency, of: {"*": receipt}}'),
            "unknown-field", "`currency`"),
    Mistake("a choice in braces", TEMPLATE, _choice("{by: '▸${event.currency}', of: {\"*\": receipt}}"),
            "expression-syntax", "without `${"),
    Mistake("a choice by a number", TEMPLATE, _choice('{by: ▸event.item_count, of: {"*": receipt}}'), "not-a-text",
            "string()"),
    Mistake("a star without quotes", TEMPLATE, _choice("{by: event.currency, of: {▸*: receipt}}"), "not-yaml", "*"),
    Mistake("a choice without templates", TEMPLATE, f"▸{_choice('{by: event.currency}')}", "missing-key", "`of`"),
    Mistake("a choice misspelt", TEMPLATE, _choice('{by: event.currency, ▸off: {"*": receipt}}'), "unknown-key",
            "`of`"),
    Mistake("a list of templates", TEMPLATE, f"▸{_choice('[receipt]')}", "wrong-value", "by a value"),
    Mistake("a month by name without a language", TIMESTAMP, '▸"MMMM D"', "bad-argument", "a locale behind the zone"),
    Mistake("a month by name in no language", TIMESTAMP, '▸"MMMM D", "Asia/Shanghai", "chinese"', "bad-argument",
            "zh-CN or en-US"),
)  # fmt: skip

WRONG_FUNCTIONS = (
    Mistake("a text joined as in a spreadsheet", THING5, """'${event.order_no ▸& "x"}'""", "expression-syntax",
            "with `+`"),
    Mistake("upper case of JavaScript", NUMBER, "character_string2: ${event.order_no.▸toUpperCase()}", "unknown-name",
            "upper(event.order_no)"),
    Mistake("a part of a text", NUMBER, "character_string2: ${event.order_no.▸substring(0, 8)}", "unknown-name",
            "substring(event.order_no"),
    Mistake("a part of a text in brackets", NUMBER, 'character_string2: "${event.order_no[0▸:8]}"', "expression-syntax",
            "substring("),
    Mistake("a replacement", NUMBER, """character_string2: '${event.order_no.▸replace("T", "")}'""", "unknown-name",
            'replace(event.order_no, "-", "")'),
    Mistake("a part that is always empty", NUMBER, "character_string2: ${substring(event.order_no, ▸8, 4)}",
            "bad-argument", "always empty"),
    Mistake("a part counted from the end", NUMBER, "character_string2: ${substring(event.order_no, ▸-4)}",
            "bad-argument", "from 0"),
    Mistake("a replacement of nothing", NUMBER, """character_string2: '${replace(event.order_no, ▸"", "-")}'""",
            "bad-argument", "is empty"),
    Mistake("a number of words", WHEN, '▸number("one hundred") < event.amount_paid', "always-fails", "12.50"),
    Mistake("a number with separators", WHEN, '▸number("1,000") < event.amount_paid', "always-fails", "12.50"),
    Mistake("a text to a number in JavaScript", WHEN, "▸parseFloat(event.order_no) > 1.0", "unknown-name",
            "number(event.order_no)"),
    Mistake("a part of a number", NUMBER, "character_string2: ${▸substring(event.item_count, 0, 1)}", "type-mismatch",
            "string(…)"),
    Mistake("a value for null in C#", NUMBER, """character_string2: '${event.order_no ?▸? "-"}'""",
            "expression-syntax", "default("),
    Mistake("a value for null with bars", NUMBER, """character_string2: '${event.order_no ▸|| "-"}'""",
            "type-mismatch", "default("),
    Mistake("a value for null of SQL", NUMBER, """character_string2: '${▸IFNULL(event.order_no, "-")}'""",
            "unknown-name", "default(event.order_no"),
    Mistake("a value for null in Kotlin", NUMBER, """character_string2: '${event.order_no ?▸: "-"}'""",
            "expression-syntax", "default("),
    Mistake("a list in round brackets", WHEN, 'event.pay_channel in ("WECHAT"▸, "ALIPAY")', "expression-syntax",
            "square brackets"),
    Mistake("one comparison with two bounds", WHEN, "1.0 < event.amount_paid ▸< 2.0", "type-mismatch",
            "join with `&&`"),
    Mistake("two bounds for one field", WHEN, "event.amount_paid > 1.0 && ▸< 2.0", "expression-syntax",
            "name the field again"),
    Mistake("one comparison with two values", WHEN, 'event.pay_channel == "WECHAT" ▸|| "ALIPAY"', "type-mismatch",
            "event.pay_channel in ["),
    Mistake("a number in quotes", WHEN, 'event.amount_paid ▸> "100"', "type-mismatch", "without quotes: 100.0"),
    Mistake("null in quotes", WHEN, 'event.amount_paid ▸!= "null"', "type-mismatch", "null without quotes"),
    Mistake("the present time", WHEN, "event.paid_at < ▸now()", "unknown-name", "knows no clock"),
    Mistake("today", WHEN, "event.paid_at > ▸TODAY()", "unknown-name", "knows no clock"),
    Mistake("money's arguments swapped", AMOUNT4, "${▸money(event.currency, event.amount_paid)}", "type-mismatch",
            "wrong order"),
    Mistake("plural's arguments swapped", THING5, """'${▸plural("# item", "# items", event.item_count)}'""",
            "type-mismatch", "wrong order"),
    Mistake("a text as a time", TIME1, TIME1.replace("local_time(event.paid_at", "▸local_time(event.order_no"),
            "type-mismatch", "is a time, not a text"),
    Mistake("a time as a date", TIME1, TIME1.replace("local_time", "▸local_date").replace(" HH:mm", ""),
            "type-mismatch", "local_time("),
    Mistake("whole units from a count", AMOUNT4, '${▸money(event.item_count, "CNY")}', "type-mismatch",
            "money_of_cents"),
    Mistake("a label's map as a list", THING5, """'${▸label(event.pay_channel, ["微信"])}'""", "type-mismatch",
            "is a map, not a list of texts"),
    Mistake("a label's map with equals signs", THING5, """'${label(event.pay_channel, {"WECHAT" ▸= "微信"})}'""",
            "expression-syntax", 'written {"A"'),
    Mistake("the length of JavaScript", WHEN, "event.order_no.▸length > 3", "type-mismatch", "size(event.order_no)"),
    Mistake("the length of Python", WHEN, "▸len(event.order_no) > 3", "unknown-name", "size(event.order_no)"),
    Mistake("emptiness of Java", WHEN, "event.order_no.▸isEmpty()", "unknown-name", 'event.order_no == ""'),
    Mistake("a function for a method", WHEN, '▸startsWith(event.order_no, "T")', "unknown-name",
            'event.order_no.startsWith("…")'),
    Mistake("a method in small letters", WHEN, 'event.order_no.▸startswith("T")', "unknown-name",
            'event.order_no.startsWith("…")'),
    Mistake("a function as a method", NUMBER, "character_string2: ${event.order_no.▸trim()}", "unknown-name",
            "write trim(event.order_no)"),
    Mistake("two decimals of JavaScript", AMOUNT4, "${event.amount_paid.▸toFixed(2)}", "unknown-name", "money("),
    Mistake("two decimals of Excel", AMOUNT4, "${▸ROUND(event.amount_paid, 2)}", "unknown-name", "money("),
    Mistake("Excel's choice", THING5, """'${▸IF(event.item_count > 1, "多件", "单件")}'""", "unknown-name",
            "condition ? this : that"),
    Mistake("Python's choice", THING5, """'${"多件" ▸if event.item_count > 1 else "单件"}'""", "expression-syntax",
            "condition ? this : that"),
    Mistake("Excel's text of a time", TIME1, '${▸TEXT(event.paid_at, "yyyy-mm-dd")}', "unknown-name", "local_time("),
    Mistake("a time's own format", TIME1, '${event.paid_at.▸format("YYYY")}', "unknown-name",
            "local_time(event.paid_at"),
    Mistake("Excel's joining", THING5, """'${▸CONCATENATE(event.order_no, "x")}'""", "unknown-name", "join with `+`"),
    Mistake("a filter of a template", NUMBER, 'character_string2: "${event.order_no ▸| upper}"', "expression-syntax",
            "upper(event.x)"),
    Mistake("a truth in quotes", WHEN, '(event.item_count > 1) ▸== "true"', "type-mismatch",
            "leave the comparison out"),
    Mistake("a negated text", WHEN, "'▸!event.pay_channel == \"CARD\"'", "type-mismatch", "… != …"),
    Mistake("a field in brackets", WHEN, 'event▸["item_count"] > 1', "type-mismatch", "write .item_count"),
    Mistake("a pattern of SQL", WHEN, 'event.order_no ▸like "T%"', "expression-syntax", "startsWith"),
    Mistake("between of SQL", WHEN, "event.item_count ▸between 1 and 3", "expression-syntax", "event.x >= 1 &&"),
    Mistake("greater-or-equal reversed", WHEN, "event.item_count ▸=> 3", "expression-syntax", "write `>=`"),
    Mistake("three equals signs", WHEN, 'event.pay_channel ==▸= "CARD"', "expression-syntax", "compare with `==`"),
    Mistake("is null of SQL", WHEN, "event.pay_channel ▸is null", "expression-syntax", "compare with `==`"),
    Mistake("undefined of JavaScript", WHEN, "event.pay_channel != ▸undefined", "unknown-name", "write `null`"),
    Mistake("an amount with its unit", WHEN, "event.amount_paid > 12.50▸元", "expression-syntax", "a number alone"),
    Mistake("an amount with its sign", WHEN, "event.amount_paid > ▸¥12.50", "expression-syntax", "a number alone"),
    Mistake("a decimal comma", WHEN, "event.amount_paid > 0▸,5", "expression-syntax", "0.5"),
    Mistake("a semicolon at the end", WHEN, "event.item_count > 1▸;", "expression-syntax", "one expression"),
    Mistake("has with a field's name alone", WHEN, "has(▸pay_channel)", "expression-syntax", "has(event.x)"),
    Mistake("a field with brackets", WHEN, "event.▸item_count() > 1", "unknown-name", "without brackets"),
    Mistake("a mark of full width", THING5, """'${event.item_count > 1 ▸？ "多件" : "单件"}'""", "expression-syntax",
            "`?`"),
    Mistake("a text around an expression not closed", WHEN, "event.currency == ▸'CNY", "expression-syntax",
            "quote `'` is not closed"),
    Mistake("a time beside a day's text", WHEN, "event.paid_at ▸> '2026-11-11'", "type-mismatch",
            'timestamp("2026-11-11T00:00:00+08:00")'),
    Mistake("days added as a number", WHEN, "event.paid_at ▸+ 3 > event.occurred_at", "type-mismatch",
            'duration("24h")'),
    Mistake("no expression between the braces", NUMBER, "character_string2: 'a${▸}'", "expression-syntax",
            "write a field between the braces"),
    Mistake("a truth as a text", THING5, "${▸event.item_count > 1}", "raw-value", ""),
    Mistake("an enum as it is", THING5, "${▸event.pay_channel}", "raw-value", "label(event.pay_channel"),
    Mistake("a truth as the recipient", RECIPIENT, "to: ${string(▸event.item_count > 1)}", "raw-value",
            "customer's id"),
    Mistake("an enum as the recipient", RECIPIENT, "to: ${▸event.pay_channel}", "raw-value", "customer's id"),
)  # fmt: skip

FORM = (
    Mistake("one blank too many", "    template: receipt", "     ▸template: receipt", "not-yaml",
            "one space more than `to`"),
    Mistake("a non-breaking blank", "    template: receipt", "   ▸\u00a0template: receipt", "not-yaml",
            "delete it and type spaces"),
    Mistake("blanks of the Chinese keyboard", "    template: receipt", "▸\u3000\u3000template: receipt", "not-yaml",
            "ideographic space"),
    Mistake("a colon in a description", "description: Thank the buyer for a payment.",
            "description: Thank▸: the buyer", "not-yaml", "put the text in quotes"),
    Mistake("the same quotes inside", THING5, """'${event.pay_channel == ▸'BALANCE' ? "余额支付" : "在线支付"}'""",
            "not-yaml", 'inside \'…\' write "…"'),
    Mistake("the same double quotes inside", THING5,
            """"${event.pay_channel == ▸"BALANCE" ? '余额支付' : '在线支付'}\"""",
            "not-yaml", "inside \"…\" write '…'"),
    Mistake("a colour without quotes", "category: transactional", "▸color: #ff0000", "wrong-value",
            'put it in quotes: "#ff0000"'),
    Mistake("a colour without quotes in braces", "character_string2: ${event.order_no}",
            "character_string2: {value: T1, color: ▸#ff0000}", "not-yaml", 'in quotes: "#ff0000"'),
    Mistake("a colour without its sign", "character_string2: ${event.order_no}",
            "character_string2: {value: T1, color: ▸ff0000}", "wrong-value", "#rrggbb"),
    Mistake("an expression in brackets of YAML", "to: ${event.sub}", "to: [▸${event.sub}]", "not-yaml",
            "put it in quotes"),
    Mistake("a list of recipients", "to: ${event.sub}", '▸to: ["${event.sub}"]', "wrong-value", "one recipient"),
    Mistake("braces without a dollar around the recipient", "to: ${event.sub}", "▸to: {event.sub}", "wrong-value",
            "${event.sub}"),
    Mistake("two types in one text", PAID, "on: ▸com.example.trade.order.paid.v1, com.example.coupon.issued.v1 ",
            "unknown-event-type", "on: [com.example.trade.order.paid.v1, com.example.coupon.issued.v1]"),
    Mistake("the end of a type", PAID, "on: ▸order.paid.v1 ", "unknown-event-type",
            "write the whole name: com.example.trade.order.paid.v1"),
    Mistake("an invisible character in a type", PAID, "on: ▸com.example.trade.\u200border.paid.v1 ",
            "unknown-event-type", "invisible character: type `com.example.trade.order.paid.v1`"),
    Mistake("no type at all", PAID, "▸on: ", "wrong-value", "has no value"),
    Mistake("a duration of nothing", "expires_after: 24h", "expires_after: ▸0h", "wrong-value", "longer than 0"),
    Mistake("a duration in Chinese", "expires_after: 24h", "expires_after: ▸1天", "wrong-value", "30m, 24h or 7d"),
    Mistake("the dash of Word", "  - id: receipt", "  ▸– id: receipt", "not-yaml", "a plain hyphen"),
    Mistake("a merge conflict", "    template: receipt", "▸<<<<<<< HEAD\n    template: receipt\n=======\n>>>>>>> b",
            "not-yaml", "merge conflict"),
    Mistake("a text that begins with a percent sign", "description: Thank", "description: ▸%Thank", "not-yaml",
            "must not begin with `%`"),
    Mistake("a text that begins with a star", "description: Thank the buyer for a payment.", "description: ▸*Thank*",
            "alias", "in quotes"),
    Mistake("a text that begins with an exclamation mark", "description: Thank", "description: ▸!Thank", "not-yaml",
            "in quotes"),
    Mistake("a backslash in double quotes", "template: receipt", 'template: "re▸\\ceipt"', "not-yaml", "backslash"),
    Mistake("a tab behind a key", "template: receipt", "template:▸\treceipt", "not-yaml", "spaces, not tabs"),
    Mistake("a key without its colon", "template: receipt", "▸template receipt", "not-yaml", "followed by `:`"),
    Mistake("a bracket of YAML not closed", "template: receipt", "template: ▸[receipt", "not-yaml",
            "close it with `]`"),
    Mistake("data at the beginning of the line", "    data:  ", "▸data:  ", "wrong-value", "indented too little"),
    Mistake("a list of fields", "      time1: ", "      - time1: ", "not-yaml", ""),
    Mistake("conditions as a list", WHEN, '["event.item_count > 1"]', "wrong-value", "join conditions"),
    Mistake("a url with full-width signs", "url: https://m", "url: ▸https：//m", "bad-url", "Latin keyboard"),
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
    Mistake("a category misspelt", ": transactional", ": ▸marketting", "unknown-category", "`marketing`"),
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

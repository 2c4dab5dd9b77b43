"""Mistakes in the rules of another domain: flights, with lists, maps, cents, dates and records in their events."""

from __future__ import annotations

from tests.planted.mistake import Mistake

SCHEMA: dict[str, object] = {
    "type": "record",
    "name": "Delayed",
    "namespace": "fly.flight",
    "fields": [
        {"name": "sub", "type": "string"},
        {"name": "order_no", "type": "string"},
        {"name": "flight_no", "type": "string"},
        {"name": "city_name", "type": "string"},
        {
            "name": "passengers",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Passenger",
                    "fields": [
                        {"name": "name", "type": "string"},
                        {"name": "seat", "type": ["null", "string"]},
                        {"name": "cabin", "type": {"type": "enum", "name": "Cabin", "symbols": ["ECONOMY", "FIRST"]}},
                    ],
                },
            },
        },
        {"name": "tiers", "type": {"type": "map", "values": "double"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "fee_cents", "type": "long"},
        {"name": "minutes", "type": "int"},
        {"name": "legs", "type": "int"},
        {"name": "fare", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "leaves_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "reason", "type": {"type": "enum", "name": "Reason", "symbols": ["WEATHER", "CREW", "OTHER"]}},
        {"name": "is_vip", "type": "boolean"},
        {
            "name": "contact",
            "type": {
                "type": "record",
                "name": "Contact",
                "fields": [{"name": "phone", "type": "string"}, {"name": "email", "type": ["null", "string"]}],
            },
        },
    ],
}
RULES = """\
rules:
  - id: delay
    description: Tell the passenger that the flight leaves later.
    owner: flights
    on: fly.flight.Delayed
    when: event.minutes > 30
    to: ${event.sub}
    template: delay
    url: https://m.example.com/flights/${event.flight_no}
    expires_after: 6h
    data:
      thing1: ${event.flight_no}航班延误
      time2: ${local_time(event.leaves_at, "YYYY-MM-DD HH:mm")}
      amount3: ${money_of_cents(event.fee_cents, "CNY")}
      thing4: '${label(event.reason, {"WEATHER": "天气原因", "*": "其他原因"})}'
      character_string5: ${event.order_no}
      number6: ${event.minutes}
"""
TEMPLATES = """\
templates:
  delay:
    title: 航班延误通知
    ids: {production: delay-production, staging: delay-staging}
    fields:
      thing1: {label: 航班}
      time2: {label: 新的时间}
      amount3: {label: 补偿金额}
      thing4: {label: 原因, optional: true}
      character_string5: {label: 订单编号}
      number6: {label: 延误分钟}
"""
FLIGHT = "${event.flight_no}航班延误"
WHEN = "event.minutes > 30"
TIME2 = """${local_time(event.leaves_at, "YYYY-MM-DD HH:mm")}"""
FEE = """${money_of_cents(event.fee_cents, "CNY")}"""
REASON = """'${label(event.reason, {"WEATHER": "天气原因", "*": "其他原因"})}'"""
URL = "https://m.example.com/flights/${event.flight_no}"
IDS = "ids: {production: delay-production, staging: delay-staging}"

TO = "    to: ${event.sub}\n"


def _each(over: str, to: str = "${event.sub}") -> str:
    return f"    for_each: {over}\n    to: {to}\n"


ITEMS = (
    Mistake("a list without a name", TO, _each("▸event.passengers"), "bad-for-each", "person in event.people"),
    Mistake("a loop of JavaScript", TO, _each("▸one of event.passengers"), "bad-for-each", "person in event.people"),
    Mistake("a loop of a template language", TO, _each("'▸{{#each passengers}}'"), "bad-for-each", "in event.people"),
    Mistake("an item that is the event", TO, _each("▸event in event.passengers"), "bad-for-each", "another name"),
    Mistake("a list in braces", TO, _each("one in ▸${event.passengers}"), "expression-syntax", "without `${"),
    Mistake("a list misspelt", TO, _each("one in event.▸pasengers"), "unknown-field", "`passengers`"),
    Mistake("a loop over a text", TO, _each("one in ▸event.order_no"), "not-a-list", "name a list"),
    Mistake("a loop over a map", TO, _each("one in ▸event.tiers"), "not-a-list", "name a list"),
    Mistake("an item misspelt", TO, _each("passenger in event.passengers", "${▸pasenger.name}"), "unknown-name",
            "did you mean `passenger`?"),
    Mistake("an item's field misspelt", TO, _each("one in event.passengers", "${one.▸nam}"), "unknown-field", "`name`"),
    Mistake("an item's field that may be null", TO, _each("one in event.passengers", "${▸one.seat}"),
            "null-not-handled", "ask first"),
    Mistake("an item as it is", TO, _each("one in event.passengers", "${▸one}"), "not-a-text", "one of its fields"),
    Mistake("an item that is not read", TO, f"    ▸{_each('one in event.passengers').lstrip()}", "unused-item", "one."),
    Mistake("an item in the condition", f"{WHEN}\n{TO}", "▸one.seat != null\n" + _each("one in event.passengers"),
            "unknown-name", "to leave items out"),
)  # fmt: skip
PATTERNS = (
    Mistake("months behind the hour", '"YYYY-MM-DD HH:mm"', '▸"YYYY-MM-DD HH:MM"', "bad-argument", "minutes are mm"),
    Mistake("a month by name", '"YYYY-MM-DD HH:mm"', '▸"MMMM D, YYYY"', "bad-argument", "months are numbers"),
    Mistake("too many letters", '"YYYY-MM-DD HH:mm"', '▸"AAAA h:mm"', "bad-argument", "write A"),
    Mistake("the day before the month", '"YYYY-MM-DD HH:mm"', '▸"YYYY-DD-MM HH:mm"', "bad-argument", "then DD"),
    Mistake("a pattern without letters", '"YYYY-MM-DD HH:mm"', '▸"年月日"', "bad-argument", "shows nothing"),
    Mistake("full-width letters", '"YYYY-MM-DD HH:mm"', '▸"YYYY-MM-DD ＨＨ:mm"', "bad-argument", "full-width"),
    Mistake("a form that the field does not take", TIME2, '${▸local_time(event.leaves_at, "M月D日 HH:mm")}',
            "over-limit", "2019年10月1日"),
    Mistake("a text around a time", TIME2, '预计${▸local_time(event.leaves_at, "YYYY-MM-DD HH:mm")}起飞', "over-limit",
            "is not what `time` takes"),
    Mistake("Chinese in a field for letters and digits", "character_string5: ${event.order_no}",
            "character_string5: ▸订单${event.order_no}", "over-limit", "no Chinese"),
)  # fmt: skip

TEXTS = (
    Mistake("braces inside quotes", REASON, """'${event.is_vip ? "▸${event.flight_no}延误" : "延误"}'""",
            "nested-braces", 'event.flight_no + "延误"'),
    Mistake("a number in braces inside quotes", REASON, """'${event.is_vip ? "▸event.minutes分钟" : "延误"}'""",
            "forgotten-braces", 'string(event.minutes) + "分钟"'),
    Mistake("a text behind a number sign", "thing1: ${event.flight_no}航班延误", "thing1: 航班 ▸#${event.flight_no}",
            "text-in-comment", "put the whole text in quotes"),
    Mistake("a number behind a number sign", "thing1: ${event.flight_no}航班延误", "thing1: 航班 ▸#1 延误",
            "text-in-comment", "put the whole text in quotes"),
    Mistake("Handlebars", FLIGHT, "'▸{{#if vip}}尊敬的'", "foreign-placeholder", "as it is written"),
    Mistake("Mustache with a field's name", FLIGHT, "航班▸{{flight_no}}延误", "foreign-placeholder",
            "${event.flight_no}"),
    Mistake("a percent sign of printf", FLIGHT, "航班▸%s延误", "foreign-placeholder", "`%s`"),
    Mistake("a number in braces", FLIGHT, "航班▸{0}延误", "foreign-placeholder", "`{0}`"),
    Mistake("brackets of an SMS platform", FLIGHT, "航班▸【航班号】延误", "foreign-placeholder", "「」"),
    Mistake("number signs of an SMS platform", FLIGHT, "航班▸#flight_no#延误", "foreign-placeholder",
            "${event.flight_no}"),
    Mistake("a name behind a dollar", FLIGHT, "航班▸$flight_no延误", "foreign-placeholder", "${event.flight_no}"),
    Mistake("Jinja", FLIGHT, "'▸{% if vip %}尊敬的'", "foreign-placeholder", "as it is written"),
    Mistake("angle brackets", FLIGHT, "航班▸<航班号>延误".replace("航班号", "no"), "foreign-placeholder", "plain text"),
    Mistake("HTML", FLIGHT, "航班延误▸<br/>", "foreign-placeholder", "plain text"),
    Mistake("a space of HTML", FLIGHT, "航班▸&nbsp;延误", "foreign-placeholder", "plain text"),
    Mistake("a line break as two characters", FLIGHT, "航班▸\\n延误", "foreign-placeholder", "one line"),
    Mistake("a draft", FLIGHT, "航班▸XXX延误", "foreign-placeholder", "`XXX`"),
    Mistake("a placeholder in a label", '"其他原因"', '"▸{reason}"', "foreign-placeholder", "${event.reason}"),
    Mistake("a blank in a url", URL, "https://m.example.com/my▸ flights/${event.flight_no}", "bad-url", "%20"),
    Mistake("a blank in a url's expression", URL,
            "'https://m.example.com/${event.is_vip ? ▸\"vip lounge\" : \"home\"}'", "bad-url", "%20"),
    Mistake("a free text in a url", URL, "https://m.example.com/to/${▸event.city_name}", "may-fail", "url_encode"),
)  # fmt: skip

MONEY = (
    Mistake("cents divided", FEE, "${event.fee_cents ▸/ 100}", "integer-division", "money_of_cents"),
    Mistake("cents divided as decimals", FEE, "${▸double(event.fee_cents) / 100.0}", "bare-amount",
            "money_of_cents(event.fee_cents"),
    Mistake("cents as they are", FEE, "${▸event.fee_cents}", "bare-amount", "money_of_cents(event.fee_cents"),
    Mistake("a decimal as it is", FEE, "${▸event.fare}", "bare-amount", "money(event.fare"),
    Mistake("a decimal as a text", FEE, "¥${string(▸event.fare)}", "bare-amount", "money(event.fare"),
    Mistake("a product", FEE, "${▸event.fare * 3.0}", "bare-amount", "money(event.fare * 3.0"),
    Mistake("a decimal in a sentence", FLIGHT, "退${▸event.fare}元", "bare-amount", "money(event.fare"),
    Mistake("a decimal without its decimals", FLIGHT, "退${▸int(event.fare)}元", "bare-amount", "money("),
    Mistake("cents as whole units", FEE, '${▸money(double(event.fee_cents), "CNY")}', "wrong-unit",
            "money_of_cents(event.fee_cents"),
    Mistake("whole units as cents", FEE, '${▸money_of_cents(int(event.fare), "CNY")}', "wrong-unit",
            "money(event.fare"),
    Mistake("a fixed amount without its currency", FEE, "▸128.00", "bare-amount", "write ¥128.00"),
    Mistake("a fixed whole amount without its currency", FEE, "▸0", "bare-amount", "money("),
    Mistake("an amount with separators in its field", FEE, '${money(event.fare, "CNY", ▸"zh-CN")}', "may-fail",
            "leave the locale out"),
    Mistake("a currency that the field does not take", FEE, '${▸money(event.fare, "SEK")}', "over-limit",
            "one currency symbol"),
    Mistake("a whole number divided by another", "number6: ${event.minutes}", "number6: ${event.minutes ▸/ event.legs}",
            "integer-division", "double(event.minutes) / double(event.legs)"),
)  # fmt: skip

TIMES = (
    Mistake("a zone with the sign reversed", TIME2, TIME2.replace(")}", ', ▸"Etc/GMT+8")}'), "doubtful-zone",
            "Asia/Shanghai"),
    Mistake("a zone of a capital", TIME2, TIME2.replace(', "YYYY', ', ▸"YYYY').replace(")}", ', "Asia/Beijing")}'),
            "bad-argument", "Asia/Shanghai"),
    Mistake("hours without a zone", WHEN, "event.leaves_at.▸getHours() >= 8", "clock-of-utc",
            'getHours("Asia/Shanghai")'),
    Mistake("a day without a zone", WHEN, "event.leaves_at.▸getDayOfWeek() == 1", "clock-of-utc",
            'getDayOfWeek("Asia/Shanghai")'),
    Mistake("November as 11", WHEN, 'event.leaves_at.▸getMonth("Asia/Shanghai") == 11', "counts-from-zero",
            'local_time(event.leaves_at, "M")'),
    Mistake("the first as 1", WHEN, 'event.leaves_at.▸getDayOfMonth("Asia/Shanghai") == 1', "counts-from-zero",
            'getDate("Asia/Shanghai")'),
    Mistake("Sunday as 7", WHEN, 'event.leaves_at.getDayOfWeek("Asia/Shanghai") ▸== 7', "counts-from-zero",
            "0 for Sunday"),
    Mistake("a time without T", WHEN, 'event.leaves_at < ▸timestamp("2026-11-11 00:00")', "always-fails",
            "2026-11-11T00:00:00+08:00"),
    Mistake("a time without zone", WHEN, 'event.leaves_at < ▸timestamp("2026-11-11T00:00:00")', "always-fails",
            "2026-11-11T00:00:00+08:00"),
    Mistake("milliseconds as seconds", WHEN, "event.leaves_at < ▸timestamp(1763856000000)", "always-fails",
            "2026-11-11T00:00:00+08:00"),
    Mistake("days as duration", WHEN, 'event.leaves_at + ▸duration("1d") > event.leaves_at', "always-fails",
            'duration("24h")'),
    Mistake("a zone in its own spelling", WHEN, 'event.leaves_at.getHours(▸"Beijing") >= 8', "bad-argument",
            "Asia/Shanghai"),
    Mistake("a date as a time", TIME2, '${local_time(▸timestamp(event.day), "YYYY-MM-DD")}', "always-fails",
            "local_date(event.day"),
    Mistake("a date and a clock as a time", TIME2, '${local_time(▸timestamp(event.day + " 08:00"), "YYYY-MM-DD")}',
            "always-fails", 'event.day + "T00:00:00+08:00"'),
)  # fmt: skip

PARTIAL = (
    Mistake("an item of a list", FLIGHT, "${▸event.passengers[2].name}航班延误", "may-fail",
            "size(event.passengers) > 2 ?"),
    Mistake("an item beyond what was asked", WHEN, "size(event.passengers) > 1 && ▸event.passengers[2].name != ''",
            "may-fail", "size(event.passengers) > 2 ?"),
    Mistake("a key of a map", WHEN, 'event.minutes > 30 && ▸event.tiers["tier1"] > 1.0', "may-fail",
            '"tier1" in event.tiers ?'),
    Mistake("a key of a map as a field", WHEN, "event.minutes > 30 && ▸event.tiers.tier1 > 1.0", "may-fail",
            '"tier1" in event.tiers ?'),
    Mistake("a division by a field", WHEN, "event.minutes ▸% event.legs == 0", "may-fail", "event.legs != 0 ?"),
    Mistake("labels of a free text", FLIGHT, """'${label(event.city_name, ▸{"SHA": "上海"})}'""", "may-fail", '"*"'),
    Mistake("a number of a free text", WHEN, "▸int(event.order_no) > 30", "may-fail", "matches("),
    Mistake("division by zero", WHEN, "event.minutes ▸/ 0 > 1", "always-fails", "other than zero"),
    Mistake("a pattern that is none", WHEN, 'event.order_no.matches(▸"(")', "bad-argument", "regular expression"),
    Mistake("a condition left empty", "when: event.minutes > 30", "▸when:", "wrong-value", "leave the line out"),
    Mistake("a condition of blanks", WHEN, "'▸  '", "wrong-value", "leave the line out"),
    Mistake("a condition that is a comment", "when: event.minutes > 30", "▸when: # event.minutes > 30",
            "wrong-value", "leave the line out"),
)  # fmt: skip

TYPES = (
    Mistake("a field of a list", FLIGHT, "${event.passengers.▸name}航班延误", "type-mismatch",
            'join(event.passengers.map(one, one.name), "、")'),
    Mistake("a list of records joined", FLIGHT, """'${▸join(event.passengers, "、")}'""", "type-mismatch",
            "name the text of each record"),
    Mistake("a list of texts as a text", FLIGHT, "${▸event.tags}", "not-a-text", "join("),
    Mistake("a record as a text", FLIGHT, "${▸event.contact}", "not-a-text", "name one of its fields"),
    Mistake("an item by a point", FLIGHT, "${event.passengers▸.0.name}", "expression-syntax", "written [0]"),
    Mistake("the first of JavaScript", FLIGHT, "${event.passengers.▸first().name}", "unknown-name",
            "event.passengers[0]"),
    Mistake("includes of JavaScript", WHEN, 'event.tags.▸includes("late")', "unknown-name", '"…" in event.tags'),
    Mistake("contains for a list", WHEN, 'event.tags.▸contains("late")', "type-mismatch", '"…" in event.tags'),
    Mistake("any of other languages", WHEN, 'event.passengers.▸any(p, p.name == "a")', "unknown-name",
            "event.passengers.exists("),
    Mistake("an arrow", WHEN, 'event.passengers.exists(p ▸=> p.name == "a")', "expression-syntax", "exists(one, one"),
    Mistake("exists without a name", WHEN, 'event.passengers.▸exists(event.name == "a")', "unknown-name",
            "exists(one, one"),
    Mistake("the number of items of JavaScript", WHEN, "event.passengers.▸length > 1", "type-mismatch",
            "size(event.passengers)"),
    Mistake("a sum over a list", WHEN, "▸SUM(event.tags) > 1", "unknown-name", "a field of its own"),
    Mistake("a date beside a time", WHEN, "event.day ▸> event.leaves_at", "type-mismatch",
            "a date (2026-11-30) is a text"),
    Mistake("a date as local_time", TIME2, '${▸local_time(event.day, "YYYY-MM-DD")}', "type-mismatch", "local_date("),
    Mistake("a field that may be null, chained", FLIGHT, "${event.contact?.phone▸}", "expression-syntax", "!= null ?"),
    Mistake("a field of a record that may be null", FLIGHT, "${▸event.contact.email}", "null-not-handled", "ask first"),
    Mistake("values of an enum by size", WHEN, 'event.reason ▸> "CREW"', "enum-order", "=="),
)  # fmt: skip

IN_TEMPLATES = (
    Mistake("one id for both environments", IDS, "ids: {production: delay-production, staging: ▸delay-production}",
            "doubtful-template-id", "this environment's own account"),
    Mistake("ids swapped", IDS, "ids: {production: ▸delay-staging, staging: delay-production}",
            "doubtful-template-id", "swapped"),
    Mistake("a style with other keys", "    title: 航班延误通知\n", "    title: 航班延误通知\n    ▸style: history\n",
            "doubtful-style", "keyword1"),
    Mistake("an id cut short", IDS, "ids: {production: ▸Q57J4mJLPXxiBNTzRqkB93eB_64KLnRmAgNcoRiOMp}",
            "doubtful-template-id", "43"),
    Mistake("an id with a blank", IDS, "ids: {production: ▸delay production}", "doubtful-template-id", "copy it"),
)  # fmt: skip

IN_RULES = (
    *ITEMS, *PATTERNS, *TEXTS, *MONEY, *TIMES, *PARTIAL, *TYPES,
    Mistake("the production id as template", "template: delay", "template: ▸delay-production", "unknown-template",
            "id in production: write its name in templates.yaml, `delay`"),
    Mistake("the title as template", "template: delay", "template: ▸航班延误通知", "unknown-template", "its title"),
)  # fmt: skip

SOUND = (
    ("an item that was asked for", WHEN, "size(event.passengers) > 2 && event.passengers[2].name != ''"),
    ("an item in a choice", WHEN, "'event.passengers.size() == 0 ? false : event.passengers[0].name != \"\"'"),
    ("a key that was asked for", WHEN, '\'"tier1" in event.tiers && event.tiers["tier1"] > 1.0\''),
    ("a key as a field that was asked for", WHEN, "has(event.tiers.tier1) && event.tiers.tier1 > 1.0"),
    ("a divisor that was asked for", WHEN, "event.legs > 0 && event.minutes % event.legs == 0"),
    ("a number that was asked for", WHEN, 'event.order_no.matches("^[0-9]+$") && int(event.order_no) > 30'),
    ("months that are raised", WHEN, 'event.leaves_at.getMonth("Asia/Shanghai") + 1 == 11'),
    ("a span of time", WHEN, "(event.leaves_at - event.leaves_at).getHours() > 1"),
    ("a date with a time", TIME2, '${local_time(timestamp(event.day + "T08:00:00+08:00"), "YYYY-MM-DD HH:mm")}'),
    ("the number alone", FEE, "${decimal(event.fare, 2)}"),
    ("a count in a sentence", FLIGHT, "延误${event.minutes}分钟"),
    ("an encoded text in a url", URL, "https://m.example.com/to/${url_encode(event.city_name)}"),
    ("percent signs in a url", URL, "https://m.example.com/%E4%B8%8A%20%d6/${event.flight_no}"),
    ("a percent sign in a text", FLIGHT, "延误率50%"),
    ("a comment", "template: delay", "template: delay  # of the airline"),
    ("a comment behind a text", FLIGHT, f"{FLIGHT}  # the flight"),
    ("braces that are meant", FLIGHT, "'$${a}航班延误'"),
    ("a range of times", TIME2, f"{TIME2}~{TIME2}"),
    ("a condition that asks for emptiness", WHEN, "size(event.tags) == 0 || event.tags[0] != 'x'"),
)  # fmt: skip
"""What looks like one of these mistakes and is right: name, the text in the rules, and what stands there instead."""

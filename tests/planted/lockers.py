"""Mistakes in the rules of parcel lockers: units of times and amounts, dates, recipients, leftovers."""

from __future__ import annotations

from tests.planted.mistake import Mistake


def _nullable(kind: object) -> list[object]:
    return ["null", kind]


_TEXTS = {"type": "array", "items": "string"}
_PERSON = {
    "type": "record",
    "name": "Person",
    "fields": [{"name": "sub", "type": "string"}, {"name": "name", "type": "string"}, {"name": "age", "type": "int"}],
}
_COURIER = {
    "type": "record",
    "name": "Courier",
    "fields": [{"name": "name", "type": "string"}, {"name": "phone", "type": _nullable("string"), "default": None}],
}
SCHEMA: dict[str, object] = {
    "type": "record",
    "name": "Stored",
    "namespace": "lockers.parcel",
    "fields": [
        {"name": "sub", "type": "string"},
        {"name": "parcel_no", "type": "string"},
        {"name": "locker", "type": "string"},
        {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "count", "type": "int"},
        {"name": "extra", "type": _nullable("int"), "default": None},
        {"name": "ratio", "type": "double"},
        {"name": "created_ms", "type": "long"},
        {"name": "packedSeconds", "type": "long"},
        {"name": "opened", "type": "long", "doc": "开柜时间，毫秒"},
        {"name": "stored_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "keep_until", "type": {"type": "int", "logicalType": "date"}},
        {"name": "opens", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "size", "type": {"type": "enum", "name": "Size", "symbols": ["SMALL", "LARGE"]}},
        {"name": "people", "type": {"type": "array", "items": _PERSON}},
        {"name": "tags", "type": _TEXTS},
        {"name": "maybe", "type": _nullable(_TEXTS), "default": None},
        {"name": "tiers", "type": {"type": "map", "values": "string"}},
        {"name": "courier", "type": _nullable(_COURIER), "default": None},
    ],
}
RULES = """\
rules:
  - id: parcel-stored
    description: Tell the recipient where the parcel is.
    owner: lockers
    on: lockers.parcel.Stored
    when: event.count > 1
    to: ${event.sub}
    template: parcel
    url: https://m.example.com/parcels/${event.parcel_no}
    category: transactional
    expires_after: 24h
    data:
      thing1: 请及时取件
      character_string2: ${event.parcel_no}
      time3: ${local_time(event.stored_at, "YYYY-MM-DD HH:mm")}
      amount4: ${money(event.fee, "CNY")}
"""
TEMPLATES = """\
templates:
  parcel:
    title: 取件通知
    ids: {production: parcel-production, staging: parcel-staging}
    fields:
      thing1: {label: 提示}
      character_string2: {label: 单号}
      time3: {label: 存入时间}
      amount4: {label: 费用}
"""
WHEN = "event.count > 1"
TO = "to: ${event.sub}"
TEXT = "请及时取件"
URL = "https://m.example.com/parcels/${event.parcel_no}"
PATTERN = '"YYYY-MM-DD HH:mm"'
STORED = "${local_time(event.stored_at, " + PATTERN + ")}"
FEE = '${money(event.fee, "CNY")}'
IDS = "{production: parcel-production, staging: parcel-staging}"

LEFTOVERS = (
    Mistake("an expression in a comment behind quotes", TEXT, "'柜机 ' ▸#${event.locker}", "text-in-comment",
            "move the closing quote"),
    Mistake("a name in square brackets", TEXT, "'▸[姓名]请取件'", "foreign-placeholder", "`${event.…}`"),
    Mistake("a name in underscores", TEXT, "▸__LOCKER__请取件", "foreign-placeholder", "${event.locker}"),
    Mistake("a format of Python", TEXT, "运费▸{fee:.2f}", "foreign-placeholder", "${event.fee}"),
    Mistake("a plural of ICU", TEXT, "'▸{count, plural}'", "foreign-placeholder", "${event.count}"),
    Mistake("no value of JavaScript", TEXT, "您好▸undefined", "foreign-placeholder", "`undefined`"),
    Mistake("no value of a database", TEXT, "▸null先生", "foreign-placeholder", "`null`"),
    Mistake("a route of a web framework", URL, "https://m.example.com/parcels/▸:parcel_no", "foreign-placeholder",
            "${event.parcel_no}"),
)  # fmt: skip

TIMES = (
    Mistake("the month behind the minutes", PATTERN, '▸"HH:mm:MM"', "bad-argument", "MM is the month"),
    Mistake("the day behind the hours", PATTERN, '▸"HH:DD"', "bad-argument", "DD is the day"),
    Mistake("a zone that is empty", WHEN, 'event.stored_at.getHours(▸"") > 8', "bad-argument", "Asia/Shanghai"),
    Mistake("milliseconds as a time", WHEN, "▸timestamp(event.created_ms) > event.stored_at", "wrong-unit",
            "timestamp(event.created_ms / 1000)"),
    Mistake("milliseconds by their meaning", WHEN, "▸timestamp(event.opened) > event.stored_at", "wrong-unit",
            "event.opened / 1000"),
    Mistake("seconds as milliseconds", WHEN, "▸timestamp(event.packedSeconds * 1000) > event.stored_at", "wrong-unit",
            "write timestamp(event.packedSeconds)"),
    Mistake("milliseconds beside seconds", WHEN, "event.created_ms > ▸1763856000", "wrong-unit", "1763856000000"),
    Mistake("seconds beside milliseconds", WHEN, "event.packedSeconds > ▸1763856000000", "wrong-unit",
            "write 1763856000"),
    Mistake("a span of a number", WHEN, 'event.stored_at + ▸duration(3600) > timestamp("2026-11-11T00:00:00Z")',
            "always-fails", 'duration("24h")'),
    Mistake("a date with slashes", WHEN, 'event.keep_until == ▸"2026/11/1"', "doubtful-date", 'write "2026-11-01"'),
    Mistake("a date as in Germany", WHEN, 'event.keep_until != ▸"30.11.2026"', "doubtful-date", 'write "2026-11-30"'),
    Mistake("a date in Chinese", WHEN, 'event.keep_until > ▸"2026年11月3日"', "doubtful-date", 'write "2026-11-03"'),
    Mistake("a date without noughts", WHEN, 'event.keep_until in ["2026-11-30", ▸"2026-1-1"]', "doubtful-date",
            'write "2026-01-01"'),
    Mistake("a date that does not exist", WHEN, 'event.keep_until == ▸"2026-11-31"', "doubtful-date", "2026-11-30"),
    Mistake("a time of day without noughts", WHEN, 'event.opens < ▸"8:00"', "doubtful-date", "15:01:00"),
)  # fmt: skip

AMOUNTS = (
    Mistake("an amount made cents", FEE, '${money(event.fee ▸* 100.0, "CNY")}', "wrong-unit", "event.fee alone"),
    Mistake("an amount taken for cents", FEE, '${money(event.fee ▸/ 100.0, "CNY")}', "wrong-unit", "event.fee alone"),
    Mistake("every digit of a division", TEXT, "平均${▸double(event.count) / 3.0}", "raw-value", "decimal("),
)  # fmt: skip

RECIPIENTS = (
    Mistake("one recipient for all", TO, "to: ▸oA1b2C3", "doubtful-recipient", "every message of the rule"),
    Mistake("a recipient without event", TO, "to: ▸sub", "doubtful-recipient", "to: ${event.sub}"),
    Mistake("a phone number for all", TO, "to: ▸13800138000", "doubtful-recipient", "to: ${event.sub}"),
    Mistake("a comma behind the recipient", TO, "to: ${event.sub}▸,", "doubtful-recipient", "`,` in it"),
    Mistake("a quote behind the recipient", TO, "to: ${event.sub}▸'", "doubtful-recipient", "`'` in it"),
    Mistake("the recipient in curly quotes", TO, "to: ▸“${event.sub}”", "doubtful-recipient", "`“` in it"),
    Mistake("an invisible character behind the recipient", TO, "to: ${event.sub}▸\u200b", "doubtful-recipient",
            "U+200B"),
)  # fmt: skip

CONDITIONS = (
    Mistake("a truth value of a word", WHEN, '▸bool("yes")', "always-fails", "write true or false"),
    Mistake("an amount in a text", WHEN, '▸number("1,000") > 1.0', "always-fails", "1000.0"),
)  # fmt: skip

IN_RULES = (*LEFTOVERS, *TIMES, *AMOUNTS, *RECIPIENTS, *CONDITIONS)

IN_TEMPLATES = (
    Mistake("an id left empty", IDS, '{production: "▸", staging: parcel-staging}', "doubtful-template-id",
            "copy it from the platform"),
    Mistake("an id to be done", IDS, "{production: ▸TODO, staging: parcel-staging}", "doubtful-template-id",
            "no id for production yet"),
    Mistake("an id of crosses", IDS, "{production: parcel-production, staging: ▸xxx}", "doubtful-template-id",
            "no id for staging yet"),
)  # fmt: skip

SOUND = (
    ("a comment behind quotes", TEXT, "'请取件'  # the text of support"),
    ("words in square brackets", TEXT, "'[热卖]请取件'"),
    ("a host with its port", URL, "https://m.example.com:8443/parcels/${event.parcel_no}"),
    ("milliseconds made seconds", WHEN, "timestamp(event.created_ms / 1000) > event.stored_at"),
    ("seconds as they are", WHEN, "timestamp(event.packedSeconds) > event.stored_at"),
    ("a span of milliseconds", WHEN, "event.created_ms > 90000"),
    ("a date as events have it", WHEN, 'event.keep_until >= "2026-11-30"'),
    ("a year of dates", WHEN, 'event.keep_until >= "2026"'),
    ("a month of dates", WHEN, 'event.keep_until.startsWith("2026-11")'),
    ("a time of day", WHEN, 'event.opens < "08:00:00"'),
    ("a tax on an amount", FEE, '${money(event.fee * 1.06, "CNY")}'),
    ("a percentage, which is exact", TEXT, "占${string(event.ratio * 100.0)}%"),
    ("a division that moves the point", TEXT, "共${double(event.count) / 1000.0}公斤"),
    ("a half", TEXT, "各${double(event.count) / 2.0}公斤"),
    ("a rounded division", TEXT, "平均${decimal(double(event.count) / 3.0, 2)}"),
    ("a recipient with a prefix", TO, "to: user-${event.sub}"),
    ("a recipient in quotes of YAML", TO, 'to: "${event.sub}"'),
)  # fmt: skip
"""What only looks like one of these mistakes: name, the text in the rules, and what stands there instead."""

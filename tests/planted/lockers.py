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
    Mistake("the number of a thing as the recipient", TO, "to: ${▸event.parcel_no}", "doubtful-recipient",
            "not the id of a customer"),
    Mistake("a masked recipient", TO, "to: ${▸mask(event.sub)}", "doubtful-recipient", "reach no one"),
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


def _condition(name: str, condition: str, code: str, hint: str) -> Mistake:
    return Mistake(name, WHEN, condition, code, hint)


LANGUAGES = (
    _condition("not in of SQL", 'event.size ▸not in ["SMALL"]', "expression-syntax", "!(event.x in"),
    _condition("a set of Python", 'event.size in {"SMALL"▸, "LARGE"}', "expression-syntax", "square brackets"),
    _condition("a lambda of Java", "event.people.exists(p -▸> p.age > 18)", "expression-syntax", "exists(one, one"),
    _condition("all items by a star", "event.people[▸*].age > 18", "expression-syntax", "event.list[0]"),
    _condition("an item without number", "event.people[▸].age > 18", "expression-syntax", "written [0]"),
    _condition("a comprehension", "any(p.age > 18 ▸for p in event.people)", "expression-syntax", "event.list.map("),
    _condition("a new date", "event.stored_at > new ▸Date()", "expression-syntax", "knows no clock"),
    _condition("a percentage", "event.ratio > 50%▸", "expression-syntax", "0.5 for 50 %"),
    _condition("thousands as k", "event.count > 1▸k", "expression-syntax", "written out: 10000"),
    _condition("ten thousands in Chinese", "event.count > 1▸万", "expression-syntax", "written out: 10000"),
    _condition("a path of JSONPath", "▸$.count > 1", "expression-syntax", "event.x"),
    _condition("a match of SQL", 'event.locker ▸~ "A"', "expression-syntax", "contains("),
    _condition("a return", "▸return event.count > 1", "expression-syntax", "its own result"),
    _condition("a formula's equals sign", "▸=event.count > 1", "expression-syntax", "leave the `=`"),
    _condition("a point alone", ".▸count > 1", "unknown-name", "event.count"),
    _condition("another holder", "▸data.count > 1", "unknown-name", "`event.count`"),
    _condition("an enum's name", "event.size == ▸Size.SMALL", "unknown-name", 'write "SMALL"'),
    _condition("a field of the item alone", "event.people.exists(p, ▸age > 18)", "unknown-name", "`p.age`"),
    _condition("Math of JavaScript", "Math.▸floor(event.fee) > 1", "unknown-name", "int(event.…)"),
    _condition("the greater of two", "▸max(event.count, 3) > 1", "unknown-name", "event.count > … ? event.count"),
    _condition("a power", "▸pow(event.count, 2) > 1", "unknown-name", "multiply"),
    _condition("a date as a function", 'event.stored_at > ▸date("2026-11-11")', "unknown-name", "timestamp("),
    _condition("a key as a function", 'event.tiers.▸get("x") == "y"', "unknown-name", '"…" in event.tiers ?'),
    _condition("a key that is there", 'event.tiers.▸containsKey("x")', "unknown-name", '"…" in event.tiers'),
    _condition("a sorted list", 'event.tags.▸sort()[0] == "x"', "unknown-name", "stays in the order"),
    _condition("a type of JavaScript", '▸typeof(event.count) == "int"', "unknown-name", "notice-pipeline fields"),
    _condition("a padded number", '▸lpad(event.locker, 8, "0") == "x"', "unknown-name", "as the event has it"),
    _condition("hundred beside an amount", "event.fee ▸> 100", "type-mismatch", "like 100.0"),
    _condition("decimals in a list", "event.count ▸in [1.0, 2.0]", "type-mismatch", "[1, 2]"),
    _condition("numbers in quotes in a list", 'event.count ▸in ["1"]', "type-mismatch", "without quotes: [1, 2]"),
    _condition("an item of a map", 'event.tiers▸[0] == "x"', "type-mismatch", '"…" in event.x ?'),
    _condition("a record as a condition", "event.courier ▸&& event.count > 1", "type-mismatch", "!= null"),
    _condition("a field beside itself", "▸event.count > event.count", "never-matches", "compared with itself"),
    _condition("not this or not that", 'event.size != "SMALL" || ▸event.size != "LARGE"', "always-matches", "`&&`"),
    _condition("this and that", 'event.size == "SMALL" && ▸event.size == "LARGE"', "never-matches", "`||`"),
    _condition("a pattern of JavaScript", 'event.locker.matches(▸"/^A/")', "bad-argument", "between the slashes"),
    Mistake("another value of another kind", TEXT, """'${▸default(event.extra, "-")}'""", "type-mismatch",
            "string(event.x)"),
    Mistake("another value for a record", TEXT, """'${▸default(event.courier, "-")}'""", "type-mismatch",
            "event.courier != null ?"),
    Mistake("the first of mapped items", TEXT, "${▸event.people.map(p, p.name)[0]}", "may-fail", "shorter"),
    Mistake("milliseconds to local_time", STORED, '${▸local_time(event.created_ms, "HH:mm")}', "type-mismatch",
            "timestamp(… / 1000)"),
    Mistake("texts joined with a point", TEXT, """'${"您好" .▸ event.locker}'""", "type-mismatch", "with `+`"),
)  # fmt: skip

YAML = (
    Mistake("a text that goes on behind its quotes", TEXT, '"请"▸及时取件', "not-yaml", "put the whole text"),
    Mistake("a text with a star", "description: Tell", "description: ▸* Tell", "not-yaml", "must not begin with `*`"),
    Mistake("a text with a hyphen", "description: Tell", "description: ▸- Tell", "not-yaml", "must not begin with `-`"),
    Mistake("a text with an exclamation mark", WHEN, "▸!event.count", "not-yaml", "must not begin with `!`"),
    Mistake("an expression that begins with a text", WHEN, '"x"▸ in event.tags', "not-yaml", "put the whole text"),
    Mistake("an expression that begins with a list", WHEN, "[1, 2]▸[0] > 1", "not-yaml", "put the whole text"),
    Mistake("a quote that is not closed", TO, 'to: ▸"${event.sub}', "not-yaml", "a quote is not closed"),
    Mistake("a wide blank behind a colon", TO, "to:▸\u3000${event.sub}", "not-yaml", "type a space"),
    Mistake("a hard blank behind a colon", TO, "to:▸\xa0${event.sub}", "not-yaml", "no-break space"),
    Mistake("a placeholder without quotes", TEXT, "{▸{thing1.DATA}}", "not-yaml", "`${event.…}`"),
    Mistake("a key in capitals", TO, "▸To: ${event.sub}", "unknown-key", "`to`"),
    Mistake("a category in capitals", "transactional", "▸Transactional", "wrong-value", "write transactional"),
    Mistake("a category in brackets", "category: transactional", "▸category: [transactional]", "wrong-value",
            "without brackets"),
    Mistake("an id with a blank", "id: parcel-stored", "id: ▸Parcel Stored", "wrong-value", "write parcel-stored"),
)  # fmt: skip

IN_RULES = (*LANGUAGES, *YAML, *LEFTOVERS, *TIMES, *AMOUNTS, *RECIPIENTS, *CONDITIONS)

IN_TEMPLATES = (
    Mistake("a full-width colon in braces", "{label: 提示}", "{▸label：提示}", "unknown-key", "full-width colon"),
    Mistake("no blank in braces", "{label: 提示}", "{▸label:提示}", "unknown-key", "a space after the colon"),
    Mistake("a label alone", "{label: 提示}", "▸提示", "wrong-value", "{label: …}"),
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
    ("the first of mapped items, asked for", TEXT,
     """'${size(event.people) > 0 ? event.people.map(p, p.name)[0] : "-"}'"""),
    ("the first of filtered items, asked for", TEXT,
     """'${size(event.people.filter(p, p.age > 17)) > 0 ? event.people.filter(p, p.age > 17)[0].name : "-"}'"""),
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

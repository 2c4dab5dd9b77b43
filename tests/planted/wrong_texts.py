"""Rules of flights that pass every check of types, and send a wrong text or none; and what only looks like it."""

from __future__ import annotations

from tests.planted.flights import FEE, FLIGHT, TIME2, WHEN
from tests.planted.mistake import Mistake

MISTAKES = (
    Mistake("has for not null", WHEN, "▸has(event.note)", "always-there", "ask for null: event.note != null"),
    Mistake("has of a field that is never null", WHEN, "event.is_vip && ▸has(event.order_no)", "always-there",
            "leave it out"),
    Mistake("has in a record", WHEN, "▸has(event.contact.email)", "always-there", "event.contact.email != null"),
    Mistake("the currency before an amount", FLIGHT, """'▸¥${money(event.fare, "CNY")}'""", "doubled-currency",
            "decimal("),
    Mistake("the currency behind an amount", FLIGHT, """'${money_of_cents(event.fee_cents, "CNY")}▸元'""",
            "doubled-currency", "leave it out"),
    Mistake("the currency joined before an amount", FLIGHT, """'${▸"补偿￥" + money(event.fare, "CNY")}'""",
            "doubled-currency", "twice"),
    Mistake("the currency joined behind an amount", FLIGHT,
            """'${"补偿" + money(event.fare, "CNY") + ▸" 元"}'""", "doubled-currency", "twice"),
    Mistake("a brace too many", FLIGHT, "${event.flight_no}▸}航班延误", "foreign-placeholder", "one pair of braces"),
    Mistake("an expression in more braces", FLIGHT, "航班▸{${event.flight_no}}", "foreign-placeholder",
            "the brace `{`"),
    Mistake("a time by string()", FLIGHT, "${▸string(event.leaves_at)}", "raw-value", "local_time(event.leaves_at"),
    Mistake("a part of a time by string()", FLIGHT, "${substring(▸string(event.leaves_at), 0, 10)}", "raw-value",
            "in UTC"),
    Mistake("null as a text", FLIGHT, "${▸null}", "over-limit", "`thing1` is empty"),
    Mistake("the hour 24", WHEN, 'event.leaves_at.getHours("Asia/Shanghai") ▸== 24', "never-matches", "0 to 23"),
    Mistake("hours beyond the day", WHEN, 'event.leaves_at.getHours("Asia/Shanghai") ▸>= 24', "never-matches",
            "0 to 23"),
    Mistake("the day 0", WHEN, 'event.leaves_at.getDate("Asia/Shanghai") ▸< 1', "never-matches", "1 to 31"),
    Mistake("a time from a text", WHEN, "▸timestamp(event.order_no) < event.leaves_at", "may-fail", "is not a time"),
    Mistake("a span from a text", WHEN, '▸duration(event.order_no) > duration("1h")', "may-fail", "a span such as 90m"),
    Mistake("a truth value from a text", WHEN, "▸bool(event.order_no)", "may-fail", "is not true or false"),
    Mistake("a pattern of the event", WHEN, "event.order_no.matches(▸event.flight_no)", "may-fail",
            "not a regular expression"),
    Mistake("values of an enum, joined", FLIGHT, """'${join(event.passengers.map(one, ▸one.cabin), "、")}'""",
            "raw-value", "label(one.cabin"),
    Mistake("values of an enum within joined texts", FLIGHT,
            """'${join(event.passengers.map(one, one.name + ▸one.cabin), "、")}'""", "raw-value", "`ECONOMY`"),
    Mistake("a size of at least 0", WHEN, "size(event.passengers) ▸>= 0", "always-there", "size(event.passengers) > 0"),
    Mistake("a size below 0", WHEN, "event.tags.size() ▸< 0", "never-matches", "0 or more"),
    Mistake("null of a field that is never null", WHEN, "event.order_no ▸!= null", "type-mismatch",
            "leave the comparison out"),
    Mistake("null before such a field", WHEN, "null ▸== event.order_no", "type-mismatch",
            "`event.order_no` is never null"),
    Mistake("null of a sum", WHEN, "(event.fee_cents + 1) ▸!= null", "type-mismatch", "this is never null"),
    Mistake("the item before the first", WHEN, 'event.tags[▸-1] == "late"', "always-fails", "the first item"),
)  # fmt: skip

SOUND = (
    ("keys of the map itself", WHEN, "'event.tiers.all(one, event.tiers[one] > 1.0)'"),
    ("a key of a field that was asked for", WHEN,
     "'event.order_no in event.tiers && event.tiers[event.order_no] > 1.0'"),
    ("a key of a macro that was asked for", WHEN,
     "'event.tags.exists(one, one in event.tiers && event.tiers[one] > 1.0)'"),
    ("has of a map's key", WHEN, "has(event.tiers.tier1)"),
    ("hours of a span", WHEN, "(event.leaves_at - event.leaves_at).getHours() > 48"),
    ("the last hour", WHEN, 'event.leaves_at.getHours("Asia/Shanghai") == 23'),
    ("a currency that another amount has", FEE, "${decimal(event.fare, 2)}元"),
    ("a time that was asked for", WHEN,
     """'event.order_no.matches("^[0-9]{4}-") && timestamp(event.order_no) < event.leaves_at'"""),
    ("a time with its text", TIME2, """'${local_time(timestamp("2026-11-30T08:00:00+08:00"), "YYYY-MM-DD HH:mm")}'"""),
)  # fmt: skip

"""The functions of rules: every documented example, and hostile arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo, available_timezones

import pytest

from pipeline.rules.cel.engine import Environment, ExpressionFailed
from pipeline.rules.functions import FUNCTIONS, Example, Function, FunctionFailed, as_markdown
from pipeline.rules.functions.declaration import MAX_TEXT
from pipeline.rules.functions.money import decimal, money, money_of_cents, number
from pipeline.rules.functions.texts import (
    default,
    items,
    join,
    label,
    label_in,
    lower,
    mask,
    plural,
    replace,
    substring,
    truncate,
    upper,
)
from pipeline.rules.functions.times import local_date, local_time
from pipeline.rules.timestamp import Timestamp

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
EXAMPLES = [(function, example) for function in FUNCTIONS for example in function.examples]
BY_NAME = {function.name: function for function in FUNCTIONS}


@pytest.mark.parametrize(("function", "example"), EXAMPLES, ids=lambda value: getattr(value, "expression", None))
def test_examples_hold(function: Function, example: Example) -> None:
    """Every example of the reference is what the engine of the service says."""
    environment = Environment()
    assert function.name in example.expression
    assert environment.compile(example.expression).evaluate(environment.bind(example.event)) == example.result


def test_every_function_is_shown_and_named_once() -> None:
    """Each function has an example and its own part of the reference."""
    page = as_markdown()
    assert len(BY_NAME) == len(FUNCTIONS)
    assert all(function.examples and f"\n## {function.name}\n" in page for function in FUNCTIONS)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0.005, "CNY", "¥0.01"),
        (-0.001, "CNY", "¥0.00"),
        (-12.5, "CNY", "-¥12.50"),
        (9999999999.99, "CNY", "¥9999999999.99"),
        (1e-300, "CNY", "¥0.00"),
        ("0012.5", "EUR", "€12.50"),
        (2.675, "USD", "$2.68"),
        (1.0, "KWD", "1.000 KWD"),
    ],
)
def test_money_is_exact(amount: float | str, currency: str, text: str) -> None:
    """Half a cent is rounded up, nothing is minus zero, each currency has its own decimals."""
    assert money(amount, currency) == text


@pytest.mark.parametrize(
    "amount", [math.nan, math.inf, -math.inf, 1e308, 1e10, "NaN", "1e5", "１２", "1_000", "1,000", "", "9" * 31, " 1"]
)
def test_money_refuses_what_is_no_amount(amount: float | str) -> None:
    """No absurd number becomes a message."""
    with pytest.raises(FunctionFailed):
        money(amount, "CNY")


@pytest.mark.parametrize("currency", ["", "cny", "XXQ", "RMB", "¥", "CNYY", "CN\u0059\u0301"])
def test_money_refuses_unknown_currencies(currency: str) -> None:
    """A currency that does not exist is refused, and found beforehand where it is fixed."""
    check = BY_NAME["money"].check_constants
    assert check is not None
    assert "ISO 4217" in str(check(None, currency))
    with pytest.raises(FunctionFailed, match="ISO 4217"):
        money(1.0, currency)
    with pytest.raises(FunctionFailed, match="ISO 4217"):
        money_of_cents(1, currency)


def test_money_knows_locales_and_refuses_others() -> None:
    """A locale groups digits as people there do; one that does not exist is refused."""
    assert money(1234.5, "CNY", "zh_CN") == "¥1,234.50"
    for hostile in ("", "xx-YY", "../etc", "z" * 10_000):
        with pytest.raises(FunctionFailed, match="locale"):
            money(1.0, "CNY", hostile)


def test_whole_cents_are_never_mistaken() -> None:
    """A count of cents has a function of its own, and `money` takes no whole number."""
    assert money_of_cents(-5, "CNY") == "-¥0.05"
    environment = Environment()
    with pytest.raises(FunctionFailed):
        money_of_cents(2**63 - 1, "CNY")
    with pytest.raises(ExpressionFailed):
        environment.compile('money(event.cents, "CNY")').evaluate(environment.bind({"cents": 12_800}))


@pytest.mark.parametrize("decimals", [-1, 11, 2**62])
def test_decimals_are_bounded(decimals: int) -> None:
    """A senseless count of decimals is refused."""
    with pytest.raises(FunctionFailed):
        decimal(1.0, decimals)


@pytest.mark.parametrize(
    ("moment", "zone", "text"),
    [
        ("2026-03-29T00:59:59+00:00", "Europe/Berlin", "2026-03-29 01:59"),
        ("2026-03-29T01:00:00+00:00", "Europe/Berlin", "2026-03-29 03:00"),
        ("2026-10-25T00:30:00+00:00", "Europe/Berlin", "2026-10-25 02:30"),
        ("2026-10-25T01:30:00+00:00", "Europe/Berlin", "2026-10-25 02:30"),
        ("2026-12-31T16:00:00+00:00", "Asia/Shanghai", "2027-01-01 00:00"),
        ("2026-12-31T18:45:00+00:00", "Asia/Kathmandu", "2027-01-01 00:30"),
    ],
)
def test_local_time_knows_daylight_saving(moment: str, zone: str, text: str) -> None:
    """The zone's own rules decide, at the turn of the year and of the clocks."""
    assert local_time(datetime.fromisoformat(moment), "YYYY-MM-DD HH:mm", zone) == text


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "1 to 64"),
        ("D" * 65, "1 to 64"),
        ("yyyy-MM-dd", "write YYYY"),
        ("YYYY-mm-DD", "months are MM"),
        ("hh:mm", "HH counts them to 24"),
        ("YYYY年Q", "has no meaning"),
        ("HH:mm 'Uhr", "is not closed"),
        ("%Y-%m-%d", "write YYYY"),
        ("YYYY-MM-DD HH:MM", "minutes are mm"),
        ("HH点MM分", "minutes are mm"),
        ("M月D日 mm:ss", "months are MM"),
        ("YYYY/mm/DD HH:mm", "months are MM"),
        ("MMMM D, YYYY", "months are numbers"),
        ("MMM", "months are numbers"),
        ("AAAA h:mm", "write A"),
        ("DDD", "write DD"),
        ("YYYYY", "write YYYY"),
        ("HHH:mm", "write HH"),
        ("HH:mm:SS", "write ss"),
        ("H:m", "write mm"),
        ("YYYY年YY", "the year is in the pattern twice"),
        ("MM月M日", "the month is in the pattern twice"),
        ("HH:ss", "needs mm"),
        ("YYYY年D日", "no month"),
        ("YYYY HH:mm", "no day"),
        ("YYYY-DD-MM", "write MM, then DD"),
        ("下午", "shows nothing of the time"),
        ("A HH:mm", "write hh or h"),
        ("ＹＹＹＹ-MM-DD", "full-width letter"),
        ("YYYY-MM-DDTHH:mm", "single quotes"),
        ("dddd", "write EEEE"),
    ],
)
def test_wrong_patterns_are_refused(pattern: str, message: str) -> None:
    """A pattern from another language, or one that gives a plausible wrong time, is refused, beforehand if fixed."""
    check = BY_NAME["local_time"].check_constants
    assert check is not None
    assert message in str(check(None, pattern))
    with pytest.raises(FunctionFailed, match=message):
        local_time(NOON, pattern)


def test_literals_in_patterns() -> None:
    """Latin letters are in single quotes, other characters as they are."""
    assert local_time(NOON, "'at' H'h'mm · EEEE", "UTC") == "at 4h00 · 星期一"


@pytest.mark.parametrize(
    "pattern",
    [
        "HH:mm M月D日",
        "DD/MM/YYYY",
        "M月D日 A",
        "YY.M.D",
        "A hh点mm分ss秒",
        "EEEE",
        "YYYY-MM-DD'T'HH:mm:ss",
        "HH点 MM月DD日",
        "D日",
    ],
)
def test_unusual_patterns_are_right(pattern: str) -> None:
    """A pattern that can be meant is not refused."""
    assert local_time(NOON, pattern)


@pytest.mark.parametrize(
    ("zone", "hint"), [("Asia/Beijing", "Asia/Shanghai"), ("asia/tokyo", "Asia/Tokyo"), ("CST", "Asia/Shanghai")]
)
def test_a_zone_by_a_common_wrong_name_has_a_hint(zone: str, hint: str) -> None:
    """Beijing is in Asia/Shanghai, and names are in mixed case."""
    check = BY_NAME["local_time"].check_constants
    assert check is not None
    assert str(check(None, "HH:mm", zone)).endswith(f"write it like {hint}")


@pytest.mark.parametrize("zone", ["", "Asia/Peking", "../../etc/passwd", "UTC+8", "asia/shanghai\x00", "a" * 10_000])
def test_unknown_zones_are_refused(zone: str) -> None:
    """A zone that does not exist is refused, and found beforehand where it is fixed."""
    check = BY_NAME["local_time"].check_constants
    assert check is not None
    assert "time zone" in str(check(None, "HH:mm", zone))
    with pytest.raises(FunctionFailed, match="time zone"):
        local_time(NOON, "HH:mm", zone)


def test_times_at_the_end_of_the_calendar() -> None:
    """A time whose local time is outside the calendar is refused."""
    with pytest.raises(FunctionFailed, match="out of range"):
        local_time(datetime(9999, 12, 31, 23, tzinfo=UTC), "YYYY")
    assert local_time(datetime(2, 1, 1, tzinfo=UTC), "YYYY") == "0002"


@pytest.mark.parametrize(
    "zero",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        Timestamp(0, 0),
        Timestamp(0, 999_000_000),
        Timestamp(-1, 0),
        datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=8))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, 8, 5, 43, tzinfo=UTC),
    ],
    ids=str,
)
@pytest.mark.parametrize("pattern", ["YYYY-MM-DD", "HH:mm:ss"])
def test_a_time_that_stands_for_none_is_not_shown(zero: datetime | Timestamp, pattern: str) -> None:
    """Go's and .NET's zero, the epoch, and midnight of its day on local clocks: no customer should read them."""
    with pytest.raises(FunctionFailed, match="not set"):
        local_time(zero, pattern)


def test_a_time_beside_a_zero_is_shown() -> None:
    """Old times are rare, and real."""
    assert local_time(Timestamp(1, 0), "HH:mm:ss", "UTC") == "00:00:01"
    assert local_time(datetime(1969, 12, 30, 23, tzinfo=UTC), "YYYY-MM-DD", "UTC") == "1969-12-30"
    assert local_time(datetime(1970, 1, 2, tzinfo=UTC), "YYYY-MM-DD", "UTC") == "1970-01-02"
    assert local_date("1970-01-02", "YYYY年M月D日") == "1970年1月2日"


@pytest.mark.parametrize("day", ["1970-01-01", "0001-01-01", "0001-01-03"])
def test_a_date_that_stands_for_none_is_not_shown(day: str) -> None:
    """Zero days since 1970, and the dates of zero times."""
    with pytest.raises(FunctionFailed, match="not set"):
        local_date(day, "YYYY年M月D日")


@pytest.mark.parametrize("day", ["", "2026-11-31", "20261130", "2026-W48-1", "2026-11-30T00:00:00Z", "２０２６-11-30"])
def test_local_date_takes_dates_only(day: str) -> None:
    """A text that is not an ISO date is refused."""
    with pytest.raises(FunctionFailed, match="date"):
        local_date(day, "M月D日")


def test_local_date_has_no_time_of_day() -> None:
    """A pattern with hours is refused for a date, beforehand if fixed."""
    check = BY_NAME["local_date"].check_constants
    assert check is not None
    assert check(None, "YYYY-mm-DD") == "a date has no time of day; months are MM"
    with pytest.raises(FunctionFailed, match="time of day"):
        local_date("2026-11-30", "HH:mm")


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("zh-CN", "星期一 23 十一月 11月 周一 上午"),
        ("en", "Monday 23 November Nov Mon AM"),
        ("ja", "月曜日 23 11月 11月 月 午前"),
        ("fr_FR", "lundi 23 novembre nov. lun. AM"),
        ("de", "Montag 23 November Nov. Mo. AM"),
    ],
)
def test_names_are_those_of_the_locale(locale: str, text: str) -> None:
    """As CLDR has them within a date; without a locale a month has no name."""
    moment = datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert local_time(moment, "EEEE D MMMM", "Asia/Shanghai", locale) == " ".join(text.split()[:3])
    assert local_time(moment, "MMM EEE A h", "Asia/Shanghai", locale) == " ".join((*text.split()[3:], "9"))
    assert local_date("2026-11-23", "EEEE D MMMM", locale) == " ".join(text.split()[:3])


@pytest.mark.parametrize("locale", ["", "xx", "english", "../../etc", "z" * 10_000, "zh-CN\x00"])
def test_unknown_locales_of_times_are_refused(locale: str) -> None:
    """And found beforehand where they are fixed."""
    for name, arguments in (("local_time", (None, "MMMM", "UTC")), ("local_date", (None, "MMMM"))):
        check = BY_NAME[name].check_constants
        assert check is not None
        assert "no such locale" in str(check(*arguments, locale))
        assert check(*arguments, None) is None
        assert "months are numbers" in str(check(*arguments))
    with pytest.raises(FunctionFailed, match="locale"):
        local_time(NOON, "MMMM", "UTC", locale)
    with pytest.raises(FunctionFailed, match="locale"):
        local_date("2026-11-30", "MMMM", locale)


def test_labels_without_a_message_are_refused() -> None:
    """A value without a label makes no message, and the error does not contain the value."""
    with pytest.raises(FunctionFailed) as refused:
        label("SECRET", {"A": "甲"})
    assert "SECRET" not in str(refused.value)
    with pytest.raises(FunctionFailed):
        label_in("A", "fr", {"en": {"A": "a"}})
    assert label_in("A", "zh_Hant_TW", {"zh": {"A": "甲"}}) == "甲"


@pytest.mark.parametrize(("count", "characters"), [(-1, 20), (5, 0), (5, 1_001), (10**17, 20)])
def test_items_refuse_senseless_counts(count: int, characters: int) -> None:
    """Negative counts, and room in which not even the number fits, are refused."""
    with pytest.raises(FunctionFailed):
        items("拿铁", count, characters)


@pytest.mark.parametrize("name", ["", " ", "\u200b\u200b", "\u3000"])
def test_items_refuse_a_name_that_shows_nothing(name: str) -> None:
    """The customer would read `等3件` alone."""
    with pytest.raises(FunctionFailed, match="empty"):
        items(name, 3, 20)


def test_items_keep_the_number() -> None:
    """The name is shortened for the number, by whole characters."""
    assert items("好" * 30, 12, 20) == "好" * 15 + "…等12件"
    assert items("👨\u200d👩\u200d👧" * 9, 2, 20) == "👨\u200d👩\u200d👧" * 3 + "…等2件"


def test_masks_hide_whole_characters() -> None:
    """A short text is all stars, and an emoji is one character."""
    assert mask("1234567") == "*******"
    assert mask("") == ""
    assert mask("👨\u200d👩\u200d👧张三", 1, 1) == "👨\u200d👩\u200d👧*三"
    with pytest.raises(FunctionFailed):
        mask("abc", -1, 0)


@pytest.mark.parametrize("characters", [0, -5, 1_001, 2**62])
def test_truncate_is_bounded(characters: int) -> None:
    """A senseless length is refused, beforehand if fixed."""
    check = BY_NAME["truncate"].check_constants
    assert check is not None
    assert check(None, characters)
    with pytest.raises(FunctionFailed):
        truncate("a", characters)


BOOK = "a" * (MAX_TEXT + 1)


@pytest.mark.parametrize(
    "call",
    [
        partial(truncate, BOOK, 20),
        partial(mask, BOOK),
        partial(items, BOOK, 1),
        partial(plural, 2, "", "#" * (MAX_TEXT + 1)),
        partial(plural, 2**62, "", "#" * MAX_TEXT),
        partial(join, ["a"] * 3_000, "--"),
        partial(label, "a", {"a": BOOK}),
        partial(upper, "ß" * MAX_TEXT),
        partial(lower, "İ" * MAX_TEXT),
        partial(replace, BOOK, "a", ""),
        partial(replace, "a" * MAX_TEXT, "a", "bb"),
        partial(replace, "a", "a", BOOK),
        partial(substring, BOOK, 0, 1),
    ],
)
def test_results_are_bounded(call: Callable[[], str]) -> None:
    """No function makes a text without bound, nor takes one."""
    with pytest.raises(FunctionFailed):
        call()


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (0, -1), (3, 3), (4, 3), (-(2**63), 2**63 - 1), (2**62, 1)])
def test_a_part_that_is_never_right_is_refused(start: int, end: int) -> None:
    """Negative and reversed positions fail, beforehand if fixed; no text makes them right."""
    check = BY_NAME["substring"].check_constants
    assert check is not None
    assert check(None, start, end)
    with pytest.raises(FunctionFailed, match=r"counted from 0|always empty"):
        substring("拿铁咖啡", start, end)


def test_a_part_counts_whole_characters() -> None:
    """As `mask` counts them: an emoji of several code points is one; beyond the end there is nothing."""
    family = "👨\u200d👩\u200d👧"
    assert substring(f"{family}张三", 0, 1) == family
    assert substring(f"{family}张三", 1) == "张三"
    assert substring("张三", 5) == ""
    assert substring("张三", 0, 2**62) == "张三"
    check = BY_NAME["substring"].check_constants
    assert check is not None
    assert check(None, -4, None)
    assert check(None, None, 0) is None


def test_nothing_cannot_be_replaced() -> None:
    """An empty text would stand between all characters: it is refused, beforehand if fixed."""
    check = BY_NAME["replace"].check_constants
    assert check is not None
    assert check(None, "", "x")
    with pytest.raises(FunctionFailed, match="empty"):
        replace("abc", "", "x")
    assert replace("aaa", "aa", "b") == "ba"


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1,000", "１２", "1e5", "0x1", "NaN", "inf", "1.", ".5", "9" * 31, "--1"]
)
def test_number_refuses_what_is_no_number(text: str) -> None:
    """A text with anything but digits, a sign and a point fails."""
    with pytest.raises(FunctionFailed, match=r"12\.50"):
        number(text)


@pytest.mark.parametrize("by_cel", [True, False])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12345678901234567.89", "12345678901234567.89"),
        ("-0.1", "-0.1"),
        ("+007.50", "7.5"),
        (9_007_199_254_740_993, "9007199254740993"),
        (0.1, "0.1"),
    ],
)
def test_number_keeps_every_digit(value: object, text: str, *, by_cel: bool) -> None:
    """In both evaluators, also where a double would not hold the number."""
    environment = Environment()
    expression = environment.compile("string(number(event.n))")
    activation = environment.bind({"n": value})
    assert expression.generated is not None
    assert (expression.by_cel(activation) if by_cel else expression.evaluate(activation)) == text


def test_join_takes_texts_only() -> None:
    """A number among the texts is a refusal, not a crash."""
    environment = Environment()
    with pytest.raises(ExpressionFailed, match="only texts"):
        environment.compile('join(event.names, "、")').evaluate(environment.bind({"names": ["a", 1]}))


def test_default_keeps_false_and_zero() -> None:
    """Nothing but null and the empty text counts as missing."""
    assert default(0, 5) == 0
    assert default(None, 5) == 5
    assert default(False, True) is False  # noqa: FBT003 - the value itself


@pytest.mark.parametrize("year", [1973, 1999, 2026, 2100])
def test_every_zone_is_whole_minutes_off(year: int) -> None:
    """So times of one minute have one text unless the pattern has seconds: the text is cached by the minute."""
    for name in available_timezones():
        for month in range(1, 13):
            offset = datetime(year, month, 1, tzinfo=ZoneInfo(name)).utcoffset()
            assert offset is not None
            assert offset % timedelta(minutes=1) == timedelta(0), name


@pytest.mark.parametrize("pattern", ["YYYY-MM-DD HH:mm", "A h:mm", "HH:mm:ss"])
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kathmandu", "America/St_Johns", "Africa/Monrovia"])
@pytest.mark.parametrize("year", [2, 1900, 1971, 1972, 1973, 2026, 9998])
def test_a_remembered_time_is_that_of_its_own_minute(year: int, zone: str, pattern: str) -> None:
    """As the zone's own clocks show it, at the minute's ends, in any order and again."""
    begin = datetime(year, 6, 30, 23, 59, tzinfo=UTC)
    for seconds in (0, 59.999, -0.001, 60, 0, 31):
        moment = begin + timedelta(seconds=seconds)
        local = moment.astimezone(ZoneInfo(zone))
        half = "上午" if local.hour < 12 else "下午"
        clock = {
            "YYYY-MM-DD HH:mm": f"{local:%Y-%m-%d %H:%M}".zfill(16),
            "A h:mm": f"{half} {local.hour % 12 or 12}:{local:%M}",
            "HH:mm:ss": f"{local:%H:%M:%S}",
        }
        assert local_time(moment, pattern, zone) == clock[pattern]

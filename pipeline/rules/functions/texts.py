"""Words: labels, shortening, masking, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.rules.channel import shorten
from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload, bounded


def label(value: str, words: Mapping[str, str]) -> str:
    """The word for an enum's value; `*` is the word for every other."""
    text = words.get(value, words.get("*"))
    if text is None:
        raise FunctionFailed("no label for this value, and none for `*`")
    return bounded(text)


def truncate(text: str, characters: int) -> str:
    """At most so many characters as people see them, the last an ellipsis."""
    if not 1 <= characters <= 1_000:  # noqa: PLR2004 - no field takes more
        raise FunctionFailed("truncate to 1 to 1000 characters")
    return shorten(bounded(text), characters)


def mask(text: str, first: int = 3, last: int = 4) -> str:
    """Stars in place of all but the first and last characters; a text too short for that is all stars."""
    if first < 0 or last < 0:
        raise FunctionFailed("mask keeps 0 or more characters at each end")
    bounded(text)
    if len(text) <= first + last:
        return "*" * len(text)
    return text[:first] + "*" * (len(text) - first - last) + (text[-last:] if last else "")


def items(summary: str, count: int) -> str:
    """The first item's name, and how many there are in all where it is more than one."""
    return bounded(summary if count <= 1 else f"{summary}等{count}件")


def plural(count: int, one: str, many: str) -> str:
    """`one` for 1, else `many`; `#` stands for the number."""
    return bounded((one if count == 1 else many).replace("#", str(count)))


def join(parts: Sequence[str], between: str) -> str:
    """The texts with `between` between them."""
    return bounded(between.join(parts))


def upper(text: str) -> str:
    """In capital letters."""
    return bounded(text).upper()


def lower(text: str) -> str:
    """In small letters."""
    return bounded(text).lower()


def trim(text: str) -> str:
    """Without white space at either end."""
    return bounded(text).strip()


FUNCTIONS = (
    Function(
        "label",
        (Overload(("string", "map<string, string>"), "string"),),
        label,
        "The words for an enum's value. `*` stands for every value not named; `check` tells which are missing.",
        (
            Example('label(event.carrier, {"SF": "顺丰速运", "*": "快递"})', "顺丰速运", {"carrier": "SF"}),
            Example('label(event.carrier, {"SF": "顺丰速运", "*": "快递"})', "快递", {"carrier": "ZTO"}),
        ),
    ),
    Function(
        "truncate",
        (Overload(("string", "int"), "string"),),
        truncate,
        "At most so many characters as people see them, the last an ellipsis. Never for numbers or times.",
        (Example('truncate("小粒咖啡豆250g", 5)', "小粒咖啡…"),),
        lambda _, characters: None if characters is None or 1 <= characters <= 1_000 else "truncate to 1 to 1000",  # noqa: PLR2004
    ),
    Function(
        "mask",
        (Overload(("string",), "string"), Overload(("string", "int", "int"), "string")),
        mask,
        "Stars in place of all but the first 3 and last 4 characters, or as many as you say.",
        (Example('mask("13812345678")', "138****5678"), Example('mask("6222020200112233", 0, 4)', "************2233")),
    ),
    Function(
        "items",
        (Overload(("string", "int"), "string"),),
        items,
        "Several items in few words: the first one's name and how many there are.",
        (Example('items("小粒咖啡豆250g", 3)', "小粒咖啡豆250g等3件"), Example('items("拿铁", 1)', "拿铁")),
    ),
    Function(
        "plural",
        (Overload(("int", "string", "string"), "string"),),
        plural,
        "One form for 1, another for every other number; `#` stands for the number.",
        (Example('plural(2, "# item", "# items")', "2 items"), Example('plural(1, "# item", "# items")', "1 item")),
    ),
    Function(
        "join",
        (Overload(("list<string>", "string"), "string"),),
        join,
        "Several texts as one.",
        (Example('join(["拿铁", "美式"], "、")', "拿铁、美式"),),
    ),
    Function("upper", (Overload(("string",), "string"),), upper, "Capital letters.", (Example('upper("sf1")', "SF1"),)),
    Function("lower", (Overload(("string",), "string"),), lower, "Small letters.", (Example('lower("SF1")', "sf1"),)),
    Function(
        "trim",
        (Overload(("string",), "string"),),
        trim,
        "Without white space at the ends.",
        (Example('trim(" a ")', "a"),),
    ),
)

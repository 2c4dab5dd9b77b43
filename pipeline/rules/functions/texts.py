"""Functions on texts: labels, shortening, masking, counts, urls."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from pipeline.phrases import phrase
from pipeline.rules.functions.declaration import MAX_TEXT, Example, Function, FunctionFailed, Overload, bounded
from pipeline.styles.text import ELLIPSIS, clusters, is_visible, shorten

MAX_CHARACTERS = 1_000
"""More than any field takes."""


def label(value: str, message: Mapping[str, str]) -> str:
    """The label of an enum's value; `*` is the label of every other value."""
    text = message.get(value, message.get("*"))
    if text is None:
        raise FunctionFailed(phrase('there is no label for this value, and none for "*"'))
    if not isinstance(text, str):
        raise FunctionFailed(phrase("a label is a text"))
    return bounded(text)


def label_in(value: str, locale: str, message: Mapping[str, Mapping[str, str]]) -> str:
    """The label in the locale, else in its language, else under `*`."""
    for name in (locale, locale.replace("_", "-").partition("-")[0], "*"):
        if name in message:
            return label(value, message[name])
    raise FunctionFailed(phrase('there are no labels for this locale, and none for "*"'))


def truncate(text: str, characters: int) -> str:
    """The text in at most `characters` characters, the last one an ellipsis if it was cut."""
    if problem := _bad_count(characters):
        raise FunctionFailed(problem)
    return shorten(bounded(text), characters)


def mask(text: str, first: int = 3, last: int = 4) -> str:
    """The text with a star for each character but the first and last ones; a shorter text is all stars."""
    if problem := _bad_ends(first, last):
        raise FunctionFailed(problem)
    parts = clusters(bounded(text))
    hidden = len(parts) - first - last
    if hidden <= 0:
        return "*" * len(parts)
    return "".join((*parts[:first], "*" * hidden, *parts[first + hidden :]))


def items(summary: str, count: int, characters: int = MAX_TEXT) -> str:
    """The first item's name and the number of items; the name is shortened, never the number."""
    if characters != MAX_TEXT and (problem := _bad_count(characters)):
        raise FunctionFailed(problem)
    if count < 0:
        raise FunctionFailed(phrase("a count of items is not negative"))
    if count > 1 and not is_visible(summary):  # of one item alone the empty field is refused
        raise FunctionFailed(phrase("the name of the first item is empty"))
    ending = f"等{count}件" if count > 1 else ""
    available = characters - len(ending)
    if available <= len(ELLIPSIS):
        raise FunctionFailed(
            phrase("the number of items needs more than {characters} characters", characters=characters)
        )
    return shorten(bounded(summary), available) + ending


def plural(count: int, one: str, many: str) -> str:
    """`one` for 1, else `many`; `#` is replaced by the number."""
    form = bounded(one if count == 1 else many)
    number = str(count)
    if len(form) + form.count("#") * len(number) > MAX_TEXT:
        raise FunctionFailed(phrase("the text would have more than {max_text} characters", max_text=MAX_TEXT))
    return form.replace("#", number)


def default(value: object, fallback: object) -> object:
    """The value, or the fallback where it is null or a text that shows nothing."""
    return fallback if value is None or (isinstance(value, str) and not is_visible(value)) else value


def join(parts: Sequence[str], between: str) -> str:
    """The texts with `between` between them."""
    if not all(isinstance(part, str) for part in parts):
        raise FunctionFailed(phrase("only texts can be joined"))
    length = sum(map(len, parts)) + len(between) * max(0, len(parts) - 1)
    if length > MAX_TEXT:
        raise FunctionFailed(
            phrase("the text would have {length} characters, more than {max_text}", length=length, max_text=MAX_TEXT)
        )
    return between.join(parts)


def upper(text: str) -> str:
    """The text in upper case, which may be longer: `ß` becomes `SS`."""
    return bounded(bounded(text).upper())


def lower(text: str) -> str:
    """The text in lower case, which may be longer: `İ` becomes two code points."""
    return bounded(bounded(text).lower())


def replace(text: str, old: str, new: str) -> str:
    """The text with each `old` replaced by `new`."""
    if problem := _bad_old(old):
        raise FunctionFailed(problem)
    length = len(bounded(text)) + text.count(old) * (len(new) - len(old))
    if length > MAX_TEXT:
        raise FunctionFailed(
            phrase("the text would have {length} characters, more than {max_text}", length=length, max_text=MAX_TEXT)
        )
    return text.replace(old, new)


def substring(text: str, start: int, end: int = MAX_TEXT) -> str:
    """The characters from `start` to before `end`, counted from 0 as `mask` counts them; a shorter text gives less."""
    if problem := _bad_part(start, end):
        raise FunctionFailed(problem)
    return "".join(clusters(bounded(text))[start:end])


def trim(text: str) -> str:
    """Without white space and invisible characters at either end."""
    return _ENDS.sub("", bounded(text))


_EMPTY = "[\\s\u00ad\u115f\u1160\u180e\u200b\u2060\u2800\u3164\ufeff\uffa0]+"
_ENDS = re.compile(rf"\A{_EMPTY}|{_EMPTY}\Z")
"""Joiners and variation selectors are not in it: they belong to the emoji before them."""


def url_encode(text: str) -> str:
    """The text as one part of a url: all but RFC 3986's unreserved characters as the %XX of its UTF-8 bytes."""
    if "\0" in text or "\1" in text:
        raise FunctionFailed(phrase("a url must not contain NUL"))
    return bounded(percent_encoded(bounded(text), _UNRESERVED))


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def percent_encoded(text: str, kept: Collection[int]) -> str:
    """The text with each byte of its UTF-8 that is not in `kept` as `%XX` (RFC 3986, section 2.1).

    Written here because `urllib`, which brings a client, is not imported by pure packages.
    """
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())


def _bad_count(characters: int) -> str | None:
    return (
        None
        if 1 <= characters <= MAX_CHARACTERS
        else phrase("characters are 1 to {max_characters}", max_characters=MAX_CHARACTERS)
    )


def _bad_ends(first: int, last: int) -> str | None:
    if 0 <= first <= MAX_CHARACTERS and 0 <= last <= MAX_CHARACTERS:
        return None
    return phrase("each end keeps 0 to {max_characters} characters", max_characters=MAX_CHARACTERS)


def _bad_old(old: str) -> str | None:
    return None if old else phrase("the text to be replaced is empty")


def _bad_part(start: int, end: int) -> str | None:
    if start < 0 or end < 0:
        return phrase("characters are counted from 0, the first one")
    return None if start < end else phrase("a part from {start} to before {end} is always empty", start=start, end=end)


def _check_replace(_: object, old: object, __: object = None) -> str | None:
    return _bad_old(old) if isinstance(old, str) else None


def _check_substring(_: object, start: object, end: object = None) -> str | None:
    if isinstance(start, int) and isinstance(end, int):
        return _bad_part(start, end)
    return _bad_part(0, 1 if (start if isinstance(start, int) else 0) >= 0 else -1)


def _check_truncate(_: object, characters: object) -> str | None:
    return _bad_count(characters) if isinstance(characters, int) else None


def _check_mask(_: object, first: object = None, last: object = None) -> str | None:
    return _bad_ends(first if isinstance(first, int) else 0, last if isinstance(last, int) else 0)


def _check_items(_: object, __: object, characters: object = None) -> str | None:
    return _bad_count(characters) if isinstance(characters, int) else None


FUNCTIONS = (
    Function(
        "label",
        (Overload(("string", "map<string, string>"), "string"),),
        label,
        phrase(
            'The label of an enum\'s value. `"*"` is the label of every other value; without it, '
            "`check` reports the schema's values that have no label."
        ),
        (
            Example('label(event.carrier, {"SF": "顺丰速运", "*": "快递"})', "顺丰速运", {"carrier": "SF"}),
            Example('label(event.carrier, {"SF": "顺丰速运", "*": "快递"})', "快递", {"carrier": "ZTO"}),
        ),
    ),
    Function(
        "label_in",
        (Overload(("string", "string", "map<string, map<string, string>>"), "string"),),
        label_in,
        phrase(
            "The label in one of several languages: that of the locale (`zh-TW`), else of its "
            'language (`zh`), else under `"*"`.'
        ),
        (
            Example(
                'label_in(event.status, event.locale, {"en": {"PAID": "Paid"}, "*": {"PAID": "已支付"}})',
                "Paid",
                {"status": "PAID", "locale": "en-US"},
            ),
            Example(
                'label_in(event.status, "ja", {"en": {"PAID": "Paid"}, "*": {"PAID": "已支付"}})',
                "已支付",
                {"status": "PAID"},
            ),
        ),
    ),
    Function(
        "items",
        (Overload(("string", "int"), "string"), Overload(("string", "int", "int"), "string")),
        items,
        phrase(
            "The first item's name and the number of items. With a maximum number of characters "
            "the name is shortened, never the number."
        ),
        (
            Example('items("小粒咖啡豆250g", 3)', "小粒咖啡豆250g等3件"),
            Example('items("拿铁", 1)', "拿铁"),
            Example('items("云南小粒咖啡豆深度烘焙250g装", 12, 14)', "云南小粒咖啡豆深度…等12件"),
        ),
        _check_items,
    ),
    Function(
        "default",
        tuple(
            Overload((given, kind), kind)
            for kind in ("string", "double", "int", "timestamp", "bool")
            for given in (kind, "null")
        ),
        default,
        phrase(
            "The value, or another one where it is null, an empty text, or a text of white space "
            "and invisible characters. Both have the same type."
        ),
        (
            Example('default(event.nickname, "顾客")', "顾客", {"nickname": None}),
            Example('default(event.nickname, "顾客")', "顾客", {"nickname": ""}),
            Example('default(event.nickname, "顾客")', "小林", {"nickname": "小林"}),
            Example('money(default(event.threshold, 0.0), "CNY")', "¥0.00", {"threshold": None}),
        ),
    ),
    Function(
        "truncate",
        (Overload(("string", "int"), "string"),),
        truncate,
        phrase(
            "The text in at most that many characters, the last one an ellipsis if it was cut; "
            "never half an emoji. Not for numbers or times: a cut one is wrong."
        ),
        (Example('truncate("小粒咖啡豆250g", 5)', "小粒咖啡…"),),
        _check_truncate,
    ),
    Function(
        "mask",
        (Overload(("string",), "string"), Overload(("string", "int", "int"), "string")),
        mask,
        phrase("A star for each character but the first 3 and the last 4, or as many as the arguments say."),
        (
            Example('mask("13812345678")', "138****5678"),
            Example('mask("6222020200112233", 0, 4)', "************2233"),
            Example('mask("张三丰", 1, 0)', "张**"),
        ),
        _check_mask,
    ),
    Function(
        "plural",
        (Overload(("int", "string", "string"), "string"),),
        plural,
        phrase("One form for 1, another for every other number; `#` is replaced by the number."),
        (Example('plural(2, "# item", "# items")', "2 items"), Example('plural(1, "# item", "# items")', "1 item")),
    ),
    Function(
        "join",
        (Overload(("list<string>", "string"), "string"),),
        join,
        phrase("The texts of a list, with another text between them."),
        (Example('join(["拿铁", "美式"], "、")', "拿铁、美式"),),
    ),
    Function(
        "upper", (Overload(("string",), "string"),), upper, phrase("Upper case."), (Example('upper("sf1")', "SF1"),)
    ),
    Function(
        "lower", (Overload(("string",), "string"),), lower, phrase("Lower case."), (Example('lower("SF1")', "sf1"),)
    ),
    Function(
        "replace",
        (Overload(("string", "string", "string"), "string"),),
        replace,
        phrase("The text with one text replaced by another one, wherever it stands in it."),
        (
            Example('replace(event.phone, "-", "")', "13812345678", {"phone": "138-1234-5678"}),
            Example('replace("A座/3层", "/", "，")', "A座，3层"),
        ),
        _check_replace,
    ),
    Function(
        "substring",
        (Overload(("string", "int"), "string"), Overload(("string", "int", "int"), "string")),
        substring,
        phrase(
            "The part of a text from one position to before another one, or to the end. The first "
            "character is 0; an emoji is one character, as in `mask`. Of a text that is shorter it "
            "gives what there is. To shorten a text for a field use `truncate`, which shows that "
            "something is left out."
        ),
        (
            Example("substring(event.order_no, 0, 4)", "T202", {"order_no": "T20261123"}),
            Example("substring(event.order_no, 5)", "1123", {"order_no": "T20261123"}),
            Example('substring("拿铁", 1, 9)', "铁"),
            Example(
                'size(event.phone) > 4 ? "尾号" + substring(event.phone, size(event.phone) - 4) : event.phone',
                "尾号5678",
                {"phone": "13812345678"},
            ),
        ),
        _check_substring,
    ),
    Function(
        "trim",
        (Overload(("string",), "string"),),
        trim,
        phrase("Without white space and zero-width characters at the ends."),
        (Example('trim(" a ")', "a"),),
    ),
    Function(
        "url_encode",
        (Overload(("string",), "string"),),
        url_encode,
        phrase(
            "A text as one part of a url: every character but `A-Z a-z 0-9 - . _ ~` becomes the "
            "`%XX` of its UTF-8 bytes (RFC 3986). For each part of a `url:` that may hold a space, "
            "`&`, `/`, `?`, `#`, `%` or Chinese."
        ),
        (
            Example("url_encode(event.shop)", "%E5%92%96%E5%95%A1%20%26%20%E8%8C%B6", {"shop": "咖啡 & 茶"}),
            Example(
                '"https://m.example.com/search?q=" + url_encode(event.q)',
                "https://m.example.com/search?q=100%25%2Fa",
                {"q": "100%/a"},
            ),
            Example('url_encode("T2026-11_30.a~b")', "T2026-11_30.a~b"),
        ),
    ),
)

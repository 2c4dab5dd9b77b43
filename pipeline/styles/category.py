"""Style `category`: typed keys (`thing4`, `time12`); a value over its limit is refused with 47003.

Source: WeChat's published table of template parameter types; error 47003 names the field that breaks it. The table does
not say what it counts. Limits are counted in code points, which is never less than what people see, so a text that
passes here passes there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.phrases import phrase
from pipeline.styles.field_kind import FieldKind
from pipeline.styles.history import lost_color
from pipeline.styles.style import Shown, Style

_DAY = r"(0?[1-9]|[12][0-9]|3[01])"
_MONTH = r"(0?[1-9]|1[0-2])"
_DATE = rf"[0-9]{{4}}(年{_MONTH}月{_DAY}日|-{_MONTH}-{_DAY}|/{_MONTH}/{_DAY}|\.{_MONTH}\.{_DAY})"
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
_TIMESTAMP = rf"({_DATE}( ?{_CLOCK})?|{_CLOCK})"


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


NAME_BEYOND_LATIN = FieldKind("name", 10, phrase("characters of a name that is not all Latin"))
AMOUNT = FieldKind(
    "amount",
    32,
    phrase("characters"),
    re.compile(r"[¥￥$＄€£￡₩￦฿₽₹₫₱₺₴]?[0-9]{1,10}(\.[0-9]+)?元?"),
    phrase("one currency symbol, up to 10 digits, decimals, 元; no thousands separators"),
)
KINDS: Mapping[str, FieldKind] = {
    kind.name: kind
    for kind in (
        FieldKind("thing", 20, phrase("characters"), may_be_cut=True),
        FieldKind(
            "number",
            32,
            phrase("digits"),
            re.compile(r"[0-9]+(\.[0-9]+)?"),
            phrase("digits, with decimals if need be"),
            count=_digits,
        ),
        FieldKind("letter", 32, phrase("letters"), re.compile(r"[A-Za-z]+"), phrase("Latin letters only")),
        FieldKind("symbol", 5, phrase("symbols"), re.compile(r"[^\w\s]+"), phrase("symbols only")),
        FieldKind(
            "character_string",
            32,
            phrase("characters"),
            re.compile(r"[\x20-\x7e]+"),
            phrase("digits, letters or symbols; no Chinese"),
        ),
        FieldKind(
            "time",
            64,
            phrase("characters"),
            re.compile(rf"{_TIMESTAMP}( ?~ ?{_TIMESTAMP})?"),
            phrase("like 15:01 or 2019年10月1日 15:01, a range with ~"),
        ),
        FieldKind(
            "date",
            64,
            phrase("characters"),
            re.compile(rf"{_DATE}( ?{_CLOCK})?( ?~ ?{_DATE}( ?{_CLOCK})?)?"),
            phrase("like 2019年10月1日 or 2019-10-01, a range with ~"),
        ),
        AMOUNT,
        FieldKind("phone_number", 17, phrase("characters"), re.compile(r"[0-9+*\-() ]+"), phrase("digits and symbols")),
        FieldKind(
            "car_number",
            8,
            phrase("characters"),
            re.compile(r"[\u4e00-\u9fff]?[A-Za-z0-9]+[\u4e00-\u9fff]?"),
            phrase("a plate: letters and digits, first and last may be Chinese"),
        ),
        FieldKind("name", 20, phrase("letters"), beyond_ascii=NAME_BEYOND_LATIN),
        FieldKind(
            "phrase",
            5,
            phrase("Chinese characters"),
            re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+"),
            phrase("Chinese characters only"),
        ),
        FieldKind("enum", 20, phrase("characters")),
        FieldKind("const", 20, phrase("characters")),
    )
}
_PREFIX = re.compile(r"([a-z_]+?)_?\d*")


class _Category(Style):
    name = "category"
    kinds = KINDS
    refuses = True
    key_hint = phrase("keys of category templates begin with thing, time, amount, …; or write `type:`")

    def kind_of(self, key: str) -> FieldKind | None:
        match = _PREFIX.fullmatch(key)
        return KINDS.get(match[1]) if match is not None else None

    def owns(self, key: str) -> bool:
        return self.kind_of(key) is not None

    def shown(self, key: str, kind: FieldKind, text: str, color: str | None) -> Shown:
        del key
        return Shown(text, None, len(text), kind.most, lost_color(color))


CATEGORY = _Category()

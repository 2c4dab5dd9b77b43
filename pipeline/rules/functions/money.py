"""Amounts, exact to the cent."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision, list_currencies

from pipeline.phrases import phrase
from pipeline.rules import numbers
from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload, bounded
from pipeline.rules.functions.locales import locale_of, unknown_locale
from pipeline.rules.numbers import Number

SYMBOLS = {"CNY": "¥", "JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$"}
"""Shown before the number; another currency is shown by its code (ISO 4217) after it."""
LARGEST = Decimal("9999999999.99")
"""Ten digits: what the channel's field `amount` takes."""
MAX_DECIMALS = 10
_CENTS = 2
"""Decimals of most currencies."""
_USUAL = 1e9
"""Doubles below it are exact to a millionth, and are written without `Decimal` in a quarter of the time."""

_NOT_A_NUMBER = {
    "amount": phrase("the amount is not a number such as 12.50"),
    "text": phrase("the text is not a number such as 12.50"),
}
_NOT_FINITE = {"amount": phrase("the amount is not finite"), "text": phrase("the text is not finite")}
_STEPS = tuple(Decimal(1).scaleb(-decimals) for decimals in range(MAX_DECIMALS + 1))
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")


def _exact(amount: Number | str, name: str = "amount") -> Decimal:
    """The decimal that the sender wrote."""
    if isinstance(amount, str) and _NUMBER.fullmatch(amount) is None:
        raise FunctionFailed(_NOT_A_NUMBER[name])
    value = Decimal(amount) if isinstance(amount, str) else numbers.exact(amount)
    if not value.is_finite():
        raise FunctionFailed(_NOT_FINITE[name])
    return value


def _rounded(amount: Decimal, decimals: int) -> Decimal:
    """The amount rounded half up, without the sign of a zero."""
    if abs(amount) > LARGEST:
        raise FunctionFailed(phrase("the amount has more than 10 digits"))
    rounded = amount.quantize(_STEPS[decimals], ROUND_HALF_UP)
    return rounded or abs(rounded)


def _unknown_currency(currency: str) -> str | None:
    if currency in _currencies():
        return None
    return phrase("unknown currency; write its three capital letters (ISO 4217), such as CNY")


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


@lru_cache(maxsize=512)
def _shape(currency: str) -> tuple[int, str, str]:
    """Decimals, and the text before and after a number."""
    if problem := _unknown_currency(currency):
        raise FunctionFailed(problem)
    decimals = int(get_currency_precision(currency))
    symbol = SYMBOLS.get(currency)
    return (decimals, symbol, "") if symbol else (decimals, "", f" {currency}")


def _with_currency(amount: Decimal, currency: str) -> str:
    decimals, before, behind = _shape(currency)
    number = f"{_rounded(amount, decimals):f}"
    return f"-{before}{number[1:]}{behind}" if number.startswith("-") else f"{before}{number}{behind}"


def money(amount: Number | str, currency: str, locale: str | None = None) -> str:
    """The amount with its currency, rounded half up to the currency's own decimals; grouped only for a locale."""
    if locale is None and type(amount) is float and 0.0 < amount < _USUAL:
        decimals, before, behind = _shape(currency)
        if decimals == _CENTS and not 0.499 < amount * 100 % 1 < 0.501:  # noqa: PLR2004 - half a cent, more or less
            # Only there does it matter that decimals round the amount's shortest text, and this the double itself.
            return f"{before}{amount:.2f}{behind}"
    exact = _exact(amount)
    if locale is None:
        return _with_currency(exact, currency)
    rounded = _rounded(exact, _shape(currency)[0])
    return bounded(format_currency(rounded, currency, locale=locale_of(locale)))


def money_of_cents(amount: int, currency: str) -> str:
    """The same of a count of the currency's smallest unit."""
    decimals, _, _ = _shape(currency)
    return _with_currency(Decimal(amount).scaleb(-decimals), currency)


def decimal(amount: Number | str, decimals: int) -> str:
    """The number with a fixed count of decimals."""
    if problem := _bad_decimals(decimals):
        raise FunctionFailed(problem)
    return f"{_rounded(_exact(amount), decimals):f}"


def number(value: Number | int | str) -> Number:
    """The number that a text writes, or a whole number as one with decimals."""
    return numbers.number(Decimal(value) if isinstance(value, int) else _exact(value, "text"))


def _bad_decimals(decimals: int) -> str | None:
    return (
        None if 0 <= decimals <= MAX_DECIMALS else phrase("decimals are 0 to {max_decimals}", max_decimals=MAX_DECIMALS)
    )


def _check_money(_: object, currency: object, locale: object = None) -> str | None:
    problem = _unknown_currency(currency) if isinstance(currency, str) else None
    return problem or (unknown_locale(locale) if isinstance(locale, str) else None)


def _check_decimal(_: object, decimals: object) -> str | None:
    return _bad_decimals(decimals) if isinstance(decimals, int) else None


FUNCTIONS = (
    Function(
        "money",
        (
            Overload(("double", "string"), "string"),
            Overload(("string", "string"), "string"),
            Overload(("double", "string", "string"), "string"),
            Overload(("string", "string", "string"), "string"),
        ),
        money,
        phrase(
            "An amount with its currency, rounded half up to the currency's own decimals. Without "
            "thousands separators, so that a field of kind `amount` takes it; a locale as third "
            "argument writes it as people there do, separators included. For whole numbers of "
            "cents (分) there is `money_of_cents`."
        ),
        (
            Example("money(event.amount_paid, event.currency)", "¥128.00", {"amount_paid": 128.0, "currency": "CNY"}),
            Example('money(event.amount, "CNY")', "¥0.30", {"amount": 0.1 + 0.2}),
            Example('money("19.995", "USD")', "$20.00"),
            Example('money(1500.0, "JPY")', "¥1500"),
            Example('money(12.5, "SEK")', "12.50 SEK"),
            Example('money(1234567.5, "CNY", "zh-CN")', "¥1,234,567.50"),
        ),
        _check_money,
    ),
    Function(
        "money_of_cents",
        (Overload(("int", "string"), "string"),),
        money_of_cents,
        phrase("The same, of a whole number of the currency's smallest unit: 分 of CNY, cents of USD, yen of JPY."),
        (Example('money_of_cents(12800, "CNY")', "¥128.00"), Example('money_of_cents(1500, "JPY")', "¥1500")),
        _check_money,
    ),
    Function(
        "decimal",
        (Overload(("double", "int"), "string"), Overload(("string", "int"), "string")),
        decimal,
        phrase("A number with a fixed count of decimals, rounded half up."),
        (Example("decimal(2.675, 2)", "2.68"), Example("decimal(8.0, 0)", "8")),
        _check_decimal,
    ),
    Function(
        "number",
        (Overload(("string",), "double"), Overload(("int",), "double"), Overload(("double",), "double")),
        number,
        phrase(
            "The number that a text writes in digits, exact, to compare it or to calculate with "
            "it; of a whole number the same with decimals. A text with anything else in it, a "
            "blank or `1,000`, fails: `trim` and `replace` remove that. An amount for a card is "
            "`money`, which takes such a text itself."
        ),
        (
            Example("number(event.amount) + 0.5", 129.0, {"amount": "128.50"}),
            Example('money(number(event.price) * 3.0, "CNY")', "¥384.30", {"price": "128.10"}),
            Example("number(event.count) / 2.0", 1.5, {"count": 3}),
            Example('number(replace(event.total, ",", ""))', 1234567.5, {"total": "1,234,567.50"}),
        ),
    ),
)

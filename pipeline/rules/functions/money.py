"""Amounts, exact to the cent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from babel.numbers import get_currency_precision

from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload

SYMBOLS = {"CNY": "¥", "JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$"}
"""Shown before the number; another currency is shown by its code (ISO 4217) after it."""
LARGEST = Decimal("9999999999.99")
"""Ten digits: what the channel's field `amount` takes."""


def _exact(amount: float | str) -> Decimal:
    """The decimal that the sender wrote: the shortest text of a double gives up to 15 digits back unchanged."""
    try:
        value = Decimal(repr(amount)) if isinstance(amount, float) else Decimal(amount)
    except InvalidOperation:
        raise FunctionFailed("the amount is no number") from None
    if not value.is_finite():
        raise FunctionFailed("the amount is not finite")
    if abs(value) > LARGEST:
        raise FunctionFailed("the amount has more than 10 digits")
    return value


def _digits(currency: str) -> int:
    if problem := _unknown(currency):
        raise FunctionFailed(problem)
    return int(get_currency_precision(currency))


def _unknown(currency: str) -> str | None:
    if len(currency) == 3 and currency.isascii() and currency.isupper():  # noqa: PLR2004 - ISO 4217
        return None
    return "a currency is three capital letters (ISO 4217), such as CNY"


def money(amount: float | str, currency: str) -> str:
    """The amount with its currency, rounded half up to the currency's own digits."""
    number = f"{_exact(amount).quantize(Decimal(1).scaleb(-_digits(currency)), ROUND_HALF_UP):f}"
    symbol = SYMBOLS.get(currency)
    if symbol is None:
        return f"{number} {currency}"
    return f"-{symbol}{number[1:]}" if number.startswith("-") else f"{symbol}{number}"


def decimal(amount: float | str, digits: int) -> str:
    """The number alone, with so many decimals."""
    if not 0 <= digits <= 10:  # noqa: PLR2004 - more is no amount
        raise FunctionFailed("digits must be 0 to 10")
    return f"{_exact(amount).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"


FUNCTIONS = (
    Function(
        "money",
        (Overload(("double", "string"), "string"), Overload(("string", "string"), "string")),
        money,
        "An amount with its currency, without thousands separators, so that a field of kind `amount` takes it.",
        (
            Example('money(1234.5, "CNY")', "¥1234.50"),
            Example('money(event.amount, "CNY")', "¥0.30", {"amount": 0.1 + 0.2}),
            Example('money("19.995", "USD")', "$20.00"),
            Example('money(1500.0, "JPY")', "¥1500"),
        ),
        lambda _, currency: None if currency is None else _unknown(currency),
    ),
    Function(
        "decimal",
        (Overload(("double", "int"), "string"), Overload(("string", "int"), "string")),
        decimal,
        "A number with a fixed count of decimals, rounded half up.",
        (Example("decimal(2.675, 2)", "2.68"), Example("decimal(8.0, 0)", "8")),
    ),
)

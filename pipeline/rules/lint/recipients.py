"""Recipients that are no customer's id: one for all events, another thing's number, or with a character left over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.phrases import phrase
from pipeline.rules.cel.braces import FIELD
from pipeline.rules.lint.text_warnings import Doubt
from pipeline.rules.source.text import Unclosed, split

_NOT_IN_AN_ID = re.compile(r"""[\s"'“”‘’`,;，；。、\u200b-\u200f\u2060\ufeff]""")
_OF_A_THING = re.compile(
    r"\s*(event(?:\.\w+)*\.(?:order|trade|invoice|bill|ticket|tracking|waybill|coupon|refund|payment|transaction|parcel"
    r"|event|message|request|trace|sku|product|item|shop|store)_?(?:id|no|number|code))\s*",
    re.IGNORECASE,
)
"""Fields that name an order or another thing, by their names."""
_MASKED = re.compile(r"\s*(mask)\s*\(")


def recipient_doubts(text: str) -> Iterator[Doubt]:
    """What is doubtful in the text of `to`."""
    if FIELD.search(text) is not None and "${" not in text:  # an error of its own
        return
    try:
        parts = split(text)
    except Unclosed:
        return
    hint = phrase("write the field with the customer's id, and nothing else: to: ${event.sub}")
    if parts and not any(part.is_expression for part in parts):
        yield Doubt(0, phrase("every message of the rule would go to `{text}`", text=text), hint)
        return
    for part in parts:
        if part.is_expression and len(parts) == 1:
            yield from _of_the_whole(part.source, part.at, hint)
        found = None if part.is_expression else _NOT_IN_AN_ID.search(part.source)
        if found is not None:
            character = found[0] if found[0].isprintable() and not found[0].isspace() else f"U+{ord(found[0]):04X}"
            message = phrase("the recipient's id would have `{character}` in it", character=character)
            yield Doubt(part.at + found.start(), message, hint)


def _of_the_whole(expression: str, at: int, hint: str) -> Iterator[Doubt]:
    """Of an expression that is the whole recipient."""
    if (thing := _OF_A_THING.fullmatch(expression)) is not None:
        yield Doubt(
            at + thing.start(1), phrase("`{field}` is not the id of a customer, by its name", field=thing[1]), hint
        )
    elif (masked := _MASKED.match(expression)) is not None:
        yield Doubt(at + masked.start(1), phrase("mask() hides a part of the id: the message would reach no one"), hint)

"""What is wrong with the value of an option, in plain words instead of those of the library that checks it."""

from __future__ import annotations

import re

_TYPES = {
    "a valid integer": "write a whole number",
    "a valid number": "write a number",
    "a finite number": "write a number",
    "a valid boolean": "write true or false",
}
_INPUT = re.compile(r"Input should be (a valid [a-z]+|a finite number|.+)", re.DOTALL)


def in_plain_words(message: str) -> str:
    """The message of a refused value.

    >>> in_plain_words("Input should be less than or equal to 65535")
    'must be at most 65535'
    """
    message = message.removeprefix("Value error, ")
    found = _INPUT.match(message)
    if found is None:
        return message
    bound = found[1].replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    return _TYPES.get(found[1], f"must be {bound}")

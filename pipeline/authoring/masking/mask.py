"""Replaces values by others of the same shape: equal values by equal ones, so that who is who can still be seen."""

from __future__ import annotations

import hashlib
import hmac
import re
import string
import unicodedata

_HEX = re.compile(r"[0-9a-f-]{16,}|[0-9A-F-]{16,}")
"""Ids such as a UUID: what is left would not be one with other letters."""
_HANZI = "安北长春达东方飞福光海和宏华佳江金静康兰乐立林美明宁平青清荣山盛松泰天文西祥新星兴雪阳永远云志中子"
HIGHEST = 2**63 - 1
LEADING = 1
"""The first digit of a number that would not fit into 64 bits with another."""


class Mask:
    """Replaces values. Without its key, a masked value cannot be found by masking every value there is."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def text(self, text: str) -> str:
        """Digits by digits, letters by letters of the same case, wide characters by wide ones; signs stay."""
        is_hex = _HEX.fullmatch(text) is not None
        chosen = self._bytes(text.encode("utf-8", "surrogatepass"), len(text))
        return "".join(
            _replaced(character, number, is_hex=is_hex, is_first=at == 0)
            for at, (character, number) in enumerate(zip(text, chosen, strict=True))
        )

    def number(self, value: int) -> int:
        """A number of as many digits; the same digits as those of the text of that number."""
        digits = self.text(str(abs(value)))
        masked = int(digits)
        if masked > HIGHEST:
            masked = int(f"{LEADING}{digits[1:]}")
        return -masked if value < 0 else masked

    def raw(self, value: bytes) -> bytes:
        """As many bytes."""
        return self._bytes(value, len(value))

    def _bytes(self, value: bytes, count: int) -> bytes:
        found = b""
        while len(found) < count:
            block = len(found).to_bytes(8, "big")
            found += hmac.new(self._key, block + value, hashlib.sha256).digest()
        return found[:count]


def _replaced(character: str, number: int, *, is_hex: bool, is_first: bool) -> str:
    if character.isascii():
        if character.isdigit():
            return str(1 + number % 9 if is_first and character != "0" else number % 10)
        if character.isalpha():
            letter = "abcdef"[number % 6] if is_hex else string.ascii_lowercase[number % 26]
            return letter.upper() if character.isupper() else letter
        return character
    if not character.isalnum():
        return character
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return _HANZI[number % len(_HANZI)]
    return string.ascii_lowercase[number % 26]

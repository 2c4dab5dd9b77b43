"""A notice's `once`: no second message for the same key within a time."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

KEY_BYTES = 8
"""Length of a key. Keys are compared within one recipient only, so that 64 bits do not repeat by chance."""


class Once(NamedTuple):
    """`once` of a rule, evaluated for one event."""

    key: str
    """Made by `once_key`: 16 hexadecimal digits."""
    within: float
    """Seconds after a message of this key in which no other is sent."""


class OnceUntil(NamedTuple):
    """What the outcome of a message with `once` says: until when no other of its key is sent."""

    key: str
    """As of `Once`."""
    until: float
    """Seconds since the epoch."""


def once_key(rule: str, value: str) -> str:
    """Return the key of a rule's value: the same in any process and release. The value cannot be read from it.

    >>> once_key("parcel-shipped", "SF100")
    '6338af5d9fe4db9d'
    """
    return hashlib.blake2b(f"{rule}\x1f{value}".encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).hexdigest()

"""The records of the compacted topic of recipient care.

A key is a kind and a name: `recipient/6f1c0a9d5e7b2344`. Its partition is that of the recipient's messages. Kinds that
this release does not know are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from pipeline.errors import DamagedCareState

RECIPIENT = "recipient"
"""The state of a recipient: one byte for the form of the record, eight for its writer, and the packed state."""
ABOUT = "about"
"""Whose the records of a partition are: JSON with the group and a fingerprint of the form of recipients."""
WRITER_AT, WRITER_BYTES = 1, 8
"""Where the writer is in a recipient's record."""
WRITER_HEADER = "writer"
"""Of a record without a value, which has no other place for its writer."""
FORM = 1
_PROBE = "recipient care"
"""A text that takes the place of a recipient, to see how recipients appear in outcomes."""


class About(NamedTuple):
    """Whose the records of a partition are."""

    group: str
    fingerprint: str
    """The same while recipients have the same form in outcomes: the same key of their hash."""
    partitions: int | None = None
    """Of the intents topic: with another number a recipient has another partition. None: not known."""


def about(group: str, identify: Callable[[str], str], partitions: int | None = None) -> About:
    """Return what the records are to be about, where recipients are identified so and have so many partitions."""
    return About(group, identify(_PROBE), partitions)


def written_key(kind: str, name: str = "") -> bytes:
    """Return a record's key."""
    return f"{kind}/{name}".encode("utf-8", "replace")


def read_key(raw: bytes | None) -> tuple[str, str] | None:
    """Return kind and name; None if it is not a key of these records."""
    try:
        kind, slash, name = (raw or b"").decode().partition("/")
    except UnicodeDecodeError:
        return None
    return (kind, name) if slash else None


def written_state(writer: bytes, state: bytes) -> bytes:
    """Return the value of a recipient's record."""
    return bytes([FORM]) + writer + state


def read_state(raw: bytes) -> tuple[bytes, bytes]:
    """Return the writer and the packed state.

    Raises:
        DamagedCareState: it is another program's, or a later release's.
    """
    begin = WRITER_AT + WRITER_BYTES
    if len(raw) < begin or raw[0] != FORM:
        raise DamagedCareState(f"a record of recipient care has the form {raw[:1].hex()}, and this release reads 01")
    return raw[WRITER_AT:begin], raw[begin:]


def written_about(given: About) -> bytes:
    """Return the value of the record `about`."""
    return json.dumps(given._asdict()).encode()


def read_about(raw: bytes) -> About:
    """Return the content of the record `about`.

    Raises:
        DamagedCareState: it cannot be read.
    """
    try:
        values = json.loads(raw)
        partitions = values.get("partitions")
        return About(str(values["group"]), str(values["fingerprint"]), partitions if type(partitions) is int else None)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedCareState("the record `about` of recipient care cannot be read") from None

"""The metadata of an offset commit: the position in the ledger where the next owner begins to read.

`np2;topic=<topic id>;ledger=<the ledger topic's id>;partition=2;offset=1042;gone=120-5788,5669;crc=1f0c9a2b`

With recipient care the commits of events have `line=`, and those of intents `scan=` and `state=`.

Fields are named. A reader ignores names that it does not know, so later releases can add fields. `crc` is last: the
CRC-32 of the text before it, in hexadecimal digits. A map of completed offsets instead would not fit: Kafka 4.1 takes
at most 4,095 characters.
"""

from __future__ import annotations

import binascii
import re
from enum import StrEnum
from typing import NamedTuple

from pipeline.model.ledger import LedgerPosition

VERSION = "np2"
MAX_LENGTH = 255
_SHAPE = re.compile(r"(np2(?:;[a-z_]+=[^;=]*)*);crc=([0-9a-f]{8})", re.ASCII)
_OTHER_VERSION = re.compile(r"np(?!1[;:])[0-9]+[;:].*", re.ASCII | re.DOTALL)
_UNRELEASED = re.compile(r"np1(?::(?:0|[1-9][0-9]{0,18})){2}:[0-9a-f]{8}", re.ASCII)
_GONE = re.compile(r"([0-9]{1,19})-([0-9]{1,19}),([0-9]{1,19})", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class Gone(NamedTuple):
    """Events of the source partition that retention deleted before they were read: what an audit cannot see."""

    first: int
    """Offset of the first of them."""
    last: int
    """Offset of the last of them; events in between may have been read."""
    events: int

    def followed_by(self, other: Gone) -> Gone:
        """Both together; `other` is the later one."""
        return Gone(self.first, other.last, self.events + other.events)


class Pointer(NamedTuple):
    """The parsed metadata of a commit."""

    ledger: LedgerPosition
    """The lowest ledger offset that can hold an outcome at or above the frontier."""
    topic_id: str | None = None
    """The source topic's id; None if the broker has none."""
    ledger_id: str | None = None
    """The ledger topic's id; None if the broker has none."""
    gone: Gone | None = None
    """None if retention has deleted nothing unread."""
    line: str | None = None
    """Of a partition of events: a name that changes when offsets are reset (`pipeline.model.intent.stream_name`)."""
    scan: tuple[int, int | None] | None = None
    """Of a partition of intents: the offset from which a new owner reads what was seen, and that of the checkpoint's
    record, if there is one (`pipeline.delivery.hop.checkpoints`)."""


class Unusable(StrEnum):
    """Why a pointer cannot be used."""

    DAMAGED = "damaged"
    UNKNOWN_VERSION = "unknown_version"
    """Written by a later release."""
    UNRELEASED = "unreleased_version"
    """Written by 0.1.0, which was never released."""


def write(
    ledger: LedgerPosition,
    topic_id: str | None = None,
    ledger_id: str | None = None,
    *,
    line: str | None = None,
    scan: tuple[int, int | None] | None = None,
) -> str:
    """Return the metadata: ASCII, at most 255 characters."""
    named = {"topic": topic_id, "ledger": ledger_id, "partition": ledger.partition, "offset": ledger.offset}
    if line is not None:
        named["line"] = line
    if scan is not None:
        named |= {"scan": scan[0], "state": scan[1]}
    text = ";".join((VERSION, *[f"{name}={value}" for name, value in named.items() if value is not None]))
    return f"{text};crc={_checksum(text)}"


def with_gone(metadata: str, gone: Gone) -> str:
    """Return the same metadata with the events that retention deleted unread; unchanged if it is no pointer."""
    match = _SHAPE.fullmatch(metadata)
    if match is None:
        return metadata
    fields = [field for field in match[1].split(";") if not field.startswith("gone=")]
    text = ";".join((*fields, f"gone={gone.first}-{gone.last},{gone.events}"))
    return f"{text};crc={_checksum(text)}"


def read(metadata: str | None) -> Pointer | Unusable | None:
    """Parse the metadata; return None if it is empty."""
    if not metadata:
        return None
    if len(metadata) > MAX_LENGTH:
        return Unusable.DAMAGED
    match = _SHAPE.fullmatch(metadata)
    if match is None:
        if _UNRELEASED.fullmatch(metadata):
            return Unusable.UNRELEASED
        other = _OTHER_VERSION.fullmatch(metadata) and not metadata.startswith(f"{VERSION};")
        return Unusable.UNKNOWN_VERSION if other else Unusable.DAMAGED
    fields = dict(field.split("=") for field in match[1].split(";")[1:])
    numbers = [fields.get(name, "") for name in ("partition", "offset")]
    if _checksum(match[1]) != match[2] or not all(_NUMBER.fullmatch(number) for number in numbers):
        return Unusable.DAMAGED
    gone = _GONE.fullmatch(fields.get("gone", ""))
    scan, state = [
        int(text) if _NUMBER.fullmatch(text) else None for text in (fields.get("scan", ""), fields.get("state", ""))
    ]
    return Pointer(
        LedgerPosition(*map(int, numbers)),
        fields.get("topic"),
        fields.get("ledger"),
        None if gone is None else Gone(*map(int, gone.groups())),
        fields.get("line"),
        None if scan is None else (scan, state),
    )


def _checksum(text: str) -> str:
    return f"{binascii.crc32(text.encode()):08x}"

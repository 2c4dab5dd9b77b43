"""The commit's metadata: where in the ledger a new owner must begin to read.

A map of completed offsets does not fit the broker's 4,096 characters when a recipient is hot or blocked; a pointer
always does: `np1:<ledger partition>:<ledger offset>:<crc32 of what stands before>`.
"""

from __future__ import annotations

import binascii
import re
from enum import StrEnum

from pipeline.model.ledger import LedgerPosition

VERSION = "np1"
MAX_LENGTH = 64
_SHAPE = re.compile(r"(np1:(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,18})):([0-9a-f]{8})", re.ASCII)


class Unusable(StrEnum):
    """Why a pointer cannot be used."""

    DAMAGED = "damaged"
    UNKNOWN_VERSION = "unknown_version"


def write(position: LedgerPosition) -> str:
    """The metadata text for `position`; at most 64 characters, ASCII."""
    text = f"{VERSION}:{position.partition}:{position.offset}"
    return f"{text}:{_checksum(text)}"


def read(metadata: str | None) -> LedgerPosition | Unusable | None:
    """The position that the metadata points to; None where there is no pointer, so nothing above the frontier."""
    if not metadata:
        return None
    if len(metadata) > MAX_LENGTH:
        return Unusable.DAMAGED
    match = _SHAPE.fullmatch(metadata)
    if match is None:
        other = re.fullmatch(r"np[0-9]+:.*", metadata) is not None and not metadata.startswith(f"{VERSION}:")
        return Unusable.UNKNOWN_VERSION if other else Unusable.DAMAGED
    if _checksum(match[1]) != match[4]:
        return Unusable.DAMAGED
    return LedgerPosition(int(match[2]), int(match[3]))


def _checksum(text: str) -> str:
    return f"{binascii.crc32(text.encode()):08x}"

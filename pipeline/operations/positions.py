"""Reads a position as people write it."""

from __future__ import annotations

import re

from pipeline.errors import UserError
from pipeline.model.event import Position

_POSITION = re.compile(r"([a-zA-Z0-9._-]{1,249})/([0-9]{1,9})/([0-9]{1,18})", re.ASCII)


def read_position(text: str) -> Position:
    """Parse `TOPIC/PARTITION/OFFSET`.

    Raises:
        UserError: the text has another form.
    """
    match = _POSITION.fullmatch(text)
    if match is None:
        raise UserError(f"`{text[:300]}` is not TOPIC/PARTITION/OFFSET", hint="for example: trade.order.events/3/1042")
    return Position(match[1], int(match[2]), int(match[3]))

"""What a command did that was called as a shell does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple


class Ran(NamedTuple):
    """How it ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def reported(self) -> dict[str, Any]:
        """Its JSON."""
        reported: dict[str, Any] = json.loads(self.out)
        return reported


Command = Callable[..., Ran]

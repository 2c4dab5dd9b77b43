"""Secrets and certificates that are read from files."""

from __future__ import annotations

from typing import NamedTuple


class RefusedCredential(NamedTuple):
    """New content of files that cannot be used; what was read before stays in use."""

    at: float
    """When it was first refused, epoch seconds."""
    error: str
    """Names the file and what is wrong with it, without its content."""

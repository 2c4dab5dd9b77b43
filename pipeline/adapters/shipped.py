"""Finds files that come with the program: schemas and example rules."""

from __future__ import annotations

from pathlib import Path

import pipeline

_PACKAGE = Path(pipeline.__file__).parent


def shipped(name: str) -> Path:
    """The folder or file `schemas/…` or `rules/…`, inside an installed package or beside it in a checkout."""
    inside = _PACKAGE / "shipped" / name
    return inside if inside.exists() else _PACKAGE.parent / name

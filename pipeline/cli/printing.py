"""What commands print of events and rules: coloured on a terminal, plain elsewhere, and never obeyed by either."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from pipeline.authoring.terminal_escape import escaped, shown, terminal_escape
from pipeline.model.finding import Finding, Level

if TYPE_CHECKING:
    from pipeline.rules.schema.check import SchemaProblem

MOST_FINDINGS = 100
"""Shown of one run unless asked for more: nobody reads on, and most of them have one cause."""


def strong(text: str) -> str:
    """What the eye should find first."""
    return typer.style(terminal_escape(text), bold=True)


def faint(text: str) -> str:
    """Places and asides."""
    return typer.style(terminal_escape(text), dim=True)


def good(text: str) -> str:
    """What went well."""
    return typer.style(terminal_escape(text), fg="green")


def bad(text: str) -> str:
    """What did not."""
    return typer.style(terminal_escape(text), fg="red")


def plain(text: str) -> str:
    """Everything else."""
    return terminal_escape(text)


def say(*parts: str) -> None:
    """One line, made by the functions above; without colour where nobody sees it (https://no-color.org)."""
    typer.echo("".join(parts), color=False if os.environ.get("NO_COLOR") else None)


def finding_lines(findings: Sequence[Finding], most: int = MOST_FINDINGS) -> Iterator[str]:
    """A line for each finding, in the order of places; where there are more than `most`, errors before others."""
    levels = list(Level)
    kept = sorted(range(len(findings)), key=lambda index: (levels.index(findings[index].level), index))[:most]
    for index in sorted(kept):
        yield terminal_escape(str(findings[index]))
    if len(kept) < len(findings):
        yield f"… and {len(findings) - len(kept):,} more"


def values(finding: Finding | SchemaProblem) -> dict[str, object]:
    """A finding for JSON output, where its message has the key `words`: that format is public."""
    return {"words" if name == "message" else name: value for name, value in finding._asdict().items()}


def print_json(value: object) -> None:
    """The value as JSON that a terminal can be shown; a number that JSON does not know is null."""
    typer.echo(escaped(json.dumps(_fit(value), ensure_ascii=False, indent=2, default=shown)))


def _fit(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _fit(one) for key, one in value.items()}
    return [_fit(one) for one in value] if isinstance(value, list | tuple) else value

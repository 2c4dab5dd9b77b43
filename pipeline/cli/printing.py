"""Prints text of events and rules in the chosen language: coloured on a terminal, with control characters escaped."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from pipeline.cli.language import in_json, in_language
from pipeline.model.finding import Finding, Level
from pipeline.phrases import Phrase, phrase
from pipeline.terminal_escape import escaped, shown, terminal_escape

if TYPE_CHECKING:
    from pipeline.authoring.schema_impact import BrokenRule
    from pipeline.rules.schema.check import SchemaProblem

MOST_FINDINGS = 100
"""Default number of findings that are printed: most have one cause."""


def strong(text: str) -> str:
    """Bold text."""
    return typer.style(terminal_escape(in_language(text)), bold=True)


def faint(text: str) -> str:
    """Dimmed text, for locations and notes."""
    return typer.style(terminal_escape(in_language(text)), dim=True)


def good(text: str) -> str:
    """Green text."""
    return typer.style(terminal_escape(in_language(text)), fg="green")


def bad(text: str) -> str:
    """Red text."""
    return typer.style(terminal_escape(in_language(text)), fg="red")


def plain(text: str) -> str:
    """Text without a style."""
    return terminal_escape(in_language(text))


def paragraph(text: str) -> str:
    """Text of several lines, without a style."""
    return terminal_escape(in_language(text), keep="\n")


def warn(text: str) -> None:
    """Print one line on standard error."""
    typer.echo(plain(text), err=True)


def say(*parts: str) -> None:
    """Print one line made by the functions above, without colour if NO_COLOR is set (https://no-color.org)."""
    typer.echo("".join(parts), color=False if os.environ.get("NO_COLOR") else None)


def finding_lines(findings: Sequence[Finding], most: int = MOST_FINDINGS) -> Iterator[str]:
    """A line for each finding, in the order of locations. Of more than `most`, errors are kept first."""
    levels = list(Level)
    kept = sorted(range(len(findings)), key=lambda index: (levels.index(findings[index].level), index))[:most]
    for index in sorted(kept):
        yield plain(findings[index].as_text)
    if len(kept) < len(findings):
        yield plain(phrase("… and {count:,} more", count=len(findings) - len(kept)))


def values(finding: Finding | SchemaProblem | BrokenRule) -> dict[str, object]:
    """A finding as JSON values. Its message has the key `words` in this public format."""
    return {"words" if name == "message" else name: value for name, value in finding._asdict().items()}


def print_json(value: object) -> None:
    """Print the value as JSON with control characters escaped. Numbers that JSON does not have are null."""
    typer.echo(escaped(json.dumps(_fit(value), ensure_ascii=False, indent=2, default=shown)))


def _fit(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Phrase):
        return in_json(value)
    if isinstance(value, dict):
        return {str(key): _fit(one) for key, one in value.items()}
    return [_fit(one) for one in value] if isinstance(value, list | tuple) else value

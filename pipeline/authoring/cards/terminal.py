"""A card as text for a terminal."""

from __future__ import annotations

import unicodedata

from pipeline.authoring.cards.card import Card, Line
from pipeline.phrases import joined
from pipeline.styles.text import clusters
from pipeline.terminal_escape import terminal_escape

WIDTH = 46
"""Columns between the borders: about 22 Chinese characters, as on a phone."""
_GAP = "  "


def to_terminal(card: Card) -> list[str]:
    """The lines of the card in a box, then what is not shown and what would be refused."""
    labels = max((_columns(line.label) for line in card.rows), default=0)
    rows = [f"┌{'─' * (WIDTH + 2)}┐", *_boxed(card.title)]
    if card.heading is not None:
        rows += [_boxed_blank(), *_paragraph(card.heading.shown)]
    if card.rows:
        rows.append(_boxed_blank())
    for line in card.rows:
        rows += _labelled(line, labels)
    if card.footing is not None:
        rows += [_boxed_blank(), *_paragraph(card.footing.shown)]
    if card.url is not None:
        rows += [f"├{'─' * (WIDTH + 2)}┤", *_boxed(f"查看详情{' ' * (WIDTH - 9)}>")]
    rows.append(f"└{'─' * (WIDTH + 2)}┘")
    return [*rows, *_notes(card)]


def _boxed(text: str) -> list[str]:
    return [f"│ {part}{' ' * (WIDTH - _columns(part))} │" for part in _wrapped(text, WIDTH)]


def _boxed_blank() -> str:
    return f"│{' ' * (WIDTH + 2)}│"


def _paragraph(text: str) -> list[str]:
    return [row for part in text.splitlines() for row in _boxed(part)]


def _labelled(line: Line, labels: int) -> list[str]:
    """The label in its own column, with the text beside it."""
    width = min(labels, WIDTH // 2)
    parts = [part for one in line.shown.splitlines() or [""] for part in _wrapped(one, WIDTH - width - len(_GAP))]
    label = _wrapped(line.label, width)[0]
    rows = []
    for index, part in enumerate(parts):
        left = label if index == 0 else ""
        rows += _boxed(f"{left}{' ' * (width - _columns(left))}{_GAP}{part}")
    return rows


def _notes(card: Card) -> list[str]:
    width = max((len(line.key) for line in card.lines), default=0)
    notes = []
    for line in card.lines:
        mark = "✗" if line.fault else "!" if line.losses else " "
        counted = f"{line.count}/{line.limit}" if line.limit else str(line.count)
        message = joined("; ", (*((line.fault,) if line.fault else ()), *line.losses))
        figures = f"{mark} {line.key:<{width}}  {counted:>7}"
        notes.append(f"{figures}  " + message if message else figures)
    return notes


def _wrapped(text: str, width: int) -> list[str]:
    """The text in parts of at most `width` columns, with control characters escaped."""
    parts, columns = [""], 0
    for raw in clusters(terminal_escape(text)):
        cluster = raw if len(clusters(f" {raw}")) > 1 else f"◌{raw}"  # a combining mark without its letter
        size = _columns(cluster)
        if columns + size > width and parts[-1]:
            parts.append("")
            columns = 0
        parts[-1] += cluster
        columns += size
    return parts


def _columns(text: str) -> int:
    """Columns of the text on a terminal: two for East Asian wide characters and emoji."""
    return sum(_cluster_columns(cluster) for cluster in clusters(text))


def _cluster_columns(cluster: str) -> int:
    if len(cluster) > 1 and ("\ufe0f" in cluster or "\U0001f1e6" <= cluster[0] <= "\U0001f1ff"):
        return 2
    first = cluster[0]
    if unicodedata.category(first) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(first) in {"W", "F"} else 1

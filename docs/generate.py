"""Writes every generated page and schema from its declaration; `--check` only lists the stale ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs import asyncapi, translations
from docs.commands import commands_page
from pipeline import metrics
from pipeline.authoring import editor_schemas as json_schemas
from pipeline.bootstrap import kafka_rights
from pipeline.delivery import verdicts
from pipeline.rules import functions
from pipeline.rules.source import finding_codes
from pipeline.settings import show
from pipeline.styles import registry

ROOT = Path(__file__).resolve().parent.parent


def metrics_page() -> str:
    """The reference of metrics, from the catalogue."""
    lines = [
        "# Metrics",
        "",
        "Generated from `pipeline/metrics.py`; do not edit. Served at `/metrics`.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for metric in metrics.CATALOGUE:
        labels = ", ".join(
            f"`{label.name}` ({'closed' if label.values else 'bounded by ' + label.bounded_by})"
            for label in (*metric.labels, *((metrics.API,) if metric.by_api else ()))
        )
        lines.append(f"| `{metric.full_name}` | {metric.kind} | {labels or '—'} | {metric.help} |")
    lines += ["", "## Closed labels", "", "A label of one name may have other values in another metric.", ""]
    users: dict[metrics.Label, list[str]] = {}
    for metric in metrics.CATALOGUE:
        for label in metric.labels:
            if label.values:
                users.setdefault(label, []).append(metric.full_name)
    for label, names in users.items():
        values = ", ".join(f"`{value}`" for value in label.values)
        lines.append(f"- `{label.name}` of {', '.join(f'`{name}`' for name in names)}: {values}")
    return "\n".join(lines) + "\n"


GENERATED: Mapping[str, Callable[[], str | bytes]] = {
    "docs/reference/commands.md": commands_page,
    "docs/reference/configuration.md": show.as_markdown,
    "docs/reference/fields.md": registry.as_markdown,
    "docs/reference/findings.md": finding_codes.as_markdown,
    "docs/reference/functions.md": functions.as_markdown,
    "docs/reference/kafka-rights.md": kafka_rights.as_markdown,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/verdicts.md": verdicts.as_markdown,
    "pipeline/languages/zh.po": lambda: translations.for_translators("zh"),
    "pipeline/languages/zh.mo": lambda: translations.for_programs("zh"),
    "schemas/asyncapi.json": asyncapi.document,
    "schemas/care.schema.json": json_schemas.care,
    "schemas/configuration.schema.json": show.json_schema,
    "schemas/rules.schema.json": json_schemas.rules,
    "schemas/templates.schema.json": json_schemas.templates,
    "schemas/tests.schema.json": json_schemas.tests,
}
"""Path from the repository's root, and the function that makes its content."""


def stale() -> list[str]:
    """The generated files that differ from their declarations."""
    return [
        name
        for name, made in GENERATED.items()
        if not (ROOT / name).exists() or (ROOT / name).read_bytes() != _content(made)
    ]


def _content(made: Callable[[], str | bytes]) -> bytes:
    found = made()
    return found.encode() if isinstance(found, str) else found


def main() -> int:
    """Write the stale files; with `--check`, only list them and return 1."""
    names = stale()
    if "--check" in sys.argv[1:]:
        for name in names:
            print(f"stale: {name} (make generated)")
        return 1 if names else 0
    for name in names:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_bytes(_content(GENERATED[name]))
        print(f"written: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

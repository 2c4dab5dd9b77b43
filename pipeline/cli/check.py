"""`check`: everything that can be known about rules before they are live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.adapters.rule_files import read_rules
from pipeline.adapters.schema_files import read_schemas, schemas_near
from pipeline.cli.app import FINDINGS
from pipeline.model.finding import Finding, Level
from pipeline.rules.check import check
from pipeline.rules.schema import SchemaCatalogue

RulesArgument = Annotated[Path, typer.Argument(help="Folder with rules, templates.yaml and tests.", metavar="RULES")]
SchemasOption = Annotated[
    Path | None,
    typer.Option("--schemas", help="Folder with *.avsc; default: `schemas` beside the rules.", metavar="DIR"),
]
EnvironmentOption = Annotated[
    str | None, typer.Option("--environment", "-e", help="Check that every template has an id for it.")
]


def schemas_beside(rules: Path, given: Path | None) -> SchemaCatalogue:
    """The schemas in the folder named, else in `schemas` in or beside the rules' folder, else none."""
    return read_schemas(given) if given is not None else schemas_near(rules)


def command(
    rules: RulesArgument = Path("rules"),
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    output: Annotated[Literal["text", "json", "github"], typer.Option(help="How to print findings.")] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings, too.")] = False,
) -> None:
    """Check rules, templates and tests: structure, every expression against the events' schemas, the channel's limits.

    Each finding is `path:line:column: level code words (hint)`. Exit 0: no errors; 1: errors; 2: misuse.

    Example: `notice-pipeline check rules --environment production`
    """
    catalogue = schemas_beside(rules, schemas)
    checked = check(read_rules(rules), catalogue, environment=environment)
    if output == "json":
        print(json.dumps([_as_json(finding) for finding in checked.findings], ensure_ascii=False, indent=2))
    for finding in checked.findings if output != "json" else ():
        print(_as_annotation(finding) if output == "github" else finding)
    counts = {level: sum(finding.level is level for finding in checked.findings) for level in Level}
    if output == "text":
        number = len(checked.ruleset.rules) if checked.ruleset else 0
        summary = ", ".join(f"{count} {level}{'s' * (count != 1)}" for level, count in counts.items())
        print(
            f"{rules}: {summary}"
            + (f"; {number} rule{' is' if number == 1 else 's are'} fine" if checked.ruleset else "")
        )
    if counts[Level.ERROR] or (strict and counts[Level.WARNING]):
        raise typer.Exit(FINDINGS)


def _as_json(finding: Finding) -> dict[str, object]:
    return finding._asdict()


def _as_annotation(finding: Finding) -> str:
    """As GitHub's workflow commands want it, so that findings stand beside the lines of a pull request."""
    kind = {"error": "error", "warning": "warning", "note": "notice"}[finding.level]
    words = f"{finding.words} ({finding.hint})" if finding.hint else finding.words
    escaped = words.replace("%", "%25").replace("\n", "%0A")
    return f"::{kind} file={finding.path},line={finding.line},col={finding.column},title={finding.code}::{escaped}"

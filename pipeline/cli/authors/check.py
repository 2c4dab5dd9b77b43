"""`check`: static checks of rules, templates and tests."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.events.schema_files import folder_near, read_schemas, schemas_near
from pipeline.adapters.rule_files import read_rules_and_tests
from pipeline.cli.app import FINDINGS
from pipeline.cli.language import in_language
from pipeline.cli.printing import MOST_FINDINGS, finding_lines, plain, print_json, say, values
from pipeline.cli.registry import find_settings_without_kafka
from pipeline.errors import ConfigurationError, UserError
from pipeline.model.finding import Finding, Level
from pipeline.model.notice import DEFAULT_API
from pipeline.phrases import counted, joined, marked, phrase
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.terminal_escape import terminal_escape

_LEVELS = {
    Level.ERROR: (marked("{count} error"), marked("{count} errors")),
    Level.WARNING: (marked("{count} warning"), marked("{count} warnings")),
    Level.NOTE: (marked("{count} note"), marked("{count} notes")),
}
"""How many there are."""
_NAMES_AN_API = re.compile(r"\bapi\b")
RulesArgument = Annotated[Path, typer.Argument(help="Folder with rules, templates.yaml and tests.", metavar="RULES")]
SchemasOption = Annotated[
    Path | None,
    typer.Option("--schemas", help="Folder with *.avsc; default: `schemas` beside the rules.", metavar="DIR"),
]
EnvironmentOption = Annotated[
    str | None, typer.Option("--environment", "-e", help="Environment for which every template must have an id.")
]


def require_schemas(catalogue: SchemaCatalogue, given: Path | None) -> None:
    """Check that `schemas_beside` has found schemas; `given` is the folder that it was given.

    Raises:
        UserError: it has not.
    """
    if not len(catalogue):
        raise UserError(
            phrase("no schemas are found in {given} or in the service's configuration", given=given or Path("schemas")),
            hint=phrase(
                "put the event's .avsc file into the folder schemas, or name a folder (--schemas DIR) "
                "or a configuration (--config FILE)"
            ),
        )


def schemas_beside(rules: Path, given: Path | None) -> SchemaCatalogue:
    """The schemas of the folder `given`, else of `schemas` in or beside the folder of rules, else those of the service.

    The service's schemas are in the folder and registry that pipeline.yaml names, if it exists.
    """
    if given is not None:
        return read_schemas(given)
    if folder_near(rules) is not None:
        return schemas_near(rules)
    try:
        settings = find_settings_without_kafka(None)
    except ConfigurationError:
        return SchemaCatalogue()  # reported by `config check`
    if settings is None:
        return SchemaCatalogue()
    from pipeline.bootstrap.events import service_schemas  # noqa: PLC0415 - the service's modules, which few calls need

    schemas = service_schemas(settings.model_copy(update={"rules": rules}))
    if schemas.registry is not None:
        schemas.registry.close()
    return schemas.catalogue


def command(
    rules: RulesArgument = Path("rules"),
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    output: Annotated[Literal["text", "json", "github"], typer.Option(help="Output format of findings.")] = "text",
    limit: Annotated[
        int,
        typer.Option(
            min=1, help="Number of findings that are printed as text, errors first; all are counted.", metavar="N"
        ),
    ] = MOST_FINDINGS,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 also for warnings.")] = False,
) -> None:
    """Check rules, templates and tests: their structure, each expression against the events' schemas, and field limits.

    The names of APIs are checked if there is a pipeline.yaml in the working directory.

    Each finding is `path:line:column: level code message (hint)`.

    Exit 0: no errors; 1: errors, or warnings with --strict; 2: misuse.

    Example: `notice-pipeline check rules --environment production`
    """
    catalogue = schemas_beside(rules, schemas)
    sources = read_rules_and_tests(rules)
    checked = check(sources, catalogue, environment=environment, apis=known_apis(sources), now=SystemClock().now())
    match output:
        case "json":
            print_json([values(finding) for finding in checked.findings])
        case "github":
            for finding in checked.findings:
                say(plain(_as_annotation(finding)))
        case "text":
            for line in finding_lines(checked.findings, limit):
                say(plain(line))
    counts = {level: sum(finding.level is level for finding in checked.findings) for level in Level}
    if output == "text":
        number = len(checked.ruleset.rules) if checked.ruleset else 0
        summary = joined(", ", (counted(count, *_LEVELS[level]) for level, count in counts.items()))
        if checked.ruleset:
            fine = counted(number, "{count} rule is fine", "{count} rules are fine")
            off = [phrase("{count} off", count=len(checked.off))] if checked.off else []
            summary = joined("; ", (summary, joined(", ", (fine, *off))))
        say(plain(phrase("{rules}: {summary}", rules=rules, summary=summary)))
    if counts[Level.ERROR] or (strict and counts[Level.WARNING]):
        raise typer.Exit(FINDINGS)


def known_apis(sources: RuleSources) -> Collection[str] | None:
    """The APIs of the configuration; None where there is none, or it cannot be read, or no template may name one."""
    if sources.templates is None or _NAMES_AN_API.search(sources.templates[1]) is None:
        return None  # reading the configuration takes as long as the check
    try:
        settings = find_settings_without_kafka(None)
    except ConfigurationError:
        return None  # reported by `config check`
    return None if settings is None else (DEFAULT_API, *settings.apis)


def _as_annotation(finding: Finding) -> str:
    """The finding as a GitHub workflow command, which shows it beside its line in a pull request."""
    kind = {"error": "error", "warning": "warning", "note": "notice"}[finding.level]
    message = (
        phrase("{message} ({hint})", message=finding.message, hint=finding.hint) if finding.hint else finding.message
    )
    text = _quoted(in_language(message))
    path = _quoted(finding.path).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} file={path},line={finding.line},col={finding.column},title={finding.code}::{text}"


def _quoted(text: str) -> str:
    """Escape as the runner's own toolkit does (actions/toolkit, command.ts), and for terminals."""
    return terminal_escape(text, keep="\r\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

"""`schemas check | register | export`: check and register Avro schemas, and describe their events as JSON Schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.adapters.authoring.schema_revisions import GIT, schemas_at
from pipeline.adapters.events.avro import parsed
from pipeline.adapters.events.schema_files import read_schema, schema_files, schemas_near
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.adapters.rule_files import read_rules
from pipeline.authoring.event_json_schema import event_json_schema
from pipeline.authoring.schema_impact import BrokenRule, impact
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors.rule_set import find_event_type
from pipeline.cli.help import SpokenCommand, SpokenGroup
from pipeline.cli.language import in_language
from pipeline.cli.printing import plain, print_json, say, values, warn
from pipeline.cli.registry import (
    ConfigOption,
    RegistryOption,
    find_settings_without_kafka,
    open_registry,
    require_registry,
)
from pipeline.errors import SchemaError, UserError
from pipeline.phrases import counted, phrase, without_beginning
from pipeline.rules.schema.check import SchemaProblem, check_change, check_for_rules, check_versions
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from pipeline.adapters.events.registry import SchemaRegistry

group = typer.Typer(
    cls=SpokenGroup,
    help="Check Avro schemas, register them, or export them as JSON Schema.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

FolderArgument = Annotated[Path, typer.Argument(help="Folder with *.avsc, or one file.", metavar="DIR")]


class SubjectStrategy(StrEnum):
    """Strategies of Confluent's serializers for the subject of a schema."""

    RECORD = "record"
    """The subject is the record's full name."""
    TOPIC = "topic"
    """The subject is `<topic>-value`."""
    TOPIC_RECORD = "topic-record"
    """The subject is `<topic>-<full name>`."""


StrategyOption = Annotated[SubjectStrategy, typer.Option("--subject-strategy", help="Naming strategy of subjects.")]
TopicOption = Annotated[str | None, typer.Option(help="Topic, for strategies that use it.")]
OutputOption = Annotated[Literal["text", "json"], typer.Option(help="Output format.")]


@group.command(cls=SpokenCommand)
def check(
    folder: FolderArgument = Path("schemas"),
    registry: RegistryOption = None,
    config: ConfigOption = None,
    strategy: StrategyOption = SubjectStrategy.RECORD,
    topic: TopicOption = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="A git revision: rules that know its schemas must be able to read the new events.",
            metavar="git:REVISION[:DIR]",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="Rules for these events: those that the schemas break are errors.", metavar="DIR"),
    ] = None,
    output: OutputOption = "text",
) -> None:
    """Check that schemas are valid, that rules can read their events, and that newer versions read older events.

    Files that define the same type are its versions, in the order of file names. With a registry or a git revision,
    each schema is also checked for rules that know an older version from there: they must be able to read its events.
    With `--rules`, every rule of that folder is checked against the schemas as they are here; one that does not fit
    is reported with its file, line and expression.

    Exit 0: no errors; 1: errors; 2: misuse.

    Examples: `notice-pipeline schemas check schemas --registry http://localhost:8081`,
    `notice-pipeline schemas check schemas --against git:origin/main --rules ../notice-rules/rules`
    """
    schemas, problems = _read(folder)
    problems += check_versions(schemas)
    before = None if against is None else schemas_at(against, folder)
    if before is not None:
        problems += check_change(schemas, before, str(against).removeprefix(GIT))
    affected = None if rules is None else impact(read_rules(rules), _known(rules, before, schemas), schemas)
    compared: dict[str, int] = {}
    there = open_registry(registry, find_settings_without_kafka(config) if config is not None else None)
    if there is not None:
        with closing(there):
            for schema in schemas:
                subject = _subject(strategy, topic, schema.name)
                versions, found = _against_registry(there, schema, subject)
                compared[subject] = versions
                problems += found
    errors: list[SchemaProblem | BrokenRule] = [*problems, *(affected.broken if affected is not None else ())]
    if output == "json":
        print_json([values(error) for error in errors])
    else:
        for error in errors:
            say(plain(error.as_text))
        types = len({schema.name for schema in schemas})
        say(
            plain(
                phrase(
                    "{folder}: {schemas} of {types}, {errors}",
                    folder=folder,
                    schemas=_schemas(len(schemas)),
                    types=counted(types, "{count} type", "{count} types"),
                    errors=counted(len(errors), "{count} error", "{count} errors"),
                )
            )
        )
        for subject, versions in compared.items():
            say(plain(_comparison(subject, versions)))
        if before is not None:
            say(plain(phrase("{revision}: compared with {schemas}", revision=against, schemas=_schemas(len(before)))))
        if affected is not None:
            of_these = counted(affected.rules, "{count} rule of these events", "{count} rules of these events")
            broken = len({one.rule for one in affected.broken})
            say(plain(phrase("{folder}: {rules}, {broken} broken", folder=rules, rules=of_these, broken=broken)))
    if errors:
        raise typer.Exit(FINDINGS)


@group.command(cls=SpokenCommand)
def register(
    folder: FolderArgument = Path("schemas/events"),
    registry: RegistryOption = None,
    config: ConfigOption = None,
    strategy: StrategyOption = SubjectStrategy.RECORD,
    topic: TopicOption = None,
    outcomes: Annotated[
        str | None, typer.Option(help="Also register the schema of outcomes, for this topic.", metavar="TOPIC")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: OutputOption = "text",
) -> None:
    """Register schemas, so that producers and the service find them by their ids. Registered schemas are not changed.

    Asks first, because a registered version cannot be taken back in most registries. Without a terminal, as in CI, it
    registers only with --yes.

    Exit 0: registered; 1: errors in schemas, or the answer was no; 2: misuse, or the registry does not answer or
    refuses a schema.

    Example: `notice-pipeline schemas register schemas/events --registry http://localhost:8081`
    """
    schemas, problems = _read(folder)
    problems += check_versions(schemas)
    if problems:
        for problem in problems:
            say(plain(problem.as_text))
        raise typer.Exit(FINDINGS)
    subjects = [(_subject(strategy, topic, schema.name), schema.avro) for schema in schemas]
    if outcomes is not None:
        subjects.append((f"{outcomes}-value", outcome_schema()))
    registered: list[dict[str, object]] = []
    settings = find_settings_without_kafka(config) if registry is None else None
    with closing(require_registry(registry, settings)) as there:
        if not yes:
            _confirm([subject for subject, _ in subjects])
        for subject, avro in subjects:
            number = there.register(subject, avro)
            registered.append({"subject": subject, "id": number})
            if output == "text":
                say(plain(phrase("{subject}: id {number}", subject=subject, number=number)))
    if output == "json":
        print_json(registered)


@group.command(cls=SpokenCommand)
def export(
    folder: FolderArgument = Path("schemas"),
    event_type: Annotated[
        str | None, typer.Option("--type", help="The event type; its last parts suffice.", metavar="TYPE")
    ] = None,
    json_schema: Annotated[bool, typer.Option("--json-schema", help="As JSON Schema, the only format.")] = True,  # noqa: ARG001 - states the format
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write `<type>.schema.json` of each type to this folder.", metavar="DIR"),
    ] = None,
) -> None:
    """Describe the JSON form of events as JSON Schema, so that emitters can check in any language what they write.

    Of each type the newest version counts, in the order of file names. Without --out, one type is printed.

    Exit 0: written; 1: errors in schemas; 2: misuse.

    Example: `notice-pipeline schemas export schemas --type order.paid.v1 --json-schema`
    """
    schemas, problems = _read(folder)
    if problems:
        for problem in problems:
            warn(problem.as_text)
        raise typer.Exit(FINDINGS)
    newest = {schema.name: schema for schema in schemas}
    if event_type is not None:
        name = find_event_type(event_type, list(newest), phrase("any schema of {folder}", folder=folder))
        newest = {name: newest[name]}
    if out is None:
        if len(newest) > 1:
            raise UserError(
                phrase("{folder} has {count} event types, and one can be printed", folder=folder, count=len(newest)),
                hint=phrase("name one (--type order.paid.v1), or a folder for all of them (--out DIR)"),
            )
        (schema,) = newest.values()
        print(_as_json_schema(schema), end="")
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, schema in newest.items():
        path = out / f"{name}.schema.json"
        path.write_text(_as_json_schema(schema), encoding="utf-8")
        say(plain(phrase("written: {path}", path=path)))


def _as_json_schema(schema: EventSchema) -> str:
    return json.dumps(event_json_schema(schema), ensure_ascii=False, indent=2) + "\n"


def _known(rules: Path, before: Sequence[EventSchema] | None, changed: Sequence[EventSchema]) -> SchemaCatalogue:
    """The schemas that rules were written for: the revision's, and for other types those beside the rules."""
    beside = schemas_near(rules)
    types = {schema.name for schema in changed}
    others = [schema for name in beside if name not in types for schema in beside.versions(name)]
    return SchemaCatalogue([*others, *(before or ())])


def _confirm(subjects: list[str]) -> None:
    """Ask whether these subjects are to get a version.

    Raises:
        UserError: there is no terminal to ask on.
        typer.Exit: the answer is no.
    """
    if not sys.stdin.isatty():
        raise UserError(
            phrase("schemas are registered only after a confirmation, and there is no terminal to ask on"),
            hint=phrase("call it with --yes"),
        )
    typer.echo("\n".join(terminal_escape(subject) for subject in subjects), err=True)
    question = phrase("Register {schemas} under these subjects?", schemas=_schemas(len(subjects)))
    if not typer.confirm(in_language(question), err=True):
        warn(phrase("nothing was registered"))
        raise typer.Exit(FINDINGS)


def _read(folder: Path) -> tuple[list[EventSchema], list[SchemaProblem]]:
    """Every schema that can be read, and a problem for every file that cannot.

    Raises:
        UserError: the folder does not exist or has no schemas.
    """
    schemas: list[EventSchema] = []
    problems: list[SchemaProblem] = []
    files = list(schema_files(folder))
    if not files:
        raise UserError(phrase("{folder}: there are no *.avsc files", folder=folder))
    for path in files:
        try:
            schema = read_schema(path)
            parsed(schema.avro, str(path))
        except SchemaError as error:
            problems.append(SchemaProblem(str(path), without_beginning(error.message, str(path))))
        else:
            schemas.append(schema)
    return schemas, problems


def _subject(strategy: SubjectStrategy, topic: str | None, name: str) -> str:
    if strategy is SubjectStrategy.RECORD:
        return name
    if topic is None:
        raise UserError(
            phrase("--subject-strategy {strategy} needs a topic", strategy=str(strategy)),
            hint=phrase("give --topic TOPIC"),
        )
    return f"{topic}-value" if strategy is SubjectStrategy.TOPIC else f"{topic}-{name}"


def _against_registry(registry: SchemaRegistry, schema: EventSchema, subject: str) -> tuple[int, list[SchemaProblem]]:
    """How many versions the subject has, and the problems with them."""
    versions = registry.versions(subject)
    problems: list[SchemaProblem] = []
    for version in versions:
        where = phrase("{subject} version {number}", subject=subject, number=version.version)
        problems += check_for_rules(schema, EventSchema(version.avro, where), where)
    return len(versions), problems


def _schemas(number: int) -> str:
    return counted(number, "{count} schema", "{count} schemas")


def _comparison(subject: str, versions: int) -> str:
    if not versions:
        return phrase("{subject}: nothing is registered", subject=subject)
    known = counted(versions, "{count} version", "{count} versions")
    return phrase("{subject}: compared with {versions}", subject=subject, versions=known)

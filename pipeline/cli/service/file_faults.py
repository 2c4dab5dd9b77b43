"""What `run` would refuse in the folders of rules and schemas, and where they are empty."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.rule_files import read_rules
from pipeline.cli.language import in_language
from pipeline.errors import SchemaError, UserError
from pipeline.model.notice import DEFAULT_API
from pipeline.rules.compile import compile_rules, in_order
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.settings import Settings


class FileFaults(NamedTuple):
    """Key and message of each fault."""

    errors: list[tuple[str, str]]
    warnings: list[tuple[str, str]]


def file_faults(settings: Settings) -> FileFaults:
    """Read schemas and rules as `run` does, without a registry: event types that only it knows are not checked.

    A folder that is not on this machine is not judged.
    """
    found = FileFaults([], [])
    _check_rules(settings, _schemas(settings, found), found)
    return found


def _schemas(settings: Settings, found: FileFaults) -> SchemaCatalogue:
    folder, by_registry = settings.schemas.directory, settings.schemas.registry_url is not None
    if folder is None:
        if not by_registry:
            message = "has neither `directory` nor `registry_url`: no event in Avro can be read, and no rule is typed"
            found.warnings.append(("schemas", message))
        return SchemaCatalogue()
    try:
        catalogue = read_schemas(folder) if folder.is_dir() else None
    except SchemaError as error:
        found.errors.append(("schemas.directory", _text(error)))
        return SchemaCatalogue()
    if catalogue is not None and not list(catalogue) and not by_registry:
        found.warnings.append(("schemas.directory", f"{folder}: has no schema (*.avsc)"))
    return catalogue or SchemaCatalogue()


def _check_rules(settings: Settings, catalogue: SchemaCatalogue, found: FileFaults) -> None:
    if not settings.rules.is_dir():
        return
    try:
        sources = read_rules(settings.rules)
    except UserError as error:
        found.errors.append(("rules", _text(error)))
        return
    compilation = compile_rules(
        sources,
        catalogue,
        environment=settings.environment,
        apis=(DEFAULT_API, *settings.apis),
        most_items=settings.rule_options.most_items,
    )
    if compilation.errors:
        first, *more = in_order(compilation.errors)
        others = f"; and {len(more)} more" if more else ""
        found.errors.append(("rules", f"{in_language(first.as_text)}{others}: `notice-pipeline check` lists all"))
    elif compilation.ruleset is None or not compilation.ruleset.rules:
        found.warnings.append(("rules", f"{settings.rules}: has no rule that is in use: no event will have a message"))


def _text(error: UserError) -> str:
    return in_language(error.message) + (f" ({in_language(error.hint)})" if error.hint else "")

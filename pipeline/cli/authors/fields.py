"""`fields`: what an event type has, for a rule to use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.adapters.authoring.lifelike_events import example_event
from pipeline.authoring.event_fields import MOST_FIELDS, FieldRow, event_fields
from pipeline.cli.authors.check import require_schemas, schemas_beside
from pipeline.cli.authors.examples import DEFAULT_SEED, LanguageOption, SeedOption
from pipeline.cli.authors.rule_set import ConfigOption, Named, RulesOption, SchemasOption, find_event_type
from pipeline.cli.printing import plain, print_json, say
from pipeline.phrases import joined, phrase
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue

WIDTH = 140
MOST_VALUES = 12
"""Values of an enum that the table shows."""
MOST_EXAMPLE = 40
"""Characters of an example that the table shows."""


def command(
    event_type: Annotated[
        str | None,
        typer.Argument(
            help="The event type; its last parts suffice. Without it, the event types are listed.", metavar="TYPE"
        ),
    ] = None,
    rules: RulesOption = None,
    schemas: SchemasOption = None,
    config: ConfigOption = None,
    seed: SeedOption = DEFAULT_SEED,
    language: LanguageOption = "zh",
    output: Annotated[Literal["text", "json"], typer.Option(help="How to print it.")] = "text",
) -> None:
    """Show the fields of an event type: what a rule can read, as an expression reads it.

    Each has its type, whether it may be missing, an enum's values, the schema's documentation and an example. Schemas
    are those of the folder `schemas` beside the rules, or those of the service (pipeline.yaml). Examples are made from
    names and types, with more names if the extra `authors` is installed; `--seed 2` makes others.

    Exit codes: 0 shown, 2 misuse.

    Examples: `notice-pipeline fields` · `notice-pipeline fields order.paid.v1` · `notice-pipeline fields order.paid.v1
    --output json`
    """
    named = Named(rules, schemas, None, config)
    folder, given, _ = named.completed(named.settings())
    catalogue = schemas_beside(folder, given)
    require_schemas(catalogue, given)
    if event_type is None:
        _show_types(catalogue, output)
        return
    schema = catalogue.newest(find_event_type(event_type, list(catalogue), phrase("any schema")))
    assert schema is not None  # noqa: S101 - every type of the catalogue has a version
    rows = event_fields(schema, example_event(schema, seed, language))
    if output == "json":
        print_json({"type": schema.name, "doc": _doc(schema), "fields": [_as_json(row) for row in rows]})
    else:
        _show(schema, rows)


def _show_types(catalogue: SchemaCatalogue, output: str) -> None:
    newest = [schema for name in sorted(catalogue) if (schema := catalogue.newest(name)) is not None]
    if output == "json":
        print_json({"types": [{"type": one.name, "doc": _doc(one), "schema": one.path} for one in newest]})
        return
    table = Table(*_heads(phrase("event type"), phrase("meaning")), box=None, pad_edge=False)
    for schema in newest:
        table.add_row(*_cells(schema.name, _doc(schema)))
    Console(width=WIDTH, highlight=False).print(table)
    say()
    say(plain(phrase("notice-pipeline fields TYPE shows the fields of one.")))


def _show(schema: EventSchema, rows: Sequence[FieldRow]) -> None:
    doc = _doc(schema)
    say(plain(f"{schema.name}: {doc}" if doc else schema.name))
    table = Table(
        *_heads(phrase("field"), phrase("type"), phrase("may be missing"), phrase("meaning"), phrase("example")),
        box=None,
        pad_edge=False,
    )
    for row in rows:
        missing = phrase("yes") if row.may_be_missing else ""
        table.add_row(*_cells(row.path, _type(row), missing, row.doc, _example(row.example)))
    Console(width=WIDTH, highlight=False).print(table)
    if len(rows) == MOST_FIELDS:
        say(plain(phrase("the first {most_fields:,} fields are shown", most_fields=MOST_FIELDS)))
    if any(row.may_be_missing for row in rows):
        say()
        say(plain(phrase('A field that may be missing needs another text, such as ${default(event.FIELD, "-")}.')))


def _type(row: FieldRow) -> str:
    if not row.is_readable:
        return phrase("{type}; rules cannot read this name", type=row.type)
    if not row.values:
        return row.type
    more = ", …" if len(row.values) > MOST_VALUES else ""
    return phrase("{type} {values}", type=row.type, values=joined(", ", row.values[:MOST_VALUES]) + more)


def _example(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_EXAMPLE else f"{text[: MOST_EXAMPLE - 1]}…"


def _heads(*texts: str) -> list[str]:
    return [plain(text) for text in texts]


def _cells(*texts: str) -> list[Text]:
    return [Text(plain(text)) for text in texts]


def _doc(schema: EventSchema) -> str:
    return " ".join(str(schema.avro.get("doc") or "").split())


def _as_json(row: FieldRow) -> dict[str, object]:
    return {
        "field": row.path,
        "type": row.type,
        "may_be_missing": row.may_be_missing,
        "values": list(row.values),
        "doc": row.doc,
        "example": row.example,
        "readable": row.is_readable,
    }

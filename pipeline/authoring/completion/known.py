"""What completion knows of the rest of the folder: event types with their fields, templates, and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.authoring.event_fields import FieldRow, event_fields
from pipeline.care.declaration import NO_CARE, Care
from pipeline.model.finding import Finding
from pipeline.rules.care_compiler import read_care
from pipeline.rules.rule_compiler import event_types, template_aliases, with_defaults
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.examples import example
from pipeline.rules.source.catalogue import read_templates
from pipeline.rules.source.document import parse
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.format import CATEGORIES, RuleFile
from pipeline.rules.source.structure import validate
from pipeline.rules.source.templates import Template


class KnownRule(NamedTuple):
    """What tests need of a rule."""

    types: tuple[str, ...]
    template: str | None


class EventFields:
    """The fields of one event type by their paths."""

    def __init__(self, schema: EventSchema) -> None:
        self.name = schema.name
        self.doc = " ".join(str(schema.avro.get("doc") or "").split())
        self.rows = tuple(event_fields(schema, example(schema, lambda: 0.5)))
        self.by_path: Mapping[str, FieldRow] = {row.path: row for row in self.rows}
        self._below: dict[str, list[FieldRow]] = {}
        for row in self.rows:
            self._below.setdefault(row.path.rpartition(".")[0], []).append(row)

    def below(self, path: str) -> list[FieldRow]:
        """The fields of the record at `path`, such as `event` or `event.people[]`, that a rule can read."""
        return [row for row in self._below.get(path, ()) if row.is_readable]

    def item(self, path: str) -> str:
        """The path of an item of the list, or a value of the map, at `path`."""
        return f"{path}[…]" if self.is_map(path) else f"{path}[]"

    def is_map(self, path: str) -> bool:
        """Whether a map is at `path`: names behind a dot are its keys."""
        row = self.by_path.get(path)
        return row is not None and row.type.startswith("map of ")


class Known:
    """What may be named in a file."""

    def __init__(
        self,
        schemas: SchemaCatalogue,
        templates: Mapping[str, Template] | None = None,
        rules: Mapping[str, KnownRule] | None = None,
        fields: dict[str, EventFields] | None = None,
        care: Care = NO_CARE,
    ) -> None:
        """`rules` by id; those of a file that cannot be read are missing. `fields` are those read before.

        `care` is what care.yaml declares.
        """
        self.care = care
        self.templates = templates or {}
        self.rules = rules or {}
        self.schemas = schemas
        self._fields = {} if fields is None else fields

    def types(self) -> list[str]:
        """The event types of schemas and rules."""
        return sorted({*self.schemas, *(kind for rule in self.rules.values() for kind in rule.types)})

    def doc(self, event_type: str) -> str:
        """The documentation of an event type; empty without one."""
        fields = self.fields(event_type)
        return fields.doc if fields is not None else ""

    def fields(self, event_type: str) -> EventFields | None:
        """The fields of an event type, newest version; None without a schema."""
        schema = self.schemas.newest(event_type)
        if schema is None:
            return None
        if schema.fingerprint not in self._fields:
            self._fields[schema.fingerprint] = EventFields(schema)
        return self._fields[schema.fingerprint]

    def fields_of(self, event_types: Iterable[str]) -> list[EventFields]:
        """The fields of those types that have a schema."""
        return [fields for one in event_types if (fields := self.fields(one)) is not None]

    def with_files(self, sources: RuleSources) -> Known:
        """The same with the contents of these files; templates and care that cannot be read stay as they are."""
        templates = read_templates(*sources.templates)[0] if sources.templates is not None else {}
        rules: dict[str, KnownRule] = {}
        for path, text in sources.rules.items():
            rules.update(_rules_of(path, text))
        templates = templates or self.templates
        care = read_care(sources.care, [])
        return Known(self.schemas, templates, rules, self._fields, care.care if care.is_sound else self.care)

    @property
    def categories(self) -> list[str]:
        """The categories that a rule may have."""
        return list(dict.fromkeys([*CATEGORIES, *self.care.categories]))

    @property
    def lists(self) -> list[str]:
        """The lists that a recipient may opt out of."""
        return list(dict.fromkeys(one.opt_out for one in self.care.categories.values() if one.opt_out is not None))


def _rules_of(path: str, text: str) -> dict[str, KnownRule]:
    document = parse(path, text)
    model = None if isinstance(document, Finding) else validate(document, RuleFile)[0]
    if model is None:
        return {}
    merged = (with_defaults(rule, model.defaults) for rule in model.rules)
    return {rule.id: KnownRule(event_types(rule), next(iter(template_aliases(rule)), None)) for rule in merged}

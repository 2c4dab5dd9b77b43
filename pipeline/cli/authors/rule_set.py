"""Finds the rules that an author's command works on: named by options, or by a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pipeline.adapters.rule_files import read_rules, read_rules_and_tests
from pipeline.cli.authors.check import EnvironmentOption, SchemasOption, schemas_beside
from pipeline.errors import RulesRefused, UserError
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.ruleset import Rule, RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["ConfigOption", "EnvironmentOption", "Named", "RulesOption", "SchemasOption", "SoundRules"]

RulesOption = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        "-r",
        help="Folder with rules and templates.yaml; default: the configuration's, or rules.",
        metavar="DIR",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration with rules, schemas, environment and brokers.", metavar="FILE"),
]


class Named(NamedTuple):
    """The values of the options. For those not given, the configuration's are used."""

    rules: Path | None
    schemas: Path | None
    environment: str | None
    config: Path | None

    def settings(self, *, needs_kafka: bool = False) -> Settings | None:
        """The settings of the option's configuration; if Kafka is needed, else those of pipeline.yaml, if it exists.

        Raises:
            ConfigurationError: the configuration is invalid.
        """
        if self.config is None and not needs_kafka:
            return None
        from pipeline.cli.registry import (  # noqa: PLC0415 - needed only with a configuration
            find_settings,
            find_settings_without_kafka,
        )

        return find_settings(self.config) if needs_kafka else find_settings_without_kafka(self.config)

    def completed(self, settings: Settings | None) -> Complete:
        """The same, completed from the configuration and with the default folder."""
        rules, schemas, environment = self.rules, self.schemas, self.environment
        if settings is not None:
            rules = rules or settings.rules
            schemas = schemas or settings.schemas.directory
            environment = environment or settings.environment
        return Complete(rules or Path("rules"), schemas, environment)


class Complete(NamedTuple):
    """Where rules and schemas are. No schemas: those beside the rules; no environment: any."""

    rules: Path
    schemas: Path | None
    environment: str | None


class SoundRules(NamedTuple):
    """Rules without errors, and the schemas that they were checked against."""

    checked: CheckResult
    ruleset: RuleSet
    catalogue: SchemaCatalogue
    folder: Path
    """Where the rules are."""

    @classmethod
    def of(cls, named: Named, settings: Settings | None, *, tests: bool = True) -> SoundRules:
        """Read and check them; `tests`: check the tests of the rules, too.

        Raises:
            RulesRefused: the rules have errors.
            UserError: a file or folder cannot be read.
        """
        rules, schemas, environment = named.completed(settings)
        catalogue = schemas_beside(rules, schemas)
        sources = read_rules_and_tests(rules) if tests else read_rules(rules)
        checked = check(sources, catalogue, environment=environment)
        if checked.ruleset is None:
            raise RulesRefused([finding for finding in checked.findings if finding.is_error])
        return cls(checked, checked.ruleset, catalogue, rules)

    def rule(self, name: str) -> Rule:
        """The enabled rule with that id.

        Raises:
            UserError: there is none.
        """
        found = next((rule for rule in self.ruleset.rules if rule.id == name), None)
        if found is None:
            known = [rule.id for rule in self.ruleset.rules]
            raise UserError(
                phrase("there is no enabled rule `{name}`", name=name),
                hint=did_you_mean(name, known) or phrase("the rules are {known}", known=_few(known)),
            )
        return found

    def event_type(self, event_type: str) -> str:
        """The event type that `event_type` selects, by its full name or its last parts (`order.paid.v1`).

        Raises:
            UserError: it names none, or several.
        """
        known = dict.fromkeys([*self.catalogue, *(name for rule in self.ruleset.rules for name in rule.on)])
        return find_event_type(event_type, list(known), phrase("any schema or rule"))


def find_event_type(event_type: str, known: Sequence[str], of: str) -> str:
    """The one of the `known` event types that `event_type` selects, by its full name or its last parts.

    `of` says where the known ones are from.

    Raises:
        UserError: it names none, or several.
    """
    found = [event_type] if event_type in known else [name for name in known if name.endswith(f".{event_type}")]
    if len(found) != 1:
        message = phrase("`{type}` names several event types", type=event_type)
        if not found:
            message = phrase("`{type}` is not an event type of {of}", type=event_type, of=of)
        hint = phrase("the types are {found}", found=_few(found or list(known)))
        parts = event_type.count(".") + 1
        names = [*(".".join(name.split(".")[-parts:]) for name in known), *known]
        raise UserError(message, hint=(None if found else did_you_mean(event_type, names)) or hint)
    return found[0]


def _few(names: list[str]) -> str:
    return joined(", ", names[:12]) + (", …" if len(names) > 12 else "") if names else phrase("none")  # noqa: PLR2004 - a line

"""The rules that an author's command looks at: named, or those of a configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pipeline.adapters.rule_files import read_rules, read_rules_and_tests
from pipeline.cli.authors.check import EnvironmentOption, SchemasOption, schemas_beside
from pipeline.errors import RulesRefused, UserError
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.rule_compiler import near
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
    typer.Option("--config", "-c", help="Take rules, schemas, environment and Kafka from here.", metavar="FILE"),
]


class Named(NamedTuple):
    """What the options name; the configuration speaks where they are silent."""

    rules: Path | None
    schemas: Path | None
    environment: str | None
    config: Path | None

    def settings(self) -> Settings | None:
        """The configuration, where one is named.

        Raises:
            ConfigurationError: it cannot be used.
        """
        if self.config is None:
            return None
        from pipeline.settings import load_settings  # noqa: PLC0415 - who names no configuration need not wait for it

        return load_settings(self.config, os.environ)

    def completed(self, settings: Settings | None) -> Complete:
        """With what the configuration says, and the usual folder."""
        rules, schemas, environment = self.rules, self.schemas, self.environment
        if settings is not None:
            rules = rules or settings.rules
            schemas = schemas or settings.schemas.directory
            environment = environment or settings.environment
        return Complete(rules or Path("rules"), schemas, environment)


class Complete(NamedTuple):
    """What is meant in the end; None stands for the schemas beside the rules, and for any environment."""

    rules: Path
    schemas: Path | None
    environment: str | None


class SoundRules(NamedTuple):
    """Rules without errors, with what they were checked against."""

    checked: CheckResult
    ruleset: RuleSet
    catalogue: SchemaCatalogue

    @classmethod
    def of(cls, named: Named, settings: Settings | None, *, tests: bool = True) -> SoundRules:
        """Read and check them; `tests`: those of the rules, too, which are as long as the rules.

        Raises:
            RulesRefused: they have errors.
            UserError: a file or folder cannot be read.
        """
        rules, schemas, environment = named.completed(settings)
        catalogue = schemas_beside(rules, schemas)
        sources = read_rules_and_tests(rules) if tests else read_rules(rules)
        checked = check(sources, catalogue, environment=environment)
        if checked.ruleset is None:
            raise RulesRefused([finding for finding in checked.findings if finding.is_error])
        return cls(checked, checked.ruleset, catalogue)

    def rule(self, name: str) -> Rule:
        """The rule of that id.

        Raises:
            UserError: there is none, or it is disabled.
        """
        found = next((rule for rule in self.ruleset.rules if rule.id == name), None)
        if found is None:
            known = [rule.id for rule in self.ruleset.rules]
            raise UserError(f"there is no rule `{name}` in use", hint=near(name, known) or f"there are {_few(known)}")
        return found

    def event_type(self, wanted: str) -> str:
        """The event type that `wanted` names, whole or by its end (`order.paid.v1`).

        Raises:
            UserError: it names none, or several.
        """
        known = dict.fromkeys([*self.catalogue, *(name for rule in self.ruleset.rules for name in rule.on)])
        found = [wanted] if wanted in known else [name for name in known if name.endswith(f".{wanted}")]
        if len(found) != 1:
            message = "names several event types" if found else "is no event type that a schema or rule knows"
            hint = f"there are {_few(found or list(known))}"
            raise UserError(f"`{wanted}` {message}", hint=(None if found else near(wanted, known)) or hint)
        return found[0]


def _few(names: list[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "none"  # noqa: PLR2004 - a line

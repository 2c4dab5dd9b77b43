"""`new`: write a rule, its template and its tests for an event type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from pipeline.adapters.authoring.lifelike_events import example_event
from pipeline.adapters.authoring.text_files import Change, read_whole, write_changes
from pipeline.adapters.rule_files import NO_RULES, SUFFIXES, TEMPLATES, read_rules_and_tests
from pipeline.authoring.drafting.draft import Draft, Wish
from pipeline.authoring.drafting.yaml_text import with_item
from pipeline.authoring.examples.template_examples import examples_of
from pipeline.cli.authors.check import require_schemas, schemas_beside
from pipeline.cli.authors.examples import DEFAULT_SEED, LanguageOption, SeedOption
from pipeline.cli.authors.rule_set import ConfigOption, Named, RulesOption, SchemasOption, find_event_type
from pipeline.cli.language import in_language
from pipeline.cli.printing import finding_lines, paragraph, plain, say, warn
from pipeline.errors import RulesRefused, UserError
from pipeline.model.finding import Finding, Level
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import phrase
from pipeline.rules.compile import compile_rules
from pipeline.rules.lint.check import check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.catalogue import read_templates
from pipeline.rules.source.document import Document, parse
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.templates import Template

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ENVIRONMENTS = ("production", "staging")
"""Environments of a first template."""
_EDITOR = "# yaml-language-server: $schema={}schemas/{}.schema.json\n"


def command(
    rule: Annotated[str, typer.Argument(help="Id of the new rule: lowercase letters, digits, - and _.", metavar="ID")],
    on: Annotated[str, typer.Option("--on", help="The event type; its last parts suffice.", metavar="TYPE")],
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            help="Alias in templates.yaml. One that is not there, or none, becomes a new template.",
            metavar="ALIAS",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", help="Field with the recipient; default: the likeliest one.", metavar="FIELD"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="File of rules to add it to; default: one named like the rule.", metavar="FILE"),
    ] = None,
    rules: RulesOption = None,
    schemas: SchemasOption = None,
    config: ConfigOption = None,
    seed: SeedOption = DEFAULT_SEED,
    language: LanguageOption = "zh",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
) -> None:
    """Write a rule with its template and tests, from what the event type's schema says.

    Fields are chosen by type and name: a decimal is shown by `money`, a time by `local_time`, an enum by `label`, and a
    text that may be missing has a `default`. `check --strict`, `test` and `coverage` pass at once; then edit the texts.
    Existing files get the rule, template or test at the end and are not changed otherwise. Nothing is overwritten.

    Exit 0: written; 1: the rules have errors; 2: misuse.

    Examples: `notice-pipeline new gas-bill --on bill.issued.v1` ·
    `notice-pipeline new late-flight --on flight.delayed.v2 --template flight_delay --dry-run`
    """
    named = Named(rules, schemas, None, config)
    folder, given, _ = named.completed(named.settings())
    catalogue = schemas_beside(folder, given)
    schema = _schema(catalogue, on, given)
    drafted = _Drafting.of(folder, catalogue, rule, file)
    texts = drafted.made(schema, template, to, language, seed)
    changes = [Change(path, read_whole(path), text) for path, text in texts.items()]
    if dry_run:
        for change in changes:
            say(paragraph("\n".join(change.diff())))
        say(plain(phrase("nothing is written: --dry-run")))
        return
    write_changes(changes)
    for change in changes:
        say(
            plain(
                phrase("written   {path}", path=change.path)
                if change.before is None
                else phrase("extended  {path}", path=change.path)
            )
        )
    say()
    option, folder_named = ("", "") if folder == Path("rules") else (f" --rules {folder}", f" {folder}")
    say(
        plain(
            phrase(
                "  notice-pipeline preview --rule {rule}{option}   # the card; --seed 2: another example",
                rule=rule,
                option=option,
            )
        )
    )
    say(
        plain(
            phrase(
                "  notice-pipeline test{folder_named} --watch   # edit the texts, and see what changes",
                folder_named=folder_named,
            )
        )
    )


def _schema(catalogue: SchemaCatalogue, on: str, given: Path | None) -> EventSchema:
    require_schemas(catalogue, given)
    schema = catalogue.newest(find_event_type(on, list(catalogue), phrase("any schema")))
    assert schema is not None  # noqa: S101 - every type of the catalogue has a version
    return schema


class _Drafting(NamedTuple):
    """Where the rule goes, and what is there."""

    folder: Path
    catalogue: SchemaCatalogue
    rule: str
    file: Path
    sources: RuleSources
    templates: Mapping[str, Template]

    @classmethod
    def of(cls, folder: Path, catalogue: SchemaCatalogue, rule: str, file: Path | None) -> _Drafting:
        """Read what is there.

        Raises:
            UserError: the id or the file cannot be used, or a file cannot be read.
        """
        if _ID.fullmatch(rule) is None:
            like = re.sub(r"[^a-z0-9_-]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", rule).lower()).strip("-_")[:64]
            hint = phrase("write {like}", like=like) if _ID.fullmatch(like) else phrase("write it like order-paid")
            raise UserError(phrase("`{rule}` cannot be the id of a rule", rule=rule), hint=hint)
        if folder.exists() and not folder.is_dir():
            raise UserError(
                phrase("{folder} is a file, not a folder", folder=folder),
                hint=phrase("--file names the file, --rules its folder"),
            )
        sources = read_rules_and_tests(folder) if folder.exists() else RuleSources({}, None)
        target = file or folder / f"{rule}.yaml"
        _check_file(target, folder)
        _check_unused(rule, sources)
        return cls(folder, catalogue, rule, target, sources, _templates(sources))

    def made(
        self, schema: EventSchema, alias: str | None, to: str | None, language: LanguageOption, seed: int
    ) -> dict[Path, str]:
        """The new text of each file.

        Raises:
            UserError: there is no recipient or nothing that the template needs, or the rule makes no message.
            RulesRefused: the rules that are there have errors.
        """
        known = self.templates.get(alias) if alias is not None else None
        name = alias or self.rule.replace("-", "_")
        if known is None:
            self._check_alias(name, is_given=alias is not None)
        draft = Draft(schema, Wish(self.rule, name, known, to, language, self._environments(), in_language))
        texts = {self.file: self._with_rule(draft.rule)}
        if known is None:
            texts[self._catalogue] = self._with_template(draft.template({}))
        ruleset = self._compiled(texts)
        event = example_event(schema, seed, language, given=examples_of(ruleset, schema.name))
        tests = draft.tests(event, ruleset, self.catalogue)
        if known is None:
            texts[self._catalogue] = self._with_template(draft.template(tests.texts))
        path = self.file.with_name("tests") / f"{self.file.stem}.yaml"
        texts[path] = self._with(path, "tests", tests.lines)
        self._report(texts, ruleset)
        return texts

    @property
    def _catalogue(self) -> Path:
        return Path(self.sources.templates[0]) if self.sources.templates is not None else self.folder / TEMPLATES[0]

    def _check_alias(self, alias: str, *, is_given: bool) -> None:
        if alias in self.templates:
            hint = phrase("use it: --template {alias}; or name a new one: --template {alias}_2", alias=alias)
            raise UserError(phrase("there is a template `{alias}` already", alias=alias), hint=hint)
        like = did_you_mean(alias, self.templates) if is_given else None
        if like is not None:
            warn(phrase("note: `{alias}` becomes a new template; {like}", alias=alias, like=like))

    def _environments(self) -> Sequence[str]:
        """Those that most templates have an id for."""
        counts = Counter(stage for template in self.templates.values() for stage in template.ids)
        return [stage for stage, count in counts.items() if 2 * count > len(self.templates)] or ENVIRONMENTS

    def _with_rule(self, lines: Sequence[str]) -> str:
        return self._with(self.file, "rules", lines)

    def _with_template(self, lines: Sequence[str]) -> str:
        return self._with(self._catalogue, "templates", lines)

    def _with(self, path: Path, key: str, lines: Sequence[str]) -> str:
        text = read_whole(path)
        if text is None:
            text = self._first_line(path, key)
        return with_item(str(path), text, key, lines)

    def _first_line(self, path: Path, key: str) -> str:
        """The line for editors, if the JSON Schema that it names is there."""
        name = f"{key}.schema.json"
        beside = self.folder.parent / "schemas" / name
        if not beside.is_file():
            return ""
        levels = len(path.parent.relative_to(self.folder).parts) + 1
        return _EDITOR.format("../" * levels, key)

    def _compiled(self, texts: Mapping[Path, str]) -> RuleSet:
        compilation = compile_rules(self._sources(texts), self.catalogue)
        if compilation.ruleset is None:
            raise RulesRefused(compilation.errors)
        return compilation.ruleset

    def _sources(self, texts: Mapping[Path, str]) -> RuleSources:
        rules, tests, templates = dict(self.sources.rules), dict(self.sources.tests), self.sources.templates
        for path, text in texts.items():
            if path == self._catalogue:
                templates = (str(path), text)
            elif path == self.file:
                rules[str(path)] = text
            else:
                tests[str(path)] = text
        return self.sources._replace(rules=rules, templates=templates, tests=tests, is_whole=True)

    def _report(self, texts: Mapping[Path, str], ruleset: RuleSet) -> None:
        """Show what `check` finds in the new lines; an error there ends the command."""
        findings = check(self._sources(texts), self.catalogue, cel=ruleset.environment).findings
        own: list[Finding] = []
        for path, text in texts.items():
            added = _added_lines((read_whole(path) or "").split("\n"), text.split("\n"))
            here = [one for one in findings if one.path == str(path) and one.line in added]
            own += [one for one in here if one.level is not Level.NOTE]
        for line in finding_lines(own):
            warn(line)
        if any(one.is_error for one in own):
            raise UserError(phrase("rule `{rule}` would have errors; nothing is written", rule=self.rule))


def _added_lines(before: Sequence[str], after: Sequence[str]) -> range:
    """Numbers of the lines of `after` that `before` does not have; they are in one place."""
    same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(before))
    return range(same, same + len(after) - len(before) + 3)


def _check_file(file: Path, folder: Path) -> None:
    inside = file.resolve().is_relative_to(folder.resolve())
    if file.suffix not in SUFFIXES or file.name in NO_RULES or not inside or "tests" in file.parent.parts[-1:]:
        hint = phrase("name a file of rules: --file {folder}", folder=folder / "orders.yaml")
        raise UserError(phrase("{file}: a rule cannot be written there", file=file), hint=hint)


def _check_unused(rule: str, sources: RuleSources) -> None:
    for path, text in sources.rules.items():
        document = parse(path, text)
        value = document.value if isinstance(document, Document) else None
        known = value.get("rules") if isinstance(value, dict) else None
        for at, one in enumerate(known if isinstance(known, list) else ()):
            if isinstance(one, dict) and one.get("id") == rule and isinstance(document, Document):
                line = document.location(("rules", at, "id")).line
                raise UserError(
                    phrase("there is a rule `{rule}` already, at {path}:{line}", rule=rule, path=path, line=line),
                    hint=phrase("choose another id"),
                )


def _templates(sources: RuleSources) -> Mapping[str, Template]:
    if sources.templates is None:
        return {}
    templates, _, faults = read_templates(*sources.templates)
    if any(fault.is_error for fault in faults):
        raise RulesRefused(faults)
    return templates

"""The folders of rules that open documents belong to, checked with what is not saved yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.rule_files import SUFFIXES, TEMPLATES, read_rules_and_tests
from pipeline.authoring.completion.known import Known
from pipeline.authoring.completion.shapes import FileKind
from pipeline.errors import UserError
from pipeline.model.finding import Finding
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources

ReadSchemas = Callable[[Path], SchemaCatalogue]
"""The schemas for a folder of rules."""
Apis = Callable[[RuleSources], Collection[str] | None]
"""The names of APIs that templates may name; None: any."""


class Checked(NamedTuple):
    """One folder, checked."""

    findings: Mapping[Path, tuple[Finding, ...]]
    """By document."""
    known: Known


class Folders:
    """Finds and checks folders; the schemas of each are read once, until `forget`."""

    def __init__(self, schemas: ReadSchemas, apis: Apis, environment: str | None) -> None:
        self._schemas = schemas
        self._apis = apis
        self._environment = environment
        self._known: dict[Path, Known] = {}

    def of(self, document: Path) -> Path | None:
        """The folder of rules that a document belongs to; None if it is no rule, template or test file.

        It is the nearest folder above that has templates, else the one above `tests`, else the document's own.
        """
        if document.suffix.lower() not in SUFFIXES:
            return None
        with_templates = (one for one in document.parents if any((one / name).is_file() for name in TEMPLATES))
        above_tests = (one.parent for one in document.parents if one.name == "tests")
        return next(with_templates, next(above_tests, document.parent))

    def forget(self) -> None:
        """Read the schemas again when they are needed."""
        self._known.clear()

    def check(self, folder: Path, documents: Mapping[Path, str]) -> Checked:
        """Check a folder with the texts of open documents in place of its files.

        Raises:
            UserError: a file of the folder or a schema cannot be read.
        """
        known = self._known.get(folder) or Known(self._schemas(folder))
        sources = _with_documents(read_rules_and_tests(folder), folder, documents)
        self._known[folder] = known = known.with_files(sources)
        checked = check(sources, known.schemas, environment=self._environment, apis=self._apis(sources))
        findings: dict[Path, tuple[Finding, ...]] = dict.fromkeys(documents, ())
        for finding in checked.findings:
            path = Path(finding.path)
            if path in findings:
                findings[path] = (*findings[path], finding)
        return Checked(findings, known)

    def known(self, folder: Path) -> Known:
        """What completion needs, as of the last check; before the first one, or if files cannot be read, less."""
        if folder not in self._known:
            try:
                known = Known(self._schemas(folder))
                self._known[folder] = known.with_files(read_rules_and_tests(folder))
            except UserError:
                return Known(SchemaCatalogue())
        return self._known[folder]


def _with_documents(sources: RuleSources, folder: Path, documents: Mapping[Path, str]) -> RuleSources:
    """The files with the texts of open documents, new ones included."""
    rules, tests, templates, care = dict(sources.rules), dict(sources.tests), sources.templates, sources.care
    for path, text in documents.items():
        match FileKind.of(path.relative_to(folder).as_posix()):
            case FileKind.RULES:
                rules[str(path)] = text
            case FileKind.TESTS:
                tests[str(path)] = text
            case FileKind.TEMPLATES:
                templates = (str(path), text)
            case FileKind.CARE:
                care = (str(path), text)
    rules, tests = dict(sorted(rules.items())), dict(sorted(tests.items()))
    return sources._replace(rules=rules, tests=tests, templates=templates, care=care)

"""Reads rules and schemas from a folder or a git revision."""

from __future__ import annotations

import posixpath
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.adapters.authoring.git_revisions import Revision
from pipeline.adapters.authoring.schema_revisions import schemas_in
from pipeline.adapters.events.schema_files import schemas_near
from pipeline.adapters.rule_files import CARE, NO_RULES, TEMPLATES, decoded, is_rule_set_file, read_rules
from pipeline.errors import UserError
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources


class Version(NamedTuple):
    """One version of the rules."""

    name: str
    """The name that the user gave."""
    sources: RuleSources
    """Without tests, which do not affect messages."""
    schemas: SchemaCatalogue
    """Schemas beside the rules, if any."""


def read_version(given: str, rules: Path) -> Version:
    """Read the rules that `given` names: a folder or file, a revision, or `REVISION:path`.

    `rules` is the folder of a revision without a path. A folder takes precedence over a revision of the same name.

    Raises:
        UserError: `given` names neither, or it cannot be read.
    """
    if not given.strip():
        raise UserError(
            phrase("an empty argument names no rules"),
            hint=phrase("name a folder, or a revision such as main or HEAD~1"),
        )
    folder = Path(given)
    if folder.exists():
        return Version(given, read_rules(folder), schemas_near(folder))
    name, colon, path = given.partition(":")
    inside = next(one for one in (rules.absolute(), *rules.absolute().parents) if one.is_dir())
    revision = Revision(name, Path.cwd() if colon else inside)
    at = revision.relative(path or ".") if colon else revision.path(rules)
    return Version(given, _rules_at(revision, at), _schemas_at(revision, at))


def _rules_at(revision: Revision, folder: str) -> RuleSources:
    entries = [one for one in revision.entries(folder, recursive=True) if one.is_file and is_rule_set_file(one.name)]
    texts = {
        name: (path := f"{revision.name}:{posixpath.normpath(posixpath.join(folder, name))}", decoded(path, content))
        for name, content in revision.read(entries).items()
    }
    templates, care = (next((texts[name] for name in names if name in texts), None) for names in (TEMPLATES, CARE))
    names = sorted(map(PurePosixPath, texts))
    rules = dict(texts[str(name)] for name in names if name.name not in NO_RULES)
    return RuleSources(rules, templates, care=care)


def _schemas_at(revision: Revision, rules: str) -> SchemaCatalogue:
    beside = (posixpath.join(rules, "schemas"), posixpath.join(posixpath.dirname(rules), "schemas"))
    folder = next((one for one in map(posixpath.normpath, beside) if revision.has_folder(one)), None)
    if folder is None:
        return SchemaCatalogue()
    return SchemaCatalogue(schemas_in(revision, folder))

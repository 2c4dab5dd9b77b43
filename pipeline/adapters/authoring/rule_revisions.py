"""Rules and schemas as they stand in a folder, or stood at a git revision."""

from __future__ import annotations

import posixpath
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.adapters.authoring.git_revisions import Entry, Revision
from pipeline.adapters.events.schema_files import schema_of, schemas_near
from pipeline.adapters.rule_files import TEMPLATES, decoded, is_rule_set_file, read_rules
from pipeline.errors import UserError
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources


class Version(NamedTuple):
    """One state of the rules."""

    name: str
    """As the user gave it."""
    sources: RuleSources
    """Without tests: they decide no message."""
    schemas: SchemaCatalogue
    """Those beside the rules; empty where there are none."""


def read_version(given: str, rules: Path) -> Version:
    """The rules that `given` names: a folder (or file), a revision, or `REVISION:path`.

    `rules` is the folder that a revision without a path means. A folder goes before a revision of the same name.

    Raises:
        UserError: it names neither, or what it names cannot be read.
    """
    if not given.strip():
        raise UserError("an empty text names no rules", hint="name a folder, or a revision such as main or HEAD~1")
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
    templates = next((texts[name] for name in TEMPLATES if name in texts), None)
    names = sorted(map(PurePosixPath, texts))
    return RuleSources(dict(texts[str(name)] for name in names if name.name not in TEMPLATES), templates)


def _schemas_at(revision: Revision, rules: str) -> SchemaCatalogue:
    beside = (posixpath.join(rules, "schemas"), posixpath.join(posixpath.dirname(rules), "schemas"))
    folder = next((one for one in map(posixpath.normpath, beside) if revision.has_folder(one)), None)
    if folder is None:
        return SchemaCatalogue()
    entries: list[Entry] = [
        one for one in revision.entries(folder, recursive=True) if one.is_file and one.name.endswith(".avsc")
    ]
    contents = revision.read(entries).items()
    return SchemaCatalogue(schema_of(f"{revision.name}:{folder}/{name}", content) for name, content in contents)

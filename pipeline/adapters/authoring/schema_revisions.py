"""Reads a folder of schemas as it is at a git revision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.adapters.authoring.git_revisions import Revision
from pipeline.adapters.events.schema_files import natural_order, schema_of
from pipeline.errors import UserError
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import EventSchema

GIT = "git:"


def schemas_at(given: str, folder: Path) -> Sequence[EventSchema]:
    """The schemas that `given` names: `REVISION` (of `folder`) or `REVISION:path`, each with or without `git:` before.

    Raises:
        UserError: there is no such revision or folder, or a schema cannot be read.
    """
    name, colon, path = given.removeprefix(GIT).partition(":")
    if not name:
        raise UserError(
            phrase("`{given}` names no revision", given=given),
            hint=phrase("write git:REVISION, such as git:origin/main"),
        )
    if colon:
        revision = Revision(name, Path.cwd())
        return schemas_in(revision, revision.relative(path or "."))
    folder = folder.absolute()
    revision = Revision(name, next(one for one in (folder, *folder.parents) if one.is_dir()))
    return schemas_in(revision, revision.path(folder))


def schemas_in(revision: Revision, folder: str) -> Sequence[EventSchema]:
    """Every *.avsc below the folder, in the order of `schema_files`.

    Raises:
        UserError: the revision does not have the folder, or a schema cannot be read.
    """
    entries = [one for one in revision.entries(folder, recursive=True) if one.is_file and one.name.endswith(".avsc")]
    entries.sort(key=lambda one: natural_order(Path(one.name)))
    return [schema_of(f"{revision.name}:{folder}/{name}", content) for name, content in revision.read(entries).items()]

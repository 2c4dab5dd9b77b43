"""`init`: a repository of rules to begin with."""

from __future__ import annotations

import random
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.authoring.scaffold.repository import write_repository
from pipeline.errors import UserError

SEED = 1
"""The recorded events are the same in every new repository."""


def command(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is not there.", metavar="DIR")] = Path(),
) -> None:
    """Begin a repository of rules, with one rule that is checked, tested and ready to be changed.

    Writes a template, a rule, its tests, the event's schema, settings for the editor, and jobs for GitHub and GitLab
    that check, test and show what a change would do. A file that is there stays as it is; where there are rules
    already, only what goes around them is written.

    Example: `notice-pipeline init my-rules && cd my-rules && notice-pipeline test`
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, and should be a folder")
    written = 0
    for file in write_repository(folder, version("notice-pipeline"), random.Random(SEED).random):  # noqa: S311 - examples
        written += file.is_new
        print(f"{'written' if file.is_new else 'kept   '}  {folder / file.path}")
    if not written:
        print("all of it is there already")
        return
    print()
    if folder.resolve() != Path.cwd():
        print(f"  cd {folder}")
    print("  notice-pipeline check          # is every rule right?")
    print("  notice-pipeline test --watch   # do they make the messages that their tests expect?")
    print("  notice-pipeline coverage       # is there a test for every branch?")

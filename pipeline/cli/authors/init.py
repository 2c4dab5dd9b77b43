"""`init`: create a repository of rules."""

from __future__ import annotations

import random
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.authoring.scaffold.repository import write_repository
from pipeline.errors import UserError

SEED = 1
"""Makes the recorded events the same in every repository."""


def command(
    folder: Annotated[Path, typer.Argument(help="Folder; created if it does not exist.", metavar="DIR")] = Path(),
) -> None:
    """Create a repository of rules, with one rule that passes its checks and tests and can be changed.

    It has a template, a rule, its tests, the event's schema, settings for editors, and jobs for GitHub and GitLab that
    check, test and compare a change. Existing files are kept. If there are rules already, the example rule is left out.

    Exit 0: created; 2: a file cannot be written.

    Example: `notice-pipeline init my-rules && cd my-rules && notice-pipeline test`
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, not a folder")
    written = 0
    for file in write_repository(folder, version("notice-pipeline"), random.Random(SEED).random):  # noqa: S311 - examples
        written += file.is_new
        print(f"{'written' if file.is_new else 'kept   '}  {folder / file.path}")
    if not written:
        print("every file exists already")
        return
    print()
    if folder.resolve() != Path.cwd():
        print(f"  cd {folder}")
    print("  notice-pipeline studio         # write rules in a browser")
    print("  notice-pipeline check          # check the rules")
    print("  notice-pipeline test --watch   # run their tests at every change")
    print("  notice-pipeline coverage       # find branches without a test")

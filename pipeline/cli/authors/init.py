"""`init`: create a repository of rules."""

from __future__ import annotations

import random
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.authoring.scaffold.repository import write_repository
from pipeline.cli.printing import plain, say
from pipeline.errors import UserError
from pipeline.phrases import phrase

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
        raise UserError(phrase("{folder} is a file, not a folder", folder=folder))
    written = 0
    for file in write_repository(folder, version("notice-pipeline"), random.Random(SEED).random):  # noqa: S311 - examples
        written += file.is_new
        path = folder / file.path
        say(plain(phrase("written  {path}", path=path) if file.is_new else phrase("kept     {path}", path=path)))
    if not written:
        say(plain(phrase("every file exists already")))
        return
    say()
    if folder.resolve() != Path.cwd():
        say(plain(phrase("  cd {folder}", folder=folder)))
    say(plain(phrase("  notice-pipeline studio         # write rules in a browser")))
    say(plain(phrase("  notice-pipeline check          # check the rules")))
    say(plain(phrase("  notice-pipeline test --watch   # run their tests at every change")))
    say(plain(phrase("  notice-pipeline coverage       # find branches without a test")))

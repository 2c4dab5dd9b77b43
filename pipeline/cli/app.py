"""The command line: which commands there are, and how every one of them ends."""

from __future__ import annotations

import errno
import importlib
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
import typer.core
from typer import main as typer_main

from pipeline import __version__
from pipeline.authoring.terminal_escape import terminal_escape
from pipeline.cli.outline import outline
from pipeline.cli.printing import finding_lines
from pipeline.errors import RulesRefused, UserError

FINE = 0
FINDINGS = 1
MISUSE = 2
INTERRUPTED = 130
"""128 + SIGINT, as shells count it."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Of the disk, not of us: `notice-pipeline diff … > report.md` where there is no room."""
LINES = "\n"
"""Errors may have several."""

PANELS = {
    "Try it": ("demo", "sandbox", "emit"),
    "Write rules": ("init", "studio", "check", "test", "coverage", "preview", "explain", "diff"),
    "Run it": ("config", "schemas", "run", "audit", "redrive"),
}
"""Commands in the order of `--help`, by the panel that they stand in. Each is a module of one of the folders below.

It has `command` (a function) or `group` (a `typer.Typer`), and loads when the command is called: a rule author's
`check` must not pay for Kafka's client.
"""
COMMANDS = {name: panel for panel, names in PANELS.items() for name in names}
"""Command to panel."""
FOLDERS = {
    **dict.fromkeys(("run", "demo", "sandbox", "config"), "service"),
    **dict.fromkeys(("audit", "redrive"), "operators"),
    **dict.fromkeys(
        ("init", "studio", "check", "test", "coverage", "preview", "explain", "diff", "emit", "schemas"), "authors"
    ),
}
"""Command to the folder of its module."""


_Command = typer.core.TyperCommand | typer.core.TyperGroup


class _Commands(Mapping[str, _Command]):
    """The table above as commands; imports a module when its command is asked for."""

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __getitem__(self, name: str) -> _Command:
        panel = COMMANDS[name]
        module = importlib.import_module(_module(name))
        found = getattr(module, "group", None)
        if found is None:
            found = typer.Typer(add_completion=False, rich_markup_mode="markdown")
            found.command(name=name)(module.command)
        command = typer_main.get_command(found)
        command.name = name
        command.rich_help_panel = panel  # type: ignore[attr-defined]  # of both kinds that it can be
        return command  # type: ignore[return-value]  # typer names no public type for it


class _LazyGroup(typer.core.TyperGroup):
    """Has the commands of the table."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # passed on as they come
        self.commands = _Commands()  # type: ignore[assignment]  # it is only ever read

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - typer's form
        """Their names; typer's own would ask for each command."""
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> typer.core.TyperCommand | None:  # noqa: ARG002 - typer's form
        """What `--help` lists: name and words, without importing the command."""
        if cmd_name not in COMMANDS:
            return None
        return typer.core.TyperCommand(cmd_name, help=outline(_module(cmd_name)), rich_help_panel=COMMANDS[cmd_name])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 - typer's own
        """The command to be called, whole."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, self.commands[name] if name is not None and listed is not None else None, rest


def _module(name: str) -> str:
    return f"pipeline.cli.{FOLDERS[name]}.{name}"


app = typer.Typer(
    cls=_LazyGroup,
    name="notice-pipeline",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version and end.", is_eager=True),
) -> None:
    """Domain events from Kafka in, the right template message out, one outcome for each.

    Start with **demo**: the whole job on this machine with nothing installed.

    Write rules in the **studio**, **check** and **test** them; try things out with **emit** and **sandbox**; run the
    service with **run**.

    Afterwards, **audit** proves that every event has its outcomes, and **redrive** sends again what failed.

    Exit codes: 0 fine, 1 findings or failures, 2 misuse.
    """
    if version:
        print(f"notice-pipeline {__version__}")
        raise typer.Exit(FINE)


def main() -> NoReturn:
    """Run the command line and exit."""
    ending(app)


def ending(command: Callable[[], object]) -> NoReturn:
    """Run the command and exit; a user's mistake is reported by a message, never by a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal does not know is no reason to fall over
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        command()
    except RulesRefused as refused:
        for line in finding_lines(refused.findings):
            print(line, file=sys.stderr)
        sys.exit(show_error(refused, FINDINGS))
    except UserError as error:
        sys.exit(show_error(error, MISUSE))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader (`| head`) has gone: nobody is left to tell
        sys.exit(FINE)
    except OSError as error:
        if error.errno not in FULL:
            raise
        sys.exit(show_error(UserError(f"what there is to say cannot be written: {error.strerror}"), MISUSE))
    sys.exit(FINE)


@contextmanager
def rules_needed() -> Iterator[None]:
    """Around what cannot be done without rules, and is not about them: that they are refused is no finding of its own.

    Only errors are reported; warnings are left to `check`.
    """
    try:
        yield
    except RulesRefused as refused:
        errors = RulesRefused([finding for finding in refused.findings if finding.is_error])
        sys.exit(_refuse(errors, MISUSE))


def _refuse(refused: RulesRefused, code: int) -> int:
    for finding in refused.findings:
        print(terminal_escape(str(finding)), file=sys.stderr)
    return show_error(refused, code)


def show_error(error: UserError, code: int) -> int:
    """Print the error and its hint to standard error; return the exit code."""
    print(f"error: {terminal_escape(error.message, keep=LINES)}", file=sys.stderr)
    if error.hint:
        print(f"hint: {terminal_escape(error.hint, keep=LINES)}", file=sys.stderr)
    return code

"""The command line: the table of commands, and how a command ends."""

from __future__ import annotations

import errno
import importlib
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal, NoReturn

import typer
import typer.core
from typer import main as typer_main

from pipeline import __version__
from pipeline.cli.help import Spoken, SpokenCommand, translated
from pipeline.cli.language import choose, english, entry, in_language
from pipeline.cli.option_errors import translate
from pipeline.cli.outline import outline
from pipeline.cli.printing import finding_lines, plain
from pipeline.errors import RulesRefused, UserError
from pipeline.phrases import phrase
from pipeline.terminal_escape import terminal_escape

FINE = 0
FINDINGS = 1
MISUSE = 2
INTERRUPTED = 130
"""128 + SIGINT, as in shells."""
READER_ENDED = 141
"""128 + SIGPIPE, as in shells: what is missing of the output is not known, so that it is neither fine nor a finding."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk without space: `notice-pipeline diff … > report.md`."""
LINES = "\n"
"""Messages may have several lines."""

PANELS = {
    "Try it": ("demo", "sandbox", "emit"),
    "Write rules": (
        "init",
        "studio",
        "lsp",
        "fields",
        "new",
        "check",
        "test",
        "coverage",
        "preview",
        "explain",
        "diff",
        "send",
    ),
    "Run it": ("config", "schemas", "run", "find", "history", "pause", "resume", "audit", "redrive", "replay", "skip"),
}
"""Commands by panel of `--help`, in its order. Each is a module in one of the folders below, with a function `command`
or a `typer.Typer` named `group`, and is imported when it is called: `check` must not wait for Kafka's client."""
SPOKEN = frozenset((*PANELS["Try it"], *PANELS["Write rules"], "schemas", "find"))
"""Commands whose output has a choice of languages."""
COMMANDS = {name: panel for panel, names in PANELS.items() for name in names}
"""Panel by command."""
FOLDERS = {
    **dict.fromkeys(COMMANDS, "authors"),
    **dict.fromkeys(("run", "demo", "sandbox", "config"), "service"),
    **dict.fromkeys(("find", "history", "pause", "resume", "audit", "redrive", "replay", "skip"), "operators"),
}
"""Folder of the module by command."""


_USAGE_ERROR: Any = typer.BadParameter.__base__
"""What is wrong with the arguments; typer has no public name for it."""
_Command = typer.core.TyperCommand | typer.core.TyperGroup


class _Commands(Mapping[str, _Command]):
    """The commands of the table; each module is imported when its command is looked up."""

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
            found.command(name=name, cls=SpokenCommand if name in SPOKEN else None)(module.command)
        command = typer_main.get_command(found)
        command.name = name
        command.rich_help_panel = panel  # type: ignore[attr-defined]  # both types have it
        if name in SPOKEN:
            for one in getattr(command, "commands", {name: command}).values():
                one.params.append(_language_option())
        return command  # type: ignore[return-value]  # typer has no public type for it


class _LazyGroup(Spoken, typer.core.TyperGroup):
    """A group with the commands of the table."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # typer's own attributes
        self.commands = _Commands()  # type: ignore[assignment]  # it is only read

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - typer's signature
        """The names of the commands; typer's own method would import each."""
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> typer.core.TyperCommand | None:  # noqa: ARG002 - typer's signature
        """A command with name and help only, for the list of `--help`; its module is not imported."""
        if cmd_name not in COMMANDS:
            return None
        summary = translated(outline(_module(cmd_name)))
        return typer.core.TyperCommand(cmd_name, help=summary, rich_help_panel=entry(COMMANDS[cmd_name]))

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own
        """Print the help, in the language of the environment."""
        choose([])
        self.translate()
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own
        """Run the command; misuse is reported in plain words, and in the language of the output."""
        try:
            return super().invoke(ctx)
        except _USAGE_ERROR as error:
            translate(error)
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 - typer's own
        """The command that is called, with its module imported."""
        choose(args)
        name, listed, rest = super().resolve_command(ctx, args)
        if name not in SPOKEN:
            english()  # logs and what operators' scripts read
        command = self.commands[name] if name is not None and listed is not None else None
        if isinstance(command, Spoken):
            command.translate()
        return name, command, rest


def _with_language(
    lang: Annotated[
        Literal["en", "zh"] | None,
        typer.Option(
            "--lang", help="Language of the output; default: NOTICE_PIPELINE_LANG, else the terminal's locale."
        ),
    ] = None,
) -> None:
    """The option that `resolve_command` has read already; declared, its value is checked, and `--help` shows it."""


def _language_option() -> Any:  # noqa: ANN401 - typer's own
    declared = typer.Typer(add_completion=False)
    declared.command()(_with_language)
    (option,) = typer_main.get_command(declared).params
    option.expose_value = False
    return option


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
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    """Read domain events from Kafka, send template messages by rules, and publish an outcome for each.

    Start with **demo**: the whole pipeline on this machine, without installing anything else.

    Write rules in **studio**, then **check** and **test** them. Try things out with **emit** and **sandbox**. Run the
    service with **run**.

    **find** shows what became of an event or order. **audit** proves that every event has its outcomes, and
    **redrive** sends failed notices again.
    **pause** stops sending now, **resume** continues it. **skip** moves the group past a batch that cannot be read.

    Exit codes: 0 success, 1 findings or failures, 2 misuse.

    Example: `notice-pipeline demo`
    """
    if version:
        print(f"notice-pipeline {__version__}")
        raise typer.Exit(FINE)


def main() -> NoReturn:
    """Run the command line and exit."""
    ending(app)


def ending(command: Callable[[], object]) -> NoReturn:
    """Run the command and exit. A user's mistake is a message on standard error, never a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # characters that the terminal cannot encode are escaped
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
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer has handled it, and ends with 1
            sys.exit(READER_ENDED)
        raise
    except BrokenPipeError:  # the reader, such as `| head`, has ended
        sys.exit(READER_ENDED)
    except OSError as error:
        if error.errno in FULL:
            sys.exit(show_error(UserError(f"the output cannot be written: {error.strerror}"), MISUSE))
        if error.filename is None:
            raise
        sys.exit(show_error(UserError(f"{error.filename}: {error.strerror}"), MISUSE))
    sys.exit(FINE)


@contextmanager
def rules_needed() -> Iterator[None]:
    """Turn refused rules into misuse, for a command that needs rules but is not about them.

    Only their errors are printed; warnings are shown by `check`.
    """
    try:
        yield
    except RulesRefused as refused:
        errors = RulesRefused([finding for finding in refused.findings if finding.is_error])
        sys.exit(_refuse(errors, MISUSE))


def _refuse(refused: RulesRefused, code: int) -> int:
    for finding in refused.findings:
        print(plain(finding.as_text), file=sys.stderr)
    return show_error(refused, code)


def show_error(error: UserError, code: int) -> int:
    """Print the error and its hint to standard error; return the exit code."""
    print(terminal_escape(in_language(phrase("error: {message}", message=error.message)), keep=LINES), file=sys.stderr)
    if error.hint:
        print(terminal_escape(in_language(phrase("hint: {hint}", hint=error.hint)), keep=LINES), file=sys.stderr)
    return code

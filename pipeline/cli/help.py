"""The help and the usage errors of commands, in the language of the output."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import typer.core

from pipeline.cli.language import chosen, entry, in_language
from pipeline.languages import ENGLISH
from pipeline.phrases import phrase

Command = Any
"""Typer has no public type for a command."""
_EXAMPLES = re.compile(r"Examples?: (.+)", re.DOTALL)
_USAGE = "Usage: "
if TYPE_CHECKING:
    _Command = typer.core.TyperCommand
else:
    _Command = object  # a group is none, and has the same methods


def paragraphs(text: str | None) -> list[str]:
    """The paragraphs of a help text; each is an entry of the catalogues."""
    return [one.strip("\n") for one in inspect.cleandoc(text or "").split("\n\n") if one.strip()]


def is_example(paragraph: str) -> bool:
    """Whether it has commands alone, which are the same in every language."""
    return _EXAMPLES.fullmatch(paragraph) is not None


def translated(text: str | None) -> str | None:
    """A help text in the language of the output."""
    if text is None or chosen() == ENGLISH:
        return text
    return "\n\n".join(map(_translated, paragraphs(text)))


def _translated(paragraph: str) -> str:
    if (examples := _EXAMPLES.fullmatch(paragraph)) is None:
        return entry(paragraph)
    if paragraph.startswith("Examples"):
        return in_language(phrase("Examples: {commands}", commands=examples[1]))
    return in_language(phrase("Example: {commands}", commands=examples[1]))


class Spoken(_Command):
    """What has its help in the language of the output: a command, or the group of all."""

    def translate(self) -> None:
        """Translate its texts; the language must have been chosen."""
        self.help = translated(self.help)
        for parameter in self.params:
            if getattr(parameter, "help", None):
                parameter.help = entry(parameter.help)  # type: ignore[attr-defined]  # arguments and options have it

    def get_usage(self, ctx: Any) -> str:  # noqa: ANN401 - typer's own
        """The line with the command's arguments."""
        return super().get_usage(ctx).replace(_USAGE, in_language(phrase("Usage: {command}", command="")), 1)

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own
        """The option `--help`."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = in_language(phrase("Show this help and exit."))
        return option

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own
        """Print the help."""
        use_titles()
        super().format_help(ctx, formatter)


class SpokenCommand(Spoken, typer.core.TyperCommand):
    """A command whose help is in the language of the output."""


class SpokenGroup(Spoken, typer.core.TyperGroup):
    """The same for a command that has commands of its own, each a `SpokenCommand`."""

    def translate(self) -> None:
        """Translate its texts, and those of its commands."""
        super().translate()
        for command in self.commands.values():
            if isinstance(command, Spoken):
                command.translate()


def use_titles() -> None:
    """Give the library the titles and remarks of the language of the output."""
    from rich.markdown import Markdown  # noqa: PLC0415 - only help and errors need it
    from typer import rich_utils  # noqa: PLC0415 - the same

    class FoldingMarkdown(Markdown):
        """Continues in the next line a text without blanks, such as Chinese; in a table it would be cut."""

        def __rich_console__(self, console: Any, options: Any) -> Any:  # noqa: ANN401 - rich's own
            return super().__rich_console__(console, options.update(overflow="fold"))

    rich_utils.Markdown = FoldingMarkdown  # type: ignore[attr-defined]  # it has no setting for this
    rich_utils.ARGUMENTS_PANEL_TITLE = in_language(phrase("Arguments"))
    rich_utils.OPTIONS_PANEL_TITLE = in_language(phrase("Options"))
    rich_utils.COMMANDS_PANEL_TITLE = in_language(phrase("Commands"))
    rich_utils.ERRORS_PANEL_TITLE = in_language(phrase("Error"))
    rich_utils.DEFAULT_STRING = in_language(phrase("[default: {value}]", value="{}"))
    rich_utils.REQUIRED_LONG_STRING = in_language(phrase("[required]"))
    rich_utils.RICH_HELP = in_language(
        phrase("Try [blue]'{command} {option}'[/] for help.", command="{command_path}", option="{help_option}")
    )

"""The reference of commands, from their own declarations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from pipeline.cli.app import app

Command = Any
"""Typer has no public type for a command."""


def commands_page() -> str:
    """Every command with its help text, arguments and options."""
    root = get_command(app)
    lines = [
        "# Commands",
        "",
        "Generated from `pipeline/cli/`; do not edit. `notice-pipeline COMMAND --help` says the same.",
        "",
        "Exit codes of all: 0 fine, 1 findings or failures, 2 misuse, 130 interrupted, 141 the output was closed.",
        "",
    ]
    commands: dict[str, Command] = dict(root.commands)  # type: ignore[attr-defined]  # a group
    lines += [f"- [`{name}`](#{name}) {_first_line(command)}" for name, command in commands.items()]
    for name, command in commands.items():
        lines += ["", f"## {name}", "", *_body(name, command)]
        for inner, one in getattr(command, "commands", {}).items():
            lines += ["", f"### {name} {inner}", "", *_body(f"{name} {inner}", one)]
    return "\n".join(lines) + "\n"


def _first_line(command: Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _body(name: str, command: Command) -> Iterator[str]:
    yield (command.help or "").strip()
    if hasattr(command, "commands"):
        return
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    message = "".join(f" {_placed(one)}" for one in arguments)
    yield from ("", "```", f"notice-pipeline {name}{message} [OPTIONS]", "```")
    context = command.context_class(command, info_name=name)
    rows = [_row(one, context) for one in command.params if one.name != "help"]
    if rows:
        yield from ("", "| | default | |", "|---|---|---|", *rows)


def _placed(argument: Command) -> str:
    placed = argument.metavar or (argument.name or "").upper()
    return placed if argument.required else f"[{placed}]"


def _row(parameter: Command, context: Any) -> str:  # noqa: ANN401 - the library's own, unnamed
    is_argument = parameter.param_type_name == "argument"
    names = [_placed(parameter)] if is_argument else [*parameter.opts, *parameter.secondary_opts]
    value = "" if is_argument or parameter.is_flag else f" {parameter.metavar or parameter.display_type(context)}"
    named = f"`{', '.join(names)}{value}`"
    default = parameter.default
    shown = "" if default is None or callable(default) or default is False or default == () else f"`{_plain(default)}`"
    return f"| {named.replace('|', chr(92) + '|')} | {shown} | {_cell(parameter.help or '')} |"


def _plain(default: object) -> str:
    return str(getattr(default, "value", default))


def _cell(message: str) -> str:
    return " ".join(message.split()).replace("|", "\\|")

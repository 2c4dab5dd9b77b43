"""The command line: its help, and suggestions for mistyped commands."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.app import COMMANDS, MISUSE, app

runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})


def test_the_help_names_every_command() -> None:
    """Each with its one line, groups like single commands."""
    shown = runner.invoke(app, ["--help"]).output
    lines = [line.strip("│ ").split(maxsplit=1) for line in shown.splitlines() if line.startswith("│")]
    reported = {message[0]: message[1] for message in lines if len(message) == 2}
    assert set(COMMANDS) <= set(reported)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_shows_the_help_of_each_command(name: str) -> None:
    """It is read from the source, so that the list imports no command."""
    group = typer.main.get_command(app)
    listed = group.get_command(None, name)  # type: ignore[attr-defined]  # a group
    own = group.commands[name]  # type: ignore[attr-defined]
    assert listed.help == own.help
    assert (listed.name, listed.rich_help_panel) == (own.name, own.rich_help_panel)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_s_help_has_an_example(name: str) -> None:
    """In a group, each of its commands has one."""
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    leaves = [[name, inner] for inner in getattr(command, "commands", ())] or [[name]]
    for message in leaves:
        ended = runner.invoke(app, [*message, "--help"])
        assert ended.exit_code == 0
        assert "Example" in ended.output, message


@pytest.mark.parametrize(("typed", "meant"), [("chek", "check"), ("confg", "config"), ("emitt", "emit")])
def test_a_mistyped_command_gets_a_suggestion(typed: str, meant: str) -> None:
    """And exits as misuse."""
    ended = runner.invoke(app, [typed])
    assert ended.exit_code == MISUSE
    assert f"Did you mean '{meant}'?" in ended.output


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["check", "--lang", "fr"], "Invalid value for '--lang': 'fr' is not one of 'en', 'zh'."),
        (["check", "--output", "jsn"], "Invalid value for '--output': 'jsn' is not one of 'text', 'json', 'github'."),
        (["sandbox", "--port", "x"], "Invalid value for '--port': write a whole number "),
        (["sandbox", "--port", "99999"], "Invalid value for '--port': must be at most 65535 "),
        (["coverage", "--fail-under", "all"], "Invalid value for '--fail-under': write a number "),
        (["emit", "--count", "0"], "Invalid value for '--count' / '-n': must be at least 1 "),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_value_that_an_option_refuses_is_named_in_plain_words(typed: list[str], message: str) -> None:
    """Without the words of the library that checks it; exits as misuse."""
    ended = runner.invoke(app, typed)
    assert ended.exit_code == MISUSE
    assert message in ended.output

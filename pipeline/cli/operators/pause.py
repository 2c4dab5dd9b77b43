"""`pause`: stop sending now, everything or single rules and templates."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.operators.caller import caller
from pipeline.cli.printing import print_json
from pipeline.errors import UserError
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind
from pipeline.settings import Settings, load_settings, require_group
from pipeline.terminal_escape import terminal_escape

_DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The service's configuration.", metavar="FILE")]
AllOption = Annotated[bool, typer.Option("--all", help="Everything that the group sends.")]
RuleOption = Annotated[list[str] | None, typer.Option(help="This rule; may be repeated.", metavar="ID")]
TemplateOption = Annotated[
    list[str] | None,
    typer.Option(help="All rules with this template, by its alias; may be repeated.", metavar="ALIAS"),
]
OutputOption = Annotated[Literal["text", "json"], typer.Option(help="How to print it.")]


def command(
    config: ConfigOption = Path("pipeline.yaml"),
    everything: AllOption = False,
    rule: RuleOption = None,
    template: TemplateOption = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--for", help="Resume by itself after this time, such as 90m, 1h, 2d; default: never.", metavar="TIME"
        ),
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Keep no dead letters: what is suppressed can never be sent.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; other operators see it.", metavar="TEXT")] = "",
    by: Annotated[str | None, typer.Option(help="Who pauses; default: user and host.", metavar="NAME")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show what is paused, and change nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Pause a rule or template that the configured rules do not have.")
    ] = False,
    output: OutputOption = "text",
) -> None:
    """Stop sending now. All members of the group follow within a second; a restart changes nothing.

    `--all` halts sending: events wait in Kafka, and nothing is lost. `--rule` and `--template` let everything else
    continue: notices of what is paused, also buffered ones, end with the outcome `suppressed` (reason `paused`) and a
    dead letter, which `notice-pipeline resume --send` sends later. With `--drop` they leave no dead letter.

    Requests that have already left are not called back. `expires_after` is not extended.

    Exit codes: 0 done, 2 misuse.

    Examples: `notice-pipeline pause --all --reason "wrong price"` · `notice-pipeline pause --rule coupon-issued --for
    2h` · `notice-pipeline pause --list`
    """
    scopes = read_scopes(everything=everything, rules=rule, templates=template)
    if show == bool(scopes):
        raise UserError(
            "--list shows what is paused; it takes no scope" if show else "nothing to pause is named",
            hint="add --all, --rule ID or --template ALIAS, or --list alone",
        )
    settings = configured(config)
    now = time_of_call()
    until = None if duration is None else now + _seconds(duration)
    if drop and EVERYTHING in scopes:
        raise UserError("--drop goes with --rule and --template: --all drops nothing, its events wait in Kafka")
    from pipeline.bootstrap.pauses import Pausing, require_known  # noqa: PLC0415 - it imports Kafka's client

    if scopes and not force:
        require_known(settings, scopes)
    pausing = Pausing(settings)
    if scopes:
        pausing.change({scope: Pause(scope, now, until, drop, caller(by), reason) for scope in scopes})
    show_pauses(pausing.pauses(), now, settings.kafka.group_id, output)


def configured(config: Path) -> Settings:
    """Return the settings.

    Raises:
        ConfigurationError: they are invalid, or name no group.
    """
    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    return settings


def read_scopes(*, everything: bool, rules: Sequence[str] | None, templates: Sequence[str] | None) -> list[Scope]:
    """Return the scopes that the options name.

    Raises:
        UserError: a name is empty.
    """
    scopes = [EVERYTHING] if everything else []
    for kind, names in ((ScopeKind.RULE, rules), (ScopeKind.TEMPLATE, templates)):
        for name in names or ():
            if not name.strip():
                raise UserError(f"--{kind} needs a name")
            scopes.append(Scope(kind, name.strip()))
    return scopes


def show_pauses(pauses: Sequence[Pause], now: float, group: str, output: str) -> None:
    """Print what is paused now."""
    pauses = [pause for pause in pauses if pause.in_force(now)]
    if output == "json":
        print_json({"group": group, "paused": [_as_json(pause) for pause in pauses]})
        return
    if not pauses:
        print(f"nothing of {group} is paused")
        return
    table = Table("paused", "since", "until", "by", "reason", box=None, pad_edge=False)
    for pause in pauses:
        until = "resumed" if pause.until is None else _as_text(pause.until)
        scope = f"{pause.scope} (no dead letters)" if pause.drop else str(pause.scope)
        cells = (scope, _as_text(pause.since), until, pause.by, pause.reason)
        table.add_row(*(Text(terminal_escape(cell)) for cell in cells))
    Console(width=140, highlight=False).print(table)


def time_of_call() -> float:
    """Return the time at which the command was called, in seconds since the epoch."""
    return datetime.now(UTC).timestamp()  # noqa: TID251 - as the docstring says


def _seconds(duration: str) -> int:
    match = _DURATION.fullmatch(duration)
    if match is None or not int(match[1]):
        raise UserError(f"--for: `{duration[:60]}` is not a duration", hint="write 90s, 30m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2]]


def _as_json(pause: Pause) -> dict[str, object]:
    return {
        "scope": pause.scope.kind,
        "name": pause.scope.name or None,
        "since": _as_text(pause.since),
        "until": None if pause.until is None else _as_text(pause.until),
        "drop": pause.drop,
        "by": pause.by,
        "reason": pause.reason,
    }


def _as_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

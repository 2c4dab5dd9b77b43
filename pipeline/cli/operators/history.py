"""`history`: outcomes in a database, for search."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.printing import print_json
from pipeline.errors import UserError
from pipeline.settings import load_settings, require_group

if TYPE_CHECKING:
    from pipeline.settings import Settings

group = typer.Typer(
    help="""Read outcomes into a database until SIGTERM or Ctrl-C, so that `find` answers at once.

A process of its own beside the service, which needs nothing of it. The database is `history.url`: a SQLite file, or
PostgreSQL. Outcomes are kept for `history.days`. It serves `/metrics` and probes at `history.http`. Needs the extra
`history`.

Exit 0: stopped cleanly; 2: invalid configuration, or something needed at start is missing.

Examples: `notice-pipeline history --config pipeline.yaml` · `notice-pipeline history forget 8f1c9a --yes`""",
    add_completion=False,
    rich_markup_mode="markdown",
)
ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The service's configuration.", metavar="FILE")]
DEFAULT = Path("pipeline.yaml")


@group.callback(invoke_without_command=True)
def store(context: typer.Context, config: ConfigOption = DEFAULT) -> None:
    """Store outcomes until a signal, or leave the work to a command of the group."""
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    from pipeline.bootstrap.search.history import require_history  # noqa: PLC0415 - it imports the whole service

    settings = _settings(config)
    require_history(settings)
    from pipeline.bootstrap.search.process import run_history  # noqa: PLC0415 - it needs the extra

    raise typer.Exit(asyncio.run(run_history(settings)))


@group.command()
def forget(
    context: typer.Context,
    recipient: Annotated[str, typer.Argument(help="The recipient's id on the platform.", metavar="RECIPIENT")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The service's configuration.", metavar="FILE")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    output: Annotated[Literal["text", "json"], typer.Option(help="How to print it.")] = "text",
) -> None:
    """Erase a recipient's outcomes from the history, and never store the present ones again.

    Outcomes that finish later are stored. Kafka's own topics keep their records until their retention ends.

    Exit 0: erased, also if there was nothing; 2: misuse, or the database does not answer.

    Example: `notice-pipeline history forget 8f1c9a --yes`
    """
    from pipeline.bootstrap.search.history import forget as erase  # noqa: PLC0415 - it imports the whole service

    if not recipient.strip():
        raise UserError("RECIPIENT is empty")
    settings = _settings(config or context.obj)
    if not yes and sys.stdin.isatty():
        typer.confirm("Erase all outcomes of this recipient? They cannot be restored.", abort=True, err=True)
    count = erase(settings, recipient)
    if output == "json":
        print_json({"erased": count})
    else:
        print(f"erased: {count:,} outcomes")


def _settings(config: Path) -> Settings:
    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    return settings

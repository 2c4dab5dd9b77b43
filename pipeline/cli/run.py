"""`run`: the service."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.settings import Settings, load_settings


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", metavar="FILE")] = Path(
        "pipeline.yaml"
    ),
) -> None:
    """Read events, send notices, publish outcomes, until SIGTERM or Ctrl-C; then drain, commit and end.

    SIGHUP reloads the rules. Exit 0: stopped cleanly; 1: a fatal error; 2: something was missing at start.

    Example: `notice-pipeline run --config pipeline.yaml`
    """
    settings = load_settings(config, os.environ)
    raise typer.Exit(run(settings))


def run(settings: Settings) -> int:
    """Run the service on uvloop where it is there."""
    from pipeline.bootstrap import run_service  # noqa: PLC0415 - Kafka and HTTP clients load only for those who need them

    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(run_service(settings))
    return uvloop.run(run_service(settings))

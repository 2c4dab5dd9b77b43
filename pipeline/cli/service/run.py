"""`run`: the service."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import rules_needed
from pipeline.cli.collector import collect_rarely
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings, load_settings, require_group
from pipeline.settings.files import unusable_paths
from pipeline.settings.load import locations_in
from pipeline.settings.model import MOST_WORKERS

DESCRIPTORS = 65_536
"""Open files allowed at most: connections to the API, to brokers and to our endpoint."""


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", metavar="FILE")] = Path(
        "pipeline.yaml"
    ),
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_WORKERS, help="Number of processes, one per core; overrides the setting `workers`."
        ),
    ] = None,
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="Send nothing, and write outcomes to a separate topic; the setting `shadow`."),
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Start although what recipient care knew was deleted, or written with another hash key; the setting "
            "`recipient_care.accept_loss`.",
        ),
    ] = False,
) -> None:
    """Run the service: read events, send notices and publish outcomes until SIGTERM or Ctrl-C; then drain and commit.

    With --shadow it runs beside the live service in its own consumer group, renders notices and sends nothing.
    With several workers, this process supervises them: it restarts a worker that ends, and serves the endpoint for all.

    SIGHUP reads rules, secrets and certificates again; changes of their files are noticed without it.

    Exit 0: stopped cleanly; 1: a fatal error; 2: invalid configuration, or something needed at start is missing.

    Example: `notice-pipeline run --config pipeline.yaml --workers 4`
    """
    environment = dict(os.environ)
    if workers is not None:
        environment["NOTICE_PIPELINE_WORKERS"] = str(workers)
    if shadow:
        environment["NOTICE_PIPELINE_SHADOW"] = "true"
    if accept_loss:
        environment["NOTICE_PIPELINE_RECIPIENT_CARE__ACCEPT_LOSS"] = "true"
    settings = load_settings(config, environment)
    require_group(settings, config, environment)
    _check_files(settings, config, environment)
    with rules_needed():
        raise typer.Exit(run(settings))


def _check_files(settings: Settings, config: Path, environment: dict[str, str]) -> None:
    """Check that every file that the configuration names can be used.

    Raises:
        ConfigurationError: some cannot; one line for each, with the location of its setting.
    """
    unread = "notices." if settings.shadow else "nothing"  # a shadow sends nothing and needs no token
    needed = [(key, message) for key, message in unusable_paths(settings) if not key.startswith(unread)]
    if needed:
        location_of = locations_in(config, environment)
        raise ConfigurationError("\n".join(f"{location_of(key)}: `{key}`: {message}" for key, message in needed))


def run(settings: Settings) -> int:
    """Run the service in this process or in workers; return the exit code."""
    _raise_descriptor_limit()
    if settings.workers > 1:
        from pipeline.bootstrap.workers import run_workers  # noqa: PLC0415 - a single process needs no supervisor

        return asyncio.run(run_workers(settings))
    from pipeline.bootstrap.service import run_service  # noqa: PLC0415 - a supervisor needs no clients of Kafka and HTTP

    return on_best_loop(run_service(settings, owns_process=True))


def _raise_descriptor_limit() -> None:
    """Allow as many open files as the system lets us: a shell's soft limit of 1,024 is less than we may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft < target:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def on_best_loop(service: Coroutine[object, object, int]) -> int:
    """Run on uvloop if it is installed, with the cycle collector tuned."""
    gc.freeze()  # modules stay loaded
    collect_rarely()
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(service)
    return uvloop.run(service)

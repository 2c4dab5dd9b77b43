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
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings, load_settings
from pipeline.settings.files import unusable_paths
from pipeline.settings.load import locations_in
from pipeline.settings.model import MOST_WORKERS

DESCRIPTORS = 65_536
"""Open files allowed at most: connections to the API, to brokers and to our endpoint."""
COLLECT_AFTER = (10_000, 20, 20)
"""Thresholds of Python's cycle collector. Thousands of notices wait at any time and none of them is part of a cycle (a
test sees to it), so by default it looks at all of them again and again: 35 of 240 µs a notice
(docs/decisions/hot-path.md)."""


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", metavar="FILE")] = Path(
        "pipeline.yaml"
    ),
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_WORKERS, help="Processes that share the work, one per core; the setting `workers`."
        ),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Send nothing; outcomes go to a topic of their own. The setting `shadow`.")
    ] = False,
) -> None:
    """Read events, send notices, publish outcomes, until SIGTERM or Ctrl-C; then drain, commit and end.

    With --shadow it reads and renders beside the live service, in a group of its own, and sends nothing.

    SIGHUP reloads the rules. Exit 0: stopped cleanly; 1: a fatal error; 2: something was missing at start.

    With several workers this process only looks after them: it starts again what has ended, and answers for all of
    them at one address.

    Example: `notice-pipeline run --config pipeline.yaml --workers 4`
    """
    environment = dict(os.environ)
    if workers is not None:
        environment["NOTICE_PIPELINE_WORKERS"] = str(workers)
    if shadow:
        environment["NOTICE_PIPELINE_SHADOW"] = "true"
    settings = load_settings(config, environment)
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
    """Run the service: here, or by workers."""
    _raise_descriptor_limit()
    if settings.workers > 1:
        from pipeline.bootstrap.workers import run_workers  # noqa: PLC0415 - nor does one process need a supervisor

        return asyncio.run(run_workers(settings))
    from pipeline.bootstrap.service import run_service  # noqa: PLC0415 - a supervisor needs no clients of Kafka and HTTP

    return on_best_loop(run_service(settings, owns_process=True))


def _raise_descriptor_limit() -> None:
    """Allow as many open files as the system lets us: a shell's soft limit of 1,024 is less than we may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def on_best_loop(service: Coroutine[object, object, int]) -> int:
    """Run on uvloop where it is there, with a collector that keeps out of the way."""
    gc.freeze()  # what is loaded by now stays for ever
    gc.set_threshold(*COLLECT_AFTER)
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(service)
    return uvloop.run(service)

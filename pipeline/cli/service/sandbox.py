"""`sandbox`: a notices API that implements the contract, for tests and trials."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.adapters.rule_files import read_rules
from pipeline.bootstrap.parameters import constants, definition
from pipeline.cli.printing import plain, say
from pipeline.errors import RulesRefused, UserError
from pipeline.model.notice import DEFAULT_API
from pipeline.parameters.request import Definition
from pipeline.phrases import phrase
from pipeline.rules.source.catalogue import read_templates
from pipeline.rules.source.templates import Template
from pipeline.sandbox.faults import FaultPlan, Latency, read_latency
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.state import SandboxOptions
from pipeline.settings import load_settings
from pipeline.settings.validation_messages import fault_text

MAX_BYTES = 1_048_576


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on. 0: any free port.")] = 8090,
    token: Annotated[
        list[str] | None, typer.Option(help="A valid bearer token; can be repeated. Without it, every token is valid.")
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="`id:secret` of a client of the token endpoint /oauth/token; can be repeated."),
    ] = None,
    token_seconds: Annotated[float, typer.Option(min=0.1, help="Lifetime of a token from the token endpoint.")] = 7_200,
    faults: Annotated[Path | None, typer.Option(help="YAML or JSON file with the faults at the start.")] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Folder with templates.yaml; only its template ids are then valid.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Configuration whose `notices.parameters` every request must have: constants, timestamp, nonce used "
            "once, signature. Without it, they are not checked.",
        ),
    ] = None,
    timestamp_window: Annotated[
        float, typer.Option(min=0.1, help="Seconds by which a request's timestamp may differ from the clock.")
    ] = 300,
    latency: Annotated[str | None, typer.Option(help="Latency of every reply: `50ms`, or `50ms-200ms`.")] = None,
) -> None:
    """Run a notices API for tests and trials, with a page that shows received messages as cards. Ctrl-C ends it.

    Faults can be changed while it runs: `curl -X PUT localhost:8090/sandbox/faults -d '{"faults": [{"status": 503}]}'`

    Example: `notice-pipeline sandbox --rules rules --latency 50ms`
    """
    plan = _plan(faults)
    if latency is not None:
        plan = plan.model_copy(update={"latency": _latency(latency)})
    options = SandboxOptions(
        host=host,
        port=port,
        tokens=frozenset(token or ()),
        clients=dict(_client(text) for text in client or ()),
        token_seconds=token_seconds,
        templates=templates_by_id(rules) if rules is not None else {},
        plan=plan,
        parameters=None if config is None else _parameters(config),
        timestamp_window=timestamp_window,
    )
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(_serve(options))
    else:
        uvloop.run(_serve(options))


async def _serve(options: SandboxOptions) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with SandboxServer(options) as sandbox:
        say(
            plain(
                phrase(
                    "sandbox: {page} shows what arrives at {url} (Ctrl-C ends it)",
                    page=f"{sandbox.base_url}/",
                    url=sandbox.url,
                )
            )
        )
        await ended.wait()


def _parameters(config: Path) -> Definition:
    notices = load_settings(config, os.environ).notices
    return definition(notices, DEFAULT_API, constants(notices))


def _plan(path: Path | None) -> FaultPlan:
    if path is None:
        return FaultPlan()
    try:
        text = path.read_bytes()[: MAX_BYTES + 1]
        if len(text) > MAX_BYTES:
            raise UserError(phrase("{path}: larger than {bytes} bytes", path=path, bytes=MAX_BYTES))
        return FaultPlan.model_validate(YAML(typ="safe", pure=True).load(text.decode("utf-8-sig")) or {})
    except OSError as error:
        raise UserError(phrase("{path}: cannot be read: {strerror}", path=path, strerror=error.strerror)) from None
    except UnicodeDecodeError as error:
        raise UserError(
            phrase("{name}: not UTF-8 (byte {start})", name=path, start=error.start),
            hint=phrase("save the file as UTF-8"),
        ) from None
    except YAMLError as error:
        raise UserError(phrase("{path}: not YAML: {error}", path=path, error=error)) from None
    except ValidationError as error:
        problems = "\n".join(f"{path}: {fault_text(fault)}" for fault in error.errors())
        raise UserError(problems, hint=phrase("docs/sandbox.md describes the plan")) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise UserError(phrase("{path}: not YAML: {error}", path=path, error=error)) from None


def _latency(text: str) -> Latency:
    try:
        latency = read_latency(text)
    except ValueError as error:
        raise UserError(phrase("--latency {text} {fault}", text=repr(text), fault=error.args[0])) from None
    assert isinstance(latency, Latency)  # noqa: S101 - it raises for anything else
    return latency


def _client(text: str) -> tuple[str, str]:
    name, colon, secret = text.partition(":")
    if not (name and colon and secret):
        raise UserError(phrase("--client must be `id:secret`"))
    return name, secret


def templates_by_id(folder: Path) -> dict[str, Template]:
    """The templates of the folder by their platform ids, of all environments."""
    source = read_rules(folder).templates
    if source is None:
        raise UserError(phrase("{folder}: there is no templates.yaml", folder=folder))
    templates, _, findings = read_templates(*source)
    errors = [finding for finding in findings if finding.is_error]
    if errors:
        raise RulesRefused(errors)
    return {id_: template for template in templates.values() for id_ in template.ids.values()}

"""`studio`: write rules in a browser, with findings and previews beside them."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.adapters.authoring.workbench.draft_runner import SHOWN_IN
from pipeline.adapters.authoring.workbench.process import Workbench
from pipeline.adapters.authoring.workbench.saving import RuleFiles
from pipeline.adapters.events.schema_files import folder_near, read_schemas
from pipeline.adapters.rule_files import read_rules
from pipeline.authoring.rule_tests.writing import with_test
from pipeline.cli.authors import recording
from pipeline.cli.authors.check import EnvironmentOption, RulesArgument, SchemasOption
from pipeline.cli.language import asked_for
from pipeline.cli.printing import plain, say, warn
from pipeline.errors import UserError
from pipeline.languages.request import Languages
from pipeline.phrases import phrase
from pipeline.web.endpoint import serve
from pipeline.web.headers import SecurityHeaders
from pipeline.web.listener import listen
from pipeline.web.origin import require_loopback
from pipeline.web.pages import Pages
from pipeline.web.problems import handler
from pipeline.web.studio import Studio
from pipeline.web.studio_files import StudioFiles

if TYPE_CHECKING:
    from pipeline.adapters.authoring.background_reading import BackgroundReading
    from pipeline.adapters.authoring.newest_events import Source
    from pipeline.authoring.masking.recipients import Recipients
    from pipeline.settings import Settings

REGISTRY_SECONDS = 5.0
"""Timeout for a schema of the registry, while someone waits for the page."""


class _Parts(NamedTuple):
    """What the page works with."""

    bench: Workbench
    files: RuleFiles
    newest: BackgroundReading | None


def command(
    rules: RulesArgument = Path("rules"),
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            help="Configuration with brokers, topics and registry: offers the newest events of its topics, masked.",
            metavar="FILE",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on. 0: any free port.")] = 8091,
) -> None:
    """Write rules in a browser, with findings, the customer's card and an explanation as you type.

    Rules, templates and tests are written when you save them, never over a file that has changed meanwhile. The page is
    served on this machine only. Ctrl-C ends it.

    With --config the events to choose from include the newest ones of the service's topics, read when you ask for them,
    without a consumer group, and with recipients, names, telephone numbers and the like masked. Where the rules have no
    folder of schemas, those of the configuration are used.

    Example: `notice-pipeline studio rules --config pipeline.yaml`
    """
    read_rules(rules)  # an unreadable folder is reported here rather than on the page
    settings = _settings(config, rules) if config is not None else None
    with _schema_folder(rules, schemas, settings) as folder:
        if folder is not None:
            read_schemas(folder)
        newest = _newest_events(settings) if settings is not None else None
        asyncio.run(_serve(_Parts(Workbench(rules, folder, environment), RuleFiles(rules), newest), port))


async def _serve(parts: _Parts, port: int) -> None:
    listener = listen("127.0.0.1", port)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    serving = asyncio.create_task(serve(_app(parts), listener))
    say(plain(phrase("studio: http://127.0.0.1:{port}/ (Ctrl-C ends it)", port=listener.getsockname()[1])))
    await ended.wait()
    if parts.newest is not None:
        await parts.newest.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await parts.bench.close()


def _app(parts: _Parts) -> Starlette:
    pages = Pages({"Studio": "studio"}, version("notice-pipeline"))
    files = StudioFiles(parts.files, parts.bench, with_test)
    studio = Studio(pages, parts.bench, require_loopback, files, parts.newest)

    async def first(_: Request) -> Response:
        return RedirectResponse("studio")

    return Starlette(
        routes=[Route("/", first), *studio.routes(), pages.route()],
        middleware=[Middleware(SecurityHeaders), Middleware(Languages, default=asked_for())],
        exception_handlers={HTTPException: handler(pages.mistake)},
    )


def _settings(config: Path, rules: Path) -> Settings:
    """The settings, with the rules that are written here in place of the service's."""
    from pipeline.settings import load_settings  # noqa: PLC0415 - only with --config

    return load_settings(config, os.environ).model_copy(update={"rules": rules})


@contextmanager
def _schema_folder(rules: Path, given: Path | None, settings: Settings | None) -> Iterator[Path | None]:
    """The folder `given`, else that near the rules, else the schemas of the settings' folder and registry, written."""
    folder = given if given is not None else folder_near(rules)
    if folder is not None or settings is None:
        yield folder
        return
    from pipeline.bootstrap.events import service_schemas  # noqa: PLC0415 - the service's modules, only with --config

    try:
        schemas = service_schemas(settings)
    except UserError as error:
        # Studio is of use without them; its findings say which event types have no schema.
        warn(phrase("no schemas: {message}", message=error.message))
        yield None
        return
    if schemas.registry is not None:
        schemas.registry.close()
    with TemporaryDirectory(prefix="notice-pipeline-studio-") as written:
        versions = (one for event_type in schemas.catalogue for one in schemas.catalogue.versions(event_type))
        for number, schema in enumerate(versions):
            Path(written, f"{number}.avsc").write_text(json.dumps(schema.avro), encoding="utf-8")
        yield Path(written)


def _newest_events(settings: Settings) -> BackgroundReading:
    """The newest events of the settings' topics."""
    from pipeline.adapters.authoring.background_reading import BackgroundReading  # noqa: PLC0415 - as below
    from pipeline.adapters.authoring.newest_events import NewestEvents  # noqa: PLC0415 - Kafka's client
    from pipeline.authoring.masking.recipients import find_recipients  # noqa: PLC0415 - only with --config

    def show_time(moment: datetime) -> str:
        with suppress(OverflowError):  # the last hours of the year 9999
            moment = moment.astimezone(SHOWN_IN)
        return f"{moment:%m-%d %H:%M:%S}"

    def recipients() -> Recipients:
        return find_recipients(read_rules(settings.rules))

    key = secrets.token_bytes(32)  # of this process, so that the masks of all telephone numbers cannot be computed
    return BackgroundReading(NewestEvents(partial(_source, settings), recipients, key, show_time))


@contextmanager
def _source(settings: Settings) -> Iterator[Source]:
    """What a reading needs, with folder, registry and passwords as they are now.

    Raises:
        UserError: a file or the registry cannot be read.
    """
    from pipeline.adapters.authoring.newest_events import Source  # noqa: PLC0415 - as above
    from pipeline.bootstrap.events import find_decoder, service_schemas  # noqa: PLC0415 - the service's modules
    from pipeline.bootstrap.kafka import kafka_properties  # noqa: PLC0415 - the same

    schemas = service_schemas(settings)
    with closing(schemas.registry) if schemas.registry is not None else nullcontext():
        decoder = find_decoder(settings, schemas)
        decode = partial(recording.decoded, decoder, seconds=REGISTRY_SECONDS)
        yield Source(kafka_properties(settings), settings.kafka.topics, decode, schemas.catalogue)

"""`studio`: write rules in a browser, with findings and previews beside them."""

from __future__ import annotations

import asyncio
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.adapters.authoring.workbench.process import Workbench
from pipeline.adapters.authoring.workbench.saving import RuleFiles
from pipeline.adapters.events.schema_files import folder_near, read_schemas
from pipeline.adapters.rule_files import read_rules
from pipeline.authoring.rule_tests.writing import with_test
from pipeline.cli.authors.check import EnvironmentOption, RulesArgument, SchemasOption
from pipeline.web.endpoint import serve
from pipeline.web.headers import SecurityHeaders
from pipeline.web.listener import listen
from pipeline.web.origin import require_loopback
from pipeline.web.pages import Pages
from pipeline.web.problems import handler
from pipeline.web.studio import Studio
from pipeline.web.studio_files import StudioFiles


def command(
    rules: RulesArgument = Path("rules"),
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on. 0: any free port.")] = 8091,
) -> None:
    """Write rules in a browser, with findings, the customer's card and an explanation as you type.

    Rules, templates and tests are written when you save them, never over a file that has changed meanwhile. The page is
    served on this machine only. Ctrl-C ends it.

    Example: `notice-pipeline studio rules`
    """
    folder = schemas if schemas is not None else folder_near(rules)
    read_rules(rules)  # an unreadable folder is reported here rather than on the page
    if folder is not None:
        read_schemas(folder)
    asyncio.run(_serve(Workbench(rules, folder, environment), RuleFiles(rules), port))


async def _serve(bench: Workbench, files: RuleFiles, port: int) -> None:
    listener = listen("127.0.0.1", port)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    serving = asyncio.create_task(serve(_app(bench, files), listener))
    print(f"studio: http://127.0.0.1:{listener.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
    await ended.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await bench.close()


def _app(bench: Workbench, files: RuleFiles) -> Starlette:
    pages = Pages({"Studio": "studio"}, version("notice-pipeline"))
    studio = Studio(pages, bench, require_loopback, StudioFiles(files, bench, with_test))

    async def first(_: Request) -> Response:
        return RedirectResponse("studio")

    return Starlette(
        routes=[Route("/", first), *studio.routes(), pages.route()],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: handler(pages.mistake)},
    )

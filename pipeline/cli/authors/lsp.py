"""`lsp`: findings, completion and hover in any editor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.cli.authors.check import EnvironmentOption, SchemasOption, known_apis, schemas_beside
from pipeline.cli.language import asked_for, of_environment
from pipeline.cli.printing import warn
from pipeline.errors import UserError
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import SchemaCatalogue


def command(schemas: SchemasOption = None, environment: EnvironmentOption = None) -> None:
    """Serve an editor with findings, completion and hover for rules, templates and tests (Language Server Protocol).

    The editor starts it and speaks to it on standard input and output; the guide to rules says how to set up VS Code,
    Neovim and JetBrains. Findings are those of **check**, with what is not saved yet. Nothing is written.

    It needs the extra `authors`: `pip install 'notice-pipeline[authors]'`.

    Exit codes: 0 ended by the editor, 1 the editor went away, 2 misuse.

    Example: `notice-pipeline lsp --environment production`
    """
    try:
        from pipeline.adapters.authoring.language_server.server import make_server  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            phrase("`lsp` needs {name}, which is not installed", name=error.name),
            hint=phrase("install the extra: pip install 'notice-pipeline[authors]'"),
        ) from None
    from pipeline.adapters.authoring.language_server.folders import Folders  # noqa: PLC0415 - with the server

    if sys.stdin.isatty():
        warn(phrase("waiting for an editor on standard input (Ctrl-C ends it)"))

    def read(folder: Path) -> SchemaCatalogue:
        return schemas_beside(folder, schemas)

    make_server(Folders(read, known_apis, environment), asked_for(), of_environment(os.environ)).start_io()

"""The registry that commands outside the service talk to: by URL, or as the service's configuration has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.schema_registry import RegistryOptions, SchemaRegistry
from pipeline.errors import UserError
from pipeline.settings import load_settings

RegistryOption = Annotated[
    str | None, typer.Option("--registry", help="URL of a schema registry (Confluent's dialect).", metavar="URL")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Take brokers, registry and their secrets from here.", metavar="FILE"),
]


def open_registry(url: str | None, config: Path | None) -> SchemaRegistry | None:
    """The registry at `url`, else that of the configuration; None where neither names one.

    Raises:
        UserError: the configuration cannot be used.
    """
    if url is not None:
        return SchemaRegistry(RegistryOptions(url))
    if config is None:
        return None
    from pipeline.bootstrap.events import find_schemas  # noqa: PLC0415 - it imports the registry's client

    return find_schemas(load_settings(config, os.environ)).registry


def require_registry(url: str | None, config: Path | None) -> SchemaRegistry:
    """The same, where nothing can be done without one.

    Raises:
        UserError: neither names one, or the configuration cannot be used.
    """
    registry = open_registry(url, config)
    if registry is None:
        raise UserError(
            "no schema registry is named", hint="give --registry URL, or --config with schemas.registry_url"
        )
    return registry

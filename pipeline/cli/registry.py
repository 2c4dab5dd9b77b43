"""The registry that commands outside the service talk to: by URL, or as the service's configuration has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.adapters.events.registry import SchemaRegistry

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
    if url is None and config is None:
        return None
    from pipeline.adapters.events.registry import (  # noqa: PLC0415 - who names none need not wait for its client
        RegistryOptions,
        SchemaRegistry,
    )

    if url is not None:
        return SchemaRegistry(RegistryOptions(url))
    assert config is not None  # noqa: S101 - one of the two is named
    from pipeline.bootstrap.events import find_schemas  # noqa: PLC0415 - nor for the service's
    from pipeline.settings import load_settings  # noqa: PLC0415 - nor for its settings

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

"""The options `--config` and `--registry` of commands that use a schema registry or Kafka beside the service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import UserError
from pipeline.phrases import phrase

if TYPE_CHECKING:
    from pipeline.adapters.events.registry import SchemaRegistry
    from pipeline.settings import Settings

RegistryOption = Annotated[
    str | None, typer.Option("--registry", help="URL of a schema registry with the API of Confluent's.", metavar="URL")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Configuration with brokers, registry and their secrets; default: pipeline.yaml, if it exists.",
        metavar="FILE",
    ),
]


def find_settings(config: Path | None) -> Settings | None:
    """The settings of `config`, else those of pipeline.yaml or the environment; None without any.

    Raises:
        ConfigurationError: the configuration is invalid.
    """
    from pipeline.settings import load_settings  # noqa: PLC0415 - not every command needs them

    return None if (file := _file(config)) is None else load_settings(file, os.environ)


def find_settings_without_kafka(config: Path | None) -> Settings | None:
    """The same for a command that uses no Kafka: the configuration may have no section `kafka`.

    Raises:
        ConfigurationError: the configuration is invalid.
    """
    from pipeline.settings import load_without_kafka  # noqa: PLC0415 - not every command needs them

    return None if (file := _file(config)) is None else load_without_kafka(file, os.environ)


def _file(config: Path | None) -> Path | None:
    from pipeline.settings.load import DEFAULT_FILE, is_by_environment  # noqa: PLC0415 - not every command needs them

    if config is None and not DEFAULT_FILE.exists() and not is_by_environment(DEFAULT_FILE, os.environ):
        return None
    return config or DEFAULT_FILE


def open_registry(url: str | None, settings: Settings | None) -> SchemaRegistry | None:
    """The registry at `url`, else that of the settings; None if neither names one.

    Raises:
        UserError: a secret or a schema of the settings cannot be read.
    """
    if url is not None:
        from pipeline.adapters.events.registry import (  # noqa: PLC0415 - its client, which few calls need
            RegistryOptions,
            SchemaRegistry,
        )

        return SchemaRegistry(RegistryOptions(url))
    if settings is None or settings.schemas.registry_url is None:
        return None
    from pipeline.bootstrap.events import find_schemas  # noqa: PLC0415 - the service's modules, which few calls need

    return find_schemas(settings).registry


def require_registry(url: str | None, settings: Settings | None) -> SchemaRegistry:
    """The same, for a command that needs a registry.

    Raises:
        UserError: neither names one, or as `open_registry`.
    """
    registry = open_registry(url, settings)
    if registry is None:
        raise UserError(
            phrase("no schema registry is named"),
            hint=phrase("give --registry URL, or --config with schemas.registry_url"),
        )
    return registry

"""`config check | show | schema`: check, show and describe the configuration."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from ruamel.yaml import YAML

from pipeline.bootstrap.apis import apis_of, key_of
from pipeline.bootstrap.extras import lacking_here
from pipeline.bootstrap.parameters import parameter_faults
from pipeline.bootstrap.recipient_care.needed import disabled_care, omitted_recipient
from pipeline.cli.service.file_faults import file_faults
from pipeline.errors import ConfigurationError, UserError
from pipeline.settings import Settings, load_settings, require_group
from pipeline.settings.cautions import in_clear, unreplaced
from pipeline.settings.files import invalid_files, unusable_paths
from pipeline.settings.kafka_cautions import cautions, take_over
from pipeline.settings.load import is_by_environment, locations_in
from pipeline.settings.secrets import read_secret_file
from pipeline.settings.show import json_schema, masked
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from pipeline.adapters.kafka.property_check import PropertyFault

group = typer.Typer(
    help="Check, show or describe the configuration.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", metavar="FILE")]


@group.command()
def check(config: ConfigOption = Path("pipeline.yaml")) -> None:
    """Check whether the configuration is valid; report each fault with its line.

    Kafka's properties are checked by its client, rules and schemas as `run` does, all without a connection: event types
    that only a registry has are not checked. A warning is a valid setting that may not be meant, or a file, folder or
    optional package that does not exist on this machine: it may exist where the service runs. It also prints after
    which time another member takes over the partitions of one that was killed.

    Exit 0: valid; 2: errors.

    Example: `notice-pipeline config check -c pipeline.yaml`
    """
    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    location_of = locations_in(config, os.environ)
    errors = [*invalid_files(settings)]
    reported = {key for key, _ in errors}
    warnings = [(key, f"{key}: {message}") for key, message in unusable_paths(settings)]
    for api, section in apis_of(settings).items():
        errors += [(key, message) for key, message in parameter_faults(section, key_of(api)) if key not in reported]
    with suppress(UserError):  # rules that do not exist here are a warning above
        if (conflict := omitted_recipient(settings)) is not None:
            errors.append(("outcomes.recipient", conflict))
        if (conflict := disabled_care(settings)) is not None:
            errors.append(("recipient_care.enabled", conflict))
    in_files = file_faults(settings)
    errors += in_files.errors
    warnings += [(key, f"{key}: {message}") for key, message in in_files.warnings]
    warnings += [(key, f"{key}: {message}") for key, message in lacking_here(settings, os.environ)]
    warnings += [(key, f"{key}: {message}") for key, message in (*unreplaced(settings), *in_clear(settings))]
    warnings += [(one.key, str(one)) for one in cautions(settings.kafka.properties, settings.kafka.drain_seconds)]
    for fault in _property_faults(settings):
        key = _key(settings, fault.name)
        if fault.is_error:
            errors.append((key, fault.message))
        else:
            warnings.append((key, f"{key}: {fault.message}"))
    for key, message in warnings:
        print(terminal_escape(f"{location_of(key)}: warning {message}"), file=sys.stderr)
    if errors:
        raise ConfigurationError("\n".join(f"{location_of(key)}: `{key}`: {message}" for key, message in errors))
    count = len(settings.kafka.topics)
    name = "the environment" if is_by_environment(config, os.environ) else config
    print(f"{name}: fine ({settings.environment}, {count} topic{'' if count == 1 else 's'})")
    print(take_over(settings.kafka.group_protocol, settings.kafka.properties))


def _property_faults(settings: Settings) -> Iterator[PropertyFault]:
    from pipeline.adapters.kafka.property_check import (  # noqa: PLC0415 - Kafka's client, which `show` does not need
        PropertyFault,
        check_properties,
        missing_files,
    )

    kafka = settings.kafka
    missing = missing_files(kafka.properties)
    for name, path in missing.items():
        yield PropertyFault(name, f"{path}: there is no such file here", is_error=False)
    values: dict[str, object] = {name: value for name, value in kafka.properties.items() if name not in missing}
    secrets: dict[str, object] = {}
    for name, path in kafka.properties_files.items():
        with suppress(ConfigurationError):  # already reported, with the key of the file
            secrets[name] = read_secret_file(path, name)
    is_complete = not missing and secrets.keys() == kafka.properties_files.keys()
    yield from check_properties(
        {**values, **secrets}, secrets=secrets, protocol=kafka.group_protocol, is_complete=is_complete
    )


def _key(settings: Settings, name: str | None) -> str:
    """The dotted key of a property."""
    if name is None:
        return "kafka.properties"
    return f"kafka.properties_files.{name}" if name in settings.kafka.properties_files else f"kafka.properties.{name}"


@group.command()
def show(
    config: ConfigOption = Path("pipeline.yaml"),
    output: Annotated[Literal["yaml", "json"], typer.Option(help="How to print it.")] = "yaml",
) -> None:
    """Print the values in force, with those of the environment and the defaults. Secrets are masked.

    Example: `NOTICE_PIPELINE_KAFKA__GROUP_ID=trial notice-pipeline config show`
    """
    values = masked(load_settings(config, os.environ))
    if output == "json":
        print(json.dumps(values, indent=2, ensure_ascii=False))
        return
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(values, text)
    print(text.getvalue(), end="")


@group.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors.

    Example: `notice-pipeline config schema > pipeline.schema.json`
    """
    print(json_schema(), end="")

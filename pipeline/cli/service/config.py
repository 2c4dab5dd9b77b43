"""`config check | show | schema`: the configuration before anything starts."""

from __future__ import annotations

import json
import os
import sys
from io import StringIO
from pathlib import Path
from typing import Annotated, Literal

import typer
from ruamel.yaml import YAML

from pipeline.settings import load_settings
from pipeline.settings.files import not_there
from pipeline.settings.group_times import cautions
from pipeline.settings.load import is_by_environment, places_in
from pipeline.settings.show import json_schema, masked

group = typer.Typer(
    help="Check, show or describe the configuration.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", metavar="FILE")]


@group.command()
def check(config: ConfigOption = Path("pipeline.yaml")) -> None:
    """Say whether the configuration can be used; every fault with its line.

    What may not be meant is a warning, and so is a file or folder that is not here: it may be where the service runs.

    Example: `notice-pipeline config check -c pipeline.yaml`
    """
    settings = load_settings(config, os.environ)
    warnings = [
        (caution.key, str(caution)) for caution in cautions(settings.kafka.properties, settings.kafka.drain_seconds)
    ]
    warnings += [(key, f"{key}: {message}") for key, message in not_there(settings)]
    if warnings:
        place_of = places_in(config, os.environ)
        for key, message in warnings:
            print(f"{place_of(key)}: warning {message}", file=sys.stderr)
    count = len(settings.kafka.topics)
    name = "the environment" if is_by_environment(config, os.environ) else config
    print(f"{name}: fine ({settings.environment}, {count} topic{'' if count == 1 else 's'})")


@group.command()
def show(
    config: ConfigOption = Path("pipeline.yaml"),
    output: Annotated[Literal["yaml", "json"], typer.Option(help="How to print it.")] = "yaml",
) -> None:
    """Print every value in force, environment and defaults included; secrets are masked.

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

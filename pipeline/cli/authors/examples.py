"""The options of commands that make example events."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.adapters.authoring.lifelike_events import DEFAULT_SEED
from pipeline.authoring.examples.words import Language

SeedOption = Annotated[
    int, typer.Option("--seed", "-s", min=0, help="Another number makes another example; the same one, the same.")
]
LanguageOption = Annotated[Language, typer.Option("--language", help="Language of the examples' names and towns.")]

__all__ = ["DEFAULT_SEED", "LanguageOption", "SeedOption"]

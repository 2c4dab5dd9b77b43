"""Finds an example event whose messages can be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.adapters.authoring.lifelike_events import DEFAULT_SEED, example_event
from pipeline.authoring.cards.preview import Preview, previews, previews_of
from pipeline.authoring.examples.template_examples import examples_of
from pipeline.authoring.examples.words import Language
from pipeline.cli.authors.one_event import Found
from pipeline.cli.authors.rule_set import SoundRules
from pipeline.errors import UserError
from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice
from pipeline.phrases import joined, phrase
from pipeline.rules.ruleset import Rule
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import BEGIN
from pipeline.rules.schema.json_events import from_json

EXAMPLES = 100
"""Examples that are tried until one makes a message."""
NULLS = 0.3
"""Share of the nullable fields that are null in further examples."""


def made_of(sound: SoundRules, event: Event, only: Rule | None) -> list[Preview]:
    """The messages of the event: of every rule that matches, or of `only`, matching or not.

    Raises:
        UserError: `only` is for events of other types.
    """
    if only is None:
        return previews(sound.ruleset, event)
    if event.type not in only.on:
        raise UserError(
            phrase("rule `{id}` is not for events of type `{type}`", id=only.id, type=event.type),
            hint=phrase("it is for {on}", on=joined(", ", only.on)),
        )
    return previews_of(sound.ruleset, only, event)


class WantedExample(NamedTuple):
    """Which example is wanted."""

    seed: int
    language: Language


def from_examples(
    sound: SoundRules, example_of: str | None, only: Rule | None, wanted: WantedExample
) -> tuple[Found, list[Preview]]:
    """The first example that matches and makes every message, else the first of all."""
    name = sound.event_type(example_of) if example_of is not None else only.on[0] if only is not None else ""
    schema = sound.catalogue.newest(name)
    if schema is None:
        raise UserError(
            phrase("there is no schema of `{name}` to make an example from", name=name),
            hint=phrase("give the event in a file"),
        )
    first: tuple[Found, list[Preview]] | None = None
    given = examples_of(sound.ruleset, name, [only] if only is not None else None)
    for found in _examples(schema, wanted, given):
        made = made_of(sound, found.event, only)
        if made and all(one.is_matched and isinstance(one.result, Notice) for one in made):
            return found, made
        first = first or (found, made)
    assert first is not None  # noqa: S101 - there is one example at least
    return first


def _examples(schema: EventSchema, wanted: WantedExample, given: Mapping[str, str]) -> Iterator[Found]:
    """Yield the example of the seed, with those of the templates, then others; the same ones at every call."""
    time_ms = int(BEGIN.timestamp() * 1_000)
    for number in range(EXAMPLES):
        seed = wanted.seed + number
        is_first = seed == DEFAULT_SEED
        event = example_event(
            schema,
            seed,
            wanted.language,
            given=given if is_first else {},
            nulls=NULLS if number else 0.0,
        )
        record = Record("example", 0, number, None, None, (), time_ms)
        data = from_json(schema, event)
        name = f"example/0/{number}"
        yield Found(
            Event(schema.name, data, record, name, None, None, time_ms, None, None),
            phrase("an example") if is_first else phrase("example {seed}", seed=seed),
        )

"""`preview`: the messages of one event as customers see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

import typer

from pipeline.adapters.authoring.lifelike_events import example_event
from pipeline.authoring.cards.preview import Preview, preview, previews
from pipeline.authoring.cards.preview_html import to_page
from pipeline.authoring.examples.template_examples import examples_of
from pipeline.authoring.examples.words import Language
from pipeline.authoring.terminal_escape import terminal_escape
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors.examples import DEFAULT_SEED, LanguageOption, SeedOption
from pipeline.cli.authors.explain import EventArgument, NumberOption, TypeOption
from pipeline.cli.authors.one_event import Found, find_or_exit, select_event
from pipeline.cli.authors.preview_report import show
from pipeline.cli.authors.rule_set import ConfigOption, EnvironmentOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.printing import print_json
from pipeline.errors import UserError
from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.ruleset import Rule
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import BEGIN
from pipeline.rules.schema.json_events import from_json
from pipeline.styles.style import Mode

EXAMPLES = 100
"""Examples that are tried until one makes a message."""
NULLS = 0.3
"""Share of the nullable fields that are null in further examples."""
_MODES: dict[str, tuple[Mode, ...]] = {"wechat": (Mode.WECHAT,), "legacy": (Mode.LEGACY,), "both": tuple(Mode)}


def command(
    event: EventArgument = None,
    example_of: Annotated[
        str | None,
        typer.Option(
            "--example", "-x", help="Use an example of this event type; its last parts suffice.", metavar="TYPE"
        ),
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Only this rule; without EVENT, an example is used.", metavar="ID")
    ] = None,
    rules: RulesOption = None,
    form: Annotated[
        Literal["card", "json", "html"],
        typer.Option("--format", "-f", help="card: for the terminal; json: the requests' bodies; html: a page."),
    ] = "card",
    mode: Annotated[
        Literal["wechat", "legacy", "both"],
        typer.Option(
            help="How WeChat shows it. wechat: since May 2023; legacy: before. Alipay has one way of its own."
        ),
    ] = "both",
    seed: SeedOption = DEFAULT_SEED,
    language: LanguageOption = "zh",
    event_type: TypeOption = None,
    number: NumberOption = 1,
    config: ConfigOption = None,
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="json: all details, for scripts.")] = "text",
) -> None:
    """Show the messages of one event as customers see them, and what is cut or refused.

    The event is in a file or in Kafka, as for **explain**, or is an example made from its type's schema, with the
    examples of the templates; `--seed 2` makes another.
    Nothing is sent. `--format json` prints the bodies of the requests to the notices API.

    Exit 0: shown, also if no rule matches; 1: a message cannot be made, the event does not fit its schema, or the rules
    have errors; 2: misuse.

    Examples: `notice-pipeline preview --rule order-paid` · `notice-pipeline preview paid.json --mode wechat` ·
    `notice-pipeline preview --example order.paid.v1 --format html > cards.html`
    """
    named = Named(rules, schemas, environment, config)
    from_example = example_of is not None or (event is None and rule is not None)
    selection = None if from_example else select_event(event, number, event_type)
    settings = named.settings(needs_kafka=selection is not None and selection.position is not None)
    sound = SoundRules.of(named, settings, tests=False)
    only = sound.rule(rule) if rule is not None else None
    if selection is None:
        if event is not None:
            raise UserError("two events are named", hint="give a file, or --example TYPE")
        found, made = _from_examples(sound, example_of, only, _Example(seed, language))
    else:
        found = find_or_exit(selection, sound, settings, as_json=output == "json")
        made = _made(sound, found.event, only)
    modes = _MODES[mode]
    if output == "json":
        print_json(
            {"event": {"type": found.event.type, "where": found.where}, "notices": [one.as_json(modes) for one in made]}
        )
    elif form == "json":
        print_json([one.request for one in made if one.request is not None])
    elif form == "html":
        typer.echo(terminal_escape(to_page(f"{found.event.type} · {found.where}", made, modes), keep="\n"), nl=False)
    else:
        show(found, made, modes)
    if not made:
        typer.echo("no rule makes a message of this event; `notice-pipeline explain` shows why", err=True)
    if any(isinstance(one.result, Refusal) for one in made):
        raise typer.Exit(FINDINGS)


def _made(sound: SoundRules, event: Event, only: Rule | None) -> list[Preview]:
    if only is None:
        return previews(sound.ruleset, event)
    if event.type not in only.on:
        raise UserError(
            f"rule `{only.id}` is not for events of type `{event.type}`", hint=f"it is for {', '.join(only.on)}"
        )
    return [preview(sound.ruleset, only, event)]


class _Example(NamedTuple):
    """Which example is wanted."""

    seed: int
    language: Language


def _from_examples(
    sound: SoundRules, example_of: str | None, only: Rule | None, wanted: _Example
) -> tuple[Found, list[Preview]]:
    """The first example that matches and makes every message, else the first of all."""
    name = sound.event_type(example_of) if example_of is not None else only.on[0] if only is not None else ""
    schema = sound.catalogue.newest(name)
    if schema is None:
        raise UserError(f"there is no schema of `{name}` to make an example from", hint="give the event in a file")
    first: tuple[Found, list[Preview]] | None = None
    given = examples_of(sound.ruleset, name, [only] if only is not None else None)
    for found in _examples(schema, wanted, given):
        made = _made(sound, found.event, only)
        if made and all(one.is_matched and isinstance(one.result, Notice) for one in made):
            return found, made
        first = first or (found, made)
    assert first is not None  # noqa: S101 - there is one example at least
    return first


def _examples(schema: EventSchema, wanted: _Example, given: Mapping[str, str]) -> Iterator[Found]:
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
            "an example" if is_first else f"example {seed}",
        )

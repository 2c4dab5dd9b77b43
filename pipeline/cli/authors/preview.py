"""`preview`: what customers would see of one event."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from pipeline.authoring.cards.card import Mode
from pipeline.authoring.cards.preview import Preview, preview, previews
from pipeline.authoring.cards.preview_html import to_page
from pipeline.authoring.terminal_escape import terminal_escape
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors.explain import EventArgument, NumberOption, TypeOption
from pipeline.cli.authors.one_event import Found, find, tell_undecodable, wanted
from pipeline.cli.authors.preview_report import show
from pipeline.cli.authors.rule_set import ConfigOption, EnvironmentOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.printing import print_json
from pipeline.errors import Undecodable, UserError
from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.ruleset import Rule
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import BEGIN, example
from pipeline.rules.schema.json_events import from_json

EXAMPLES = 100
"""Examples among which one is looked for that makes a message."""
_MODES: dict[str, tuple[Mode, ...]] = {"wechat": (Mode.WECHAT,), "legacy": (Mode.LEGACY,), "both": tuple(Mode)}


def command(
    event: EventArgument = None,
    example_of: Annotated[
        str | None,
        typer.Option("--example", "-x", help="Make an example of this event type; its end is enough.", metavar="TYPE"),
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Only this rule; without an event, with an example.", metavar="ID")
    ] = None,
    rules: RulesOption = None,
    form: Annotated[
        Literal["card", "json", "html"],
        typer.Option("--format", "-f", help="Cards for the terminal, the requests as sent, or a page of its own."),
    ] = "card",
    mode: Annotated[
        Literal["wechat", "legacy", "both"],
        typer.Option(help="wechat: as shown since May 2023; legacy: before, and Alipay."),
    ] = "both",
    event_type: TypeOption = None,
    number: NumberOption = 1,
    config: ConfigOption = None,
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    output: Annotated[
        Literal["text", "json"], typer.Option(help="json: everything that is known, for scripts.")
    ] = "text",
) -> None:
    """Show the messages that follow from one event as the customer sees them, with what is cut or refused on the way.

    The event stands in a file or in Kafka, as for **explain**, or is an example made from its type's schema.
    Nothing is sent. `--format json` prints the requests' bodies, as the notices API would get them.

    Exit 0: shown, also where no rule matches; 1: a message could not be made, or the rules have errors; 2: misuse.

    Examples: `notice-pipeline preview --rule order-paid` · `notice-pipeline preview paid.json --mode wechat` ·
    `notice-pipeline preview --example order.paid.v1 --format html > cards.html`
    """
    named = Named(rules, schemas, environment, config)
    settings = named.settings()
    sound = SoundRules.of(named, settings, tests=False)
    only = sound.rule(rule) if rule is not None else None
    if example_of is not None or (event is None and only is not None):
        if event is not None:
            raise UserError("two events are named", hint="give a file, or --example TYPE")
        found, made = _from_examples(sound, example_of, only)
    else:
        try:
            found = find(wanted(event, number, event_type), sound, settings)
        except Undecodable as fault:
            tell_undecodable(fault, as_json=output == "json")
            raise typer.Exit(FINDINGS) from None
        made = _made(sound, found.event, only)
    modes = _MODES[mode]
    if output == "json":
        told = {"type": found.event.type, "where": found.where}
        print_json({"event": told, "notices": [one.as_json(modes) for one in made]})
    elif form == "json":
        print_json([one.request for one in made if one.request is not None])
    elif form == "html":
        typer.echo(terminal_escape(to_page(f"{found.event.type} · {found.where}", made, modes), keep="\n"), nl=False)
    else:
        show(found, made, modes)
    if not made:
        typer.echo("no rule makes a message of this event; `explain` says why", err=True)
    if any(isinstance(one.result, Refusal) for one in made):
        raise typer.Exit(FINDINGS)


def _made(sound: SoundRules, event: Event, only: Rule | None) -> list[Preview]:
    if only is None:
        return previews(sound.ruleset, event)
    if event.type not in only.on:
        raise UserError(f"rule `{only.id}` does not look at `{event.type}`", hint=f"it looks at {', '.join(only.on)}")
    return [preview(sound.ruleset, only, event)]


def _from_examples(sound: SoundRules, example_of: str | None, only: Rule | None) -> tuple[Found, list[Preview]]:
    """The first example of which every message can be made and is wanted, else the very first."""
    name = sound.event_type(example_of) if example_of is not None else only.on[0] if only is not None else ""
    schema = sound.catalogue.newest(name)
    if schema is None:
        raise UserError(f"no schema of `{name}` is known to make an example from", hint="give the event in a file")
    first: tuple[Found, list[Preview]] | None = None
    for found in _examples(schema):
        made = _made(sound, found.event, only)
        if made and all(one.is_matched and isinstance(one.result, Notice) for one in made):
            return found, made
        first = first or (found, made)
    assert first is not None  # noqa: S101 - there is one example at least
    return first


def _examples(schema: EventSchema) -> Iterator[Found]:
    """The example that rule tests begin with, then others, the same at every call."""
    moment = int(BEGIN.timestamp() * 1_000)
    for number in range(EXAMPLES):
        rng = random.Random(number).random if number else lambda: 0.5  # noqa: S311 - examples, not secrets
        data = from_json(schema, example(schema, rng, number))
        record = Record("example", 0, number, None, None, (), moment)
        event = Event(schema.name, data, record, f"example/0/{number}", None, None, moment, None, None)
        yield Found(event, "an example" if not number else f"example {number + 1}")

"""`preview`: the messages of one event as customers see them."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pipeline.authoring.cards.preview_html import to_page
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors.example_previews import WantedExample, from_examples, made_of
from pipeline.cli.authors.examples import DEFAULT_SEED, LanguageOption, SeedOption
from pipeline.cli.authors.explain import EventArgument, NumberOption, TypeOption
from pipeline.cli.authors.one_event import find_or_exit, select_event
from pipeline.cli.authors.preview_report import show
from pipeline.cli.authors.rule_set import ConfigOption, EnvironmentOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.language import in_language
from pipeline.cli.printing import print_json, warn
from pipeline.errors import UserError
from pipeline.model.notice import Refusal
from pipeline.phrases import phrase
from pipeline.styles.style import Mode
from pipeline.terminal_escape import terminal_escape

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
            raise UserError(phrase("two events are named"), hint=phrase("give a file, or --example TYPE"))
        found, made = from_examples(sound, example_of, only, WantedExample(seed, language))
    else:
        found = find_or_exit(selection, sound, settings, as_json=output == "json")
        made = made_of(sound, found.event, only)
    modes = _MODES[mode]
    if output == "json":
        print_json(
            {"event": {"type": found.event.type, "where": found.where}, "notices": [one.as_json(modes) for one in made]}
        )
    elif form == "json":
        print_json([one.request for one in made if one.request is not None])
    elif form == "html":
        typer.echo(
            terminal_escape(
                to_page(in_language(f"{found.event.type} · " + found.where), made, modes, in_language), keep="\n"
            ),
            nl=False,
        )
    else:
        show(found, made, modes)
    if not made:
        warn(phrase("no rule makes a message of this event; `notice-pipeline explain` shows why"))
    if any(isinstance(one.result, Refusal) for one in made):
        raise typer.Exit(FINDINGS)

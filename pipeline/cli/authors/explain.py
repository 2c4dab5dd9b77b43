"""`explain`: why each rule did or did not make a message of one event."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pipeline.authoring.explain import Match, explain
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors import explain_report
from pipeline.cli.authors.one_event import find, position_of, tell_undecodable, wanted
from pipeline.cli.authors.rule_set import ConfigOption, EnvironmentOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.printing import print_json
from pipeline.errors import Undecodable

EventArgument = Annotated[
    str | None,
    typer.Argument(help="A file with the event (`-`: standard input), or TOPIC/PARTITION/OFFSET.", metavar="EVENT"),
]
NumberOption = Annotated[int, typer.Option("--event", "-n", min=1, help="Which event of the file.")]
TypeOption = Annotated[
    str | None, typer.Option("--type", "-t", help="Type of an event that does not name its own; its end is enough.")
]


def command(
    event: EventArgument = None,
    rules: RulesOption = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Explain this rule alone.", metavar="ID")] = None,
    event_type: TypeOption = None,
    number: NumberOption = 1,
    topic: Annotated[str | None, typer.Option(help="Read the event from this topic …")] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="… this partition …")] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="… at this offset.")] = None,
    config: ConfigOption = None,
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="How to print it.")] = "text",
) -> None:
    """Say of each rule why it did or did not make a message of one event: the part that decided, with its values.

    The event stands in a file (JSON: its data alone, with `--type`; an object with `type` and `data`; a CloudEvent; an
    exported record; one, a list, or one on each line; gzipped or not), or is read from Kafka at a position.
    The explanation holds the event's values, personal ones, too.

    Exit 0: explained; 1: a matching rule can make no message, the record is no event, or the rules have errors;
    2: misuse.

    Examples: `notice-pipeline explain paid.json --type order.paid.v1` ·
    `notice-pipeline explain trade.order.events/3/1742 --config pipeline.yaml`
    """
    asked = wanted(event, number, event_type, position_of(topic, partition, offset))
    named = Named(rules, schemas, environment, config)
    settings = named.settings()
    sound = SoundRules.of(named, settings, tests=False)
    only = sound.rule(rule) if rule is not None else None
    try:
        found = find(asked, sound, settings)
    except Undecodable as fault:
        tell_undecodable(fault, as_json=output == "json")
        raise typer.Exit(FINDINGS) from None
    explanation = explain(sound.ruleset, sound.checked.locations, found.event)
    if only is not None:
        explanation = explanation._replace(rules=tuple(one for one in explanation.rules if one.id == only.id))
    if output == "json":
        print_json(explain_report.as_json(explanation, found.where))
    else:
        explain_report.show(explanation, [only] if only is not None else sound.ruleset.rules, found.where)
    if any(one.match is Match.REFUSED for one in explanation.rules):
        raise typer.Exit(FINDINGS)

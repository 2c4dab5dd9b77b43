"""`explain`: why each rule makes a message of one event or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.authoring.explain import Match, explain
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors import explain_report
from pipeline.cli.authors.one_event import find_or_exit, position_of, select_event
from pipeline.cli.authors.rule_set import ConfigOption, EnvironmentOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.printing import print_json

EventArgument = Annotated[
    str | None,
    typer.Argument(
        help="A file with the event (`-`: standard input), FILE:NUMBER, a file of `events/`, the name of a test, or "
        "TOPIC/PARTITION/OFFSET.",
        metavar="EVENT",
    ),
]
NumberOption = Annotated[int, typer.Option("--event", "-n", min=1, help="Number of the event in the file.")]
TypeOption = Annotated[
    str | None,
    typer.Option("--type", "-t", help="Type of an event that does not name its own; its last parts suffice."),
]


def command(
    event: EventArgument = None,
    rules: RulesOption = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Explain this rule only.", metavar="ID")] = None,
    event_type: TypeOption = None,
    number: NumberOption = 1,
    framed: Annotated[
        Path | None,
        typer.Option(help="File with the bytes of one record's value, as your serializer writes them.", metavar="FILE"),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Read the event from this topic, with --partition, --offset.")
    ] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Partition of the event.")] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="Offset of the event.")] = None,
    expect_message: Annotated[
        bool, typer.Option("--expect-message", help="Exit 1 unless a rule makes a message.")
    ] = False,
    config: ConfigOption = None,
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="Output format.")] = "text",
) -> None:
    """Explain why each rule makes a message of one event or not: the part of its condition that decides, with values.

    The event is in a file (JSON: its data alone, with `--type`; an object with `type` and `data`; a CloudEvent; an
    exported record; one event, a list, or one on each line; gzipped or not), is that of a test, or is read from Kafka
    at a position. **preview**, **diff** and the tests name events alike.
    `--framed` decodes bytes as the service does. The output contains the event's values, personal data included.

    Exit 0: explained, also if no rule matches; 1: a matching rule cannot make its message, the event does not fit its
    schema or cannot be decoded, the rules have errors, or no message is made with `--expect-message`; 2: misuse.

    Examples: `notice-pipeline explain paid.json --type order.paid.v1` · `notice-pipeline explain recorded.jsonl:3` ·
    `notice-pipeline explain "the buyer gets a receipt"` ·
    `notice-pipeline explain --framed paid.avro --config pipeline.yaml --expect-message` ·
    `notice-pipeline explain trade.order.events/3/1742 --config pipeline.yaml`
    """
    selection = select_event(event, number, event_type, position_of(topic, partition, offset), framed)
    named = Named(rules, schemas, environment, config)
    settings = named.settings(needs_kafka=selection.position is not None)
    sound = SoundRules.of(named, settings, tests=False)
    only = sound.rule(rule) if rule is not None else None
    found = find_or_exit(selection, sound, settings, as_json=output == "json")
    explanation = explain(sound.ruleset, sound.checked.locations, found.event)
    if only is not None:
        explanation = explanation._replace(rules=tuple(one for one in explanation.rules if one.id == only.id))
    if output == "json":
        print_json(explain_report.as_json(explanation, found.where))
    else:
        explain_report.show(explanation, [only] if only is not None else sound.ruleset.rules, found.where)
    matches = {one.match for one in explanation.rules}
    if expect_message and Match.NOTICE not in matches:
        typer.echo("no rule makes a message of this event", err=True)
        raise typer.Exit(FINDINGS)
    if Match.REFUSED in matches:
        raise typer.Exit(FINDINGS)

"""`explain`: why each rule makes a message of one event or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.authoring.explain import Match, explain
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors import explain_report
from pipeline.cli.authors.one_event import find_or_exit, position_of, select_event
from pipeline.cli.authors.rule_set import ConfigOption, EnvironmentOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.operators import find_report
from pipeline.cli.printing import faint, print_json, say, warn
from pipeline.cli.progress import progress
from pipeline.errors import UserError
from pipeline.phrases import phrase
from pipeline.rules.care_places import care_words

if TYPE_CHECKING:
    from pipeline.cli.authors.one_event import Found
    from pipeline.operations.find.story import Story
    from pipeline.settings import Settings

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
    at a position; then the outcomes that the service published for it are shown as well. **preview**, **diff** and the
    tests name events alike.
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
    actual = _actual(settings, found, sound) if selection.position is not None else None
    if output == "json":
        print_json({**explain_report.as_json(explanation, found.where), "outcomes": _outcomes_json(actual)})
    else:
        explain_report.show(explanation, [only] if only is not None else sound.ruleset.rules, found.where)
        _show_outcomes(actual)
    matches = {one.match for one in explanation.rules}
    if expect_message and Match.NOTICE not in matches:
        warn(phrase("no rule makes a message of this event"))
        raise typer.Exit(FINDINGS)
    if Match.REFUSED in matches:
        raise typer.Exit(FINDINGS)


def _actual(settings: Settings | None, found: Found, sound: SoundRules) -> Story | None:
    """Return the outcomes of the group for this record; None where they cannot be read, which is a note."""
    if settings is None or not settings.kafka.group_id:
        return None
    from pipeline.bootstrap.search.actual import actual_outcomes  # noqa: PLC0415 - the service's modules, which files do not need

    record, checked = found.event.record, sound.checked
    care = care_words(sound.ruleset.care, checked.care, checked.locations)
    try:
        return actual_outcomes(settings, record.position, record.timestamp_ms, progress, care)
    except UserError as error:
        warn(phrase("the actual outcomes cannot be shown: {message}", message=error.message))
        return None


def _show_outcomes(actual: Story | None) -> None:
    if actual is None:
        return
    say()
    if not actual.notices:
        say(faint(phrase("The service has published no outcome for this event.")))
    for notice in actual.notices:
        find_report.show_notice(notice)


def _outcomes_json(actual: Story | None) -> list[dict[str, object]] | None:
    return None if actual is None else [find_report.notice_json(one) for one in actual.notices]

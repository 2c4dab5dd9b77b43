"""`diff`: how a rule change would change the messages of recorded events."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from pipeline.adapters.authoring.compared_files import (
    MOST_FAULTS,
    UNREADABLE,
    Found,
    Recording,
    RuleSetPair,
    compare_file,
)
from pipeline.adapters.authoring.rule_revisions import read_version
from pipeline.adapters.authoring.rule_test_events import read_test_events
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.authoring.diff import care_report
from pipeline.authoring.diff.markdown import as_markdown
from pipeline.authoring.diff.report import Mask, Names, as_values
from pipeline.authoring.diff.rule_set_pair import Comparison
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors import diff_text, recording
from pipeline.cli.authors.event_names import cases_of, plain_reference, reference
from pipeline.cli.authors.one_event import EventSelection, find_or_exit, select_event
from pipeline.cli.authors.rule_set import ConfigOption, EnvironmentOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.language import in_language
from pipeline.cli.printing import print_json, warn
from pipeline.cli.progress import Reading, reading
from pipeline.errors import UserError
from pipeline.model.event import Event
from pipeline.phrases import phrase
from pipeline.rules.lint.cases import Case
from pipeline.rules.lint.given_events import Unfit, given
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from pipeline.settings import Settings

MOST_JOBS = 8
"""Default upper bound: each process takes about 60 MB."""


class _Source(NamedTuple):
    """Where events are read from: a file or a topic."""

    file: Path | None
    topic: str | None
    settings: Settings | None
    start: str | None
    end: str | None
    default_type: str | None
    one: EventSelection | None = None
    """One event, in place of a file or topic."""
    cases: Sequence[Case] | None = None
    """Tests in the file, whose events are compared."""

    @classmethod
    def of(
        cls,
        events: str | None,
        rules: Path,
        topic: str | None,
        settings: Settings | None,
        start: str | None,
        end: str | None,
        default_type: str | None,
    ) -> _Source:
        """From the options; `events` is a recording, or names one event.

        Raises:
            UserError: nothing has the name.
        """
        if events is not None and (cases := cases_of(events)) is not None:
            return cls(Path(events), topic, settings, start, end, default_type, cases=cases)
        named = reference(events, rules) if events is not None else None
        if named is None or (named.file is not None and named.number is None):
            return cls(named.file if named is not None else None, topic, settings, start, end, default_type)
        one = select_event(events, 1, default_type)
        return cls(None, topic, settings, start, end, default_type, one)

    def checked(self) -> _Source:
        """Check that the options fit together.

        Raises:
            UserError: they do not.
        """
        if sum(one is not None for one in (self.file, self.topic, self.one)) != 1:
            raise UserError(
                phrase("name the events, once"),
                hint=phrase("--events FILE, or --topic T with --config pipeline.yaml"),
            )
        if self.topic is None and (self.start or self.end):
            raise UserError(phrase("--from and --to are for topics"), hint=phrase("leave them out with --events"))
        if self.topic is not None and self.settings is None:
            raise UserError(
                phrase("--topic needs the brokers of a configuration"),
                hint=phrase("give --config, or write a pipeline.yaml"),
            )
        return self

    @property
    def name(self) -> str:
        if self.file is not None:
            return str(self.file)
        bounds = (
            phrase(" from {start} to {end}", start=self.start or "the first", end=self.end or "the last")
            if self.start or self.end
            else ""
        )
        return f"{self.topic}{bounds}"

    def found(self, sides: RuleSetPair, jobs: int) -> Found:
        """Compare all events."""
        if self.cases is not None:
            return _of_tests(sides, self.cases)
        with reading(in_language(phrase("comparing"))) as progress:
            if self.settings is not None and self.topic is not None:
                return self._in_topic(self.settings, sides.comparison(), progress)
            recorded = Recording(self.file or Path("-"), self.default_type)
            return compare_file(sides, recorded, jobs=jobs, counted=progress.counted)

    def _in_topic(self, settings: Settings, comparison: Comparison, progress: Reading) -> Found:
        faults: list[str] = []
        simulation = comparison.simulation()

        def on_fault(reason: str, message: str) -> None:
            comparison.add_undecodable(reason)
            if len(faults) < MOST_FAULTS:
                faults.append(message)

        for event in recording.from_topic(settings, self.topic, self.start, self.end, on_fault, progress.passed):
            comparison.add(event)
            if simulation is not None:
                simulation.play(comparison.diff.moments)
                comparison.diff.moments.clear()
            progress.counted(comparison.diff.events)
        if simulation is not None:
            simulation.end()
        return Found(comparison.diff, tuple(faults), simulation)


def command(
    old: Annotated[str, typer.Argument(help="Folder, git revision, or REVISION:path.", metavar="OLD")],
    new: Annotated[str | None, typer.Argument(help="The same; default: the folder of --rules.", metavar="NEW")] = None,
    events: Annotated[
        str | None,
        typer.Option(
            help="Events as JSON: a list, or one on each line, also gzipped; `-`: standard input. Or a file or folder "
            "of tests: their events. Or one event, as for `explain`.",
        ),
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Type of events in the file that do not name their own.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Read events from this topic instead, without joining a group.")
    ] = None,
    config: ConfigOption = None,
    start: Annotated[
        str | None, typer.Option("--from", help="First offset or time (`-24h`, `2026-11-23T00:00:00Z`).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Offset or time to stop before.")] = None,
    rules: RulesOption = None,
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    examples: Annotated[
        int, typer.Option(min=0, max=1_000, help="Number of examples for each rule and kind of change.")
    ] = 3,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that compare a long file; default: one per core.", metavar="N"),
    ] = None,
    output: Annotated[Literal["text", "json", "markdown"], typer.Option(help="Output format.")] = "text",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 if any message changes, or another one is held back.")
    ] = False,
    show_recipients: Annotated[bool, typer.Option("--show-recipients", help="Do not mask recipients.")] = False,
) -> None:
    """Compare the messages that two versions of the rules make of recorded events. Nothing is sent.

    The report lists messages that are new, gone, changed or newly refused, with examples. Recipients are masked in
    examples; other fields are not. A revision is read from git's object store; nothing is checked out.

    Where a version has recipient care (care.yaml, `once`), it is simulated in virtual time: how many messages each cap,
    quiet hours and `once` hold back in the old and the new version, of how many recipients, at which hours.

    Exit 0: compared; 1: changes, with --exit-code, rules with errors, or no event that can be read; 2: misuse.

    Examples: `notice-pipeline diff main --events yesterday.jsonl` ·
    `notice-pipeline diff HEAD~1 HEAD --topic trade.order.events --config pipeline.yaml --from -24h --output markdown`
    """
    named = Named(rules, schemas, environment, config)
    at = plain_reference(events) if events is not None else None
    settings = named.settings(needs_kafka=topic is not None or (at is not None and at.position is not None))
    meant = named.completed(settings)
    source = _Source.of(events, meant.rules, topic, settings, start, end, event_type).checked()
    folder = meant.rules if new is None or not Path(new).is_dir() else Path(new)
    sides = read_version(old, folder), read_version(new if new is not None else str(folder), folder)
    catalogue = read_schemas(meant.schemas) if meant.schemas is not None else None
    against = [(side.sources, catalogue or side.schemas) for side in sides]
    pair = RuleSetPair.of(against[0], against[1], meant.environment, examples)
    only = None
    if source.one is not None:
        found = find_or_exit(
            source.one, SoundRules.of(named, settings, tests=False), settings, as_json=output == "json"
        )
        (diff, faults, care), only = _of_one(pair, found.event), found.where
    else:
        diff, faults, care = source.found(pair, jobs or _cores())
    for message in faults:
        warn(phrase("warning: {message}", message=terminal_escape(message)))
    tests = [case.name for case in source.cases or ()]
    names, mask = (
        Names(sides[0].name, sides[1].name, only or source.name, only, tests),
        Mask(show=show_recipients, say=in_language),
    )
    if output == "json":
        print_json(as_values(diff, names, mask) | {"care": None if care is None else care_report.as_values(care)})
    elif output == "markdown":
        print(in_language(as_markdown(diff, names, mask, care)), end="")
    else:
        diff_text.show(diff, names, mask, care)
    if diff.undecodable and not diff.events:
        warn(phrase("no event of {name} can be read", name=terminal_escape(source.name)))
        raise typer.Exit(FINDINGS)
    if exit_code and (diff.changes or (care is not None and care.changes)):
        raise typer.Exit(FINDINGS)


def _of_one(pair: RuleSetPair, event: Event) -> Found:
    """The comparison for one event."""
    comparison = pair.comparison()
    comparison.add(event)
    return _simulated(comparison, ())


def _of_tests(pair: RuleSetPair, cases: Sequence[Case]) -> Found:
    """The comparison for the events of tests."""
    comparison, schemas, files = pair.comparison(), pair.read_by, read_test_events(cases)
    faults: list[str] = []
    for number, case in enumerate(cases):
        try:
            event = given(case, schemas, files)
            event.record = event.record._replace(offset=number)
            comparison.add(event)
        except Unfit as unfit:
            comparison.add_undecodable(UNREADABLE)
            line = case.document.location(case.path).line
            faults.append(f"{case.document.path}:{line}: {unfit.message}")
    return _simulated(comparison, tuple(faults[:MOST_FAULTS]))


def _simulated(comparison: Comparison, faults: tuple[str, ...]) -> Found:
    """What was compared, with what recipient care would have done."""
    simulation = comparison.simulation()
    if simulation is not None:
        simulation.play(comparison.diff.moments)
        simulation.end()
    return Found(comparison.diff, faults, simulation)


def _cores() -> int:
    """Default number of processes."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_JOBS)

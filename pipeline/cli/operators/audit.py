"""`audit`: prove from Kafka alone that every event has its outcomes, each exactly once and in order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.app import FINDINGS, rules_needed
from pipeline.cli.bounds import FORMS, read_time, require_order
from pipeline.cli.printing import print_json
from pipeline.cli.progress import progress
from pipeline.errors import UserError
from pipeline.model.suggestion import did_you_mean
from pipeline.settings import Settings, load_settings, require_group
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from pipeline.operations.audit.findings import Code, Report, Unproven


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The service's configuration.", metavar="FILE")] = Path(
        "pipeline.yaml"
    ),
    start: Annotated[
        str,
        typer.Option("--from", help=f"Events at or after this time, by Kafka's timestamps: {FORMS}.", metavar="TIME"),
    ] = "-24h",
    end: Annotated[str, typer.Option("--to", help="Events before this time.", metavar="TIME")] = "now",
    topic: Annotated[
        list[str] | None, typer.Option(help="Only this topic, which the configuration reads; may be repeated.")
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(help="The rules that were in use at that time; default: the configured ones.", metavar="FOLDER"),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 also if something could not be judged.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=0, help="Show at most this many examples of each finding; all are counted.")
    ] = 20,
    output: Annotated[Literal["text", "json"], typer.Option(help="How to print it.")] = "text",
) -> None:
    """Compare events with outcomes and dead letters, from Kafka alone, without writing and without joining the group.

    Findings: **lost** (committed, but without a required outcome), **gone-unread** (deleted by retention before the
    group read it), **orphan** (an outcome without its event),
    **duplicate** (two outcomes of one notice), **accepted-twice** (one notice accepted at two positions),
    **out-of-order** (a recipient's later event was sent first), **no-dead-letter** (a failed notice without its dead
    letter) and **stray-dead-letter** (a dead letter without its outcome). With recipient care, first attempts
    are judged again by the rules: **over-cap**, **not-once**, **after-opt-out** and **in-quiet-hours**. Events that are
    not committed yet are pending, not lost.

    Exit codes: 0 no findings, 1 findings, 2 misuse.

    Examples: `notice-pipeline audit` · `notice-pipeline audit --from 2026-01-31 --to 2026-02-01 --output json`
    """
    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    now = datetime.now(UTC)  # noqa: TID251 - the time at which the command was called
    since, until = read_time(start, "--from", now), read_time(end, "--to", now)
    require_order(since, until, start, end)
    with rules_needed():
        report = _run(_narrowed(settings, topic, rules), since, None if end == "now" else until, limit)
    if output == "json":
        print_json(_as_json(report, since, until))
    else:
        _print(report, since, until)
    if not report.is_clean or (strict and report.unproven):
        raise typer.Exit(FINDINGS)


def _narrowed(settings: Settings, topics: list[str] | None, rules: Path | None) -> Settings:
    """Return the configuration with the topics and rules of the options, if given."""
    for topic in topics or ():
        if topic not in settings.kafka.topics:
            hint = did_you_mean(topic, settings.kafka.topics) or f"there are {', '.join(settings.kafka.topics)}"
            raise UserError(f"--topic: the configuration reads no topic {topic}", hint=hint)
    kafka = settings.kafka.model_copy(update={"topics": tuple(topics)}) if topics else settings.kafka
    return settings.model_copy(update={"kafka": kafka, "rules": rules or settings.rules})


def _run(settings: Settings, since: datetime | None, until: datetime | None, limit: int) -> Report:
    from pipeline.bootstrap.audit import run_audit  # noqa: PLC0415 - it imports the whole service

    return run_audit(settings, since, until, keep=limit, stage=progress)


def _as_json(report: Report, since: datetime | None, until: datetime | None) -> dict[str, object]:
    examples = [{"code": one.code, **one.position._asdict(), "words": one.message} for one in report.examples]
    span = {"from": since.isoformat() if since else None, "to": until.isoformat() if until else None}
    return {**span, "clean": report.is_clean, **report._asdict(), "examples": examples}


def _print(report: Report, since: datetime | None, until: datetime | None) -> None:
    span = " to ".join(one.isoformat(timespec="seconds") if one else "now" for one in (since, until))
    print(f"{report.events:,} events from {span}")
    print(f"  expected:  {report.expected:,} outcomes, by the rules {report.rules_version}")
    print(f"  outcomes:  {_counts(report.outcomes)}")
    if report.redriven:
        print(f"  redriven:  {_counts(report.redriven)}")
    print(f"  letters:   {report.dead_letters:,} dead letters")
    print(f"  pending:   {report.pending:,} (not committed yet)")
    if report.unproven:
        print(f"  not judged: {_counts(report.unproven)}")
    if report.order_unchecked:
        print(f"  order not judged: {report.order_unchecked:,} (sent again after a restart, or without a recipient)")
    if report.clock_steps:
        print(f"  clock set back: {report.clock_steps:,} (order is not judged across a step)")
    print(f"  found:     {_counts(report.findings)}")
    for finding in report.examples:
        print(terminal_escape(str(finding)))
    omitted = sum(report.findings.values()) - len(report.examples)
    if omitted:
        print(f"… and {omitted:,} more (--limit)")
    print(_conclusion(report))


def _counts(counts: Mapping[str, int] | Mapping[Code, int] | Mapping[Unproven, int]) -> str:
    return " · ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _conclusion(report: Report) -> str:
    if not report.is_clean:
        return "not proved: see the findings above"
    if report.unproven:
        versions = ", ".join(report.other_versions)
        return "no findings, but not everything could be judged" + (
            f": the rules changed; audit again with the others and --rules (their versions: {versions})"
            if versions
            else ""
        )
    if not report.events:
        return "nothing to prove: this range has no events"
    return (
        "proved: every committed event has its required outcomes, each exactly once and in order per recipient, "
        "and every failed notice has its dead letter"
    )

"""`redrive`: dead letters back into sending, each once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.app import FINDINGS, FINE, INTERRUPTED
from pipeline.cli.bounds import FORMS, read_time, require_order
from pipeline.cli.printing import print_json
from pipeline.cli.progress import progress
from pipeline.errors import UserError
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.operations.redrive.selection import RedriveDecision, Selection
from pipeline.settings import load_settings, require_group
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from pipeline.bootstrap.redrive import Redrive, RedriveOptions, Tally
    from pipeline.settings import Settings

LABELS = {
    RedriveDecision.SEND: "sent again",
    RedriveDecision.NOT_ASKED_FOR: "left out by the filters",
    RedriveDecision.ASK_BY_NAME: "not sent unless --kind or --reason names them",
    RedriveDecision.DONE: "sent again by an earlier run",
    RedriveDecision.TWICE: "duplicates, written twice because of a crash",
    RedriveDecision.LOOP_GUARD: "at the limit of --max-redrives",
    RedriveDecision.OTHER_TOPIC: "from a topic that this service does not read",
    RedriveDecision.OTHER_GROUP: "of another consumer group",
    RedriveDecision.NOT_OURS: "not dead letters of this service",
    RedriveDecision.SOURCE_GONE: "without the complete event, which is no longer in its source topic",
    RedriveDecision.REFUSED: "refused by Kafka",
}
FAILURES = (RedriveDecision.LOOP_GUARD, RedriveDecision.SOURCE_GONE, RedriveDecision.REFUSED)
"""Selected and not sent: the exit code is 1."""

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The service's configuration.", metavar="FILE")]
RateOption = Annotated[float | None, typer.Option(min=0.01, help="At most this many a second; default: no limit.")]
IntoOption = Annotated[
    str | None,
    typer.Option(help="Write to this topic, which the service reads, instead of the source topic.", metavar="TOPIC"),
]
NotCompactedOption = Annotated[
    bool,
    typer.Option(
        "--not-compacted",
        help="Confirm that no topic that is written to is compacted, if the Kafka user may not read that.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only count; write nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
OutputOption = Annotated[Literal["text", "json"], typer.Option(help="How to print it.")]


def command(
    config: ConfigOption = Path("pipeline.yaml"),
    reason: Annotated[
        list[Reason] | None,
        typer.Option(help="Only letters with this reason; may be repeated.", metavar="REASON", show_choices=False),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Only letters of this rule; may be repeated.", metavar="RULE")
    ] = None,
    kind: Annotated[
        list[OutcomeKind] | None,
        typer.Option(help="Only letters of this kind; default: rejected, exhausted, unrenderable.", metavar="KIND"),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Only letters with this key; may be repeated.", metavar="KEY")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help=f"Only letters that failed at or after this time: {FORMS}.", metavar="TIME"),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Only letters that failed before this time.", metavar="TIME")
    ] = None,
    rate: RateOption = None,
    max_redrives: Annotated[
        int, typer.Option(min=1, max=1000, help="Skip letters that were redriven this many times.")
    ] = 3,
    into: IntoOption = None,
    not_compacted: NotCompactedOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: OutputOption = "text",
) -> None:
    """Send dead letters again: each is written to its source topic, and the service runs the one rule that failed.

    Fix the cause first. Each letter is sent once, even if the command is run again or interrupted; a notice that fails
    again gets a new letter. The order per key is kept. Letters of these kinds and reasons are sent only if --kind or
    --reason names them: **expired** (would expire again), **unknown** and **key_reused** (may have reached the
    customer), **undecodable** (cannot be read yet), **suppressed** (paused: see `resume --send`).

    Exit codes: 0 all sent, 1 some could not be sent, 2 misuse, 130 interrupted (run it again to continue).

    Examples: `notice-pipeline redrive --dry-run` · `notice-pipeline redrive --reason rejected_content --rule order-paid
    --rate 50` · `notice-pipeline redrive --kind undecodable --reason unknown_schema --from -24h --yes`
    """
    from pipeline.bootstrap.redrive import RedriveOptions  # noqa: PLC0415 - it imports the whole service

    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    now = datetime.now(UTC)  # noqa: TID251 - the time at which the command was called
    since, until = read_time(start, "--from", now), read_time(end, "--to", now)
    require_order(since, until, start, end)
    selection = Selection(
        frozenset(reason or ()),
        frozenset(rule or ()),
        frozenset(kind or ()),
        frozenset(one.encode(errors="surrogateescape") for one in key or ()),  # any bytes, as the shell gave them
        max_redrives=max_redrives,
        group=settings.kafka.group_id,
    )
    options = RedriveOptions(selection, since, until, into, not_compacted)
    send_again(settings, options, rate=rate, dry_run=dry_run, yes=yes, output=output)


def send_again(
    settings: Settings, options: RedriveOptions, *, rate: float | None, dry_run: bool = False, yes: bool, output: str
) -> None:
    """Show what is to be sent, ask on a terminal, send, and end with the exit code.

    Raises:
        UserError: the configuration is a shadow's, or Kafka does not answer.
    """
    from pipeline.bootstrap.redrive import open_redrive  # noqa: PLC0415 - it imports the whole service

    if settings.shadow:
        message = "dead letters of a shadow are not sent again: the live service would send them in addition to its own"
        raise UserError(message, hint="use the live configuration, without `shadow`")
    with open_redrive(settings, options, writes=not dry_run) as redrive:
        with progress("looking") as progressed:
            seen = redrive.look(progressed)
        if output == "text":
            _show(seen)
        count = seen.fates[RedriveDecision.SEND]
        if dry_run or not count:
            _finish(seen, seen, output, sent=0, interrupted=False)
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Send {count:,} dead letters again?", abort=True, err=True)
        _send(redrive, seen, rate, output)


def _send(redrive: Redrive, seen: Tally, rate: float | None, output: str) -> None:
    with stopped_by_signals() as stop, progress("sending") as progressed:
        tally = redrive.send(seen.fates[RedriveDecision.SEND], rate, stop, progressed)
    _finish(seen, tally, output, sent=tally.fates[RedriveDecision.SEND], interrupted=stop.is_set())


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """Ctrl-C and SIGTERM set the event, so that sending ends after the current batch; a second Ctrl-C ends at once."""
    stop = Event()
    interrupt, terminate = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def request_stop(_number: int, _frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, interrupt)

    signal.signal(signal.SIGINT, request_stop)
    signal.signal(signal.SIGTERM, request_stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)


def _finish(seen: Tally, tally: Tally, output: str, *, sent: int, interrupted: bool) -> None:
    """Print the result and exit."""
    left = {fate: seen.fates[fate] + (tally.fates[fate] if tally is not seen else 0) for fate in RedriveDecision}
    if output == "json":
        print_json(_as_json(seen, tally, left, sent, interrupted=interrupted))
    elif tally is not seen:
        for result in tally.failures:
            print(terminal_escape(f"{result.position}: {result.fate}: {result.message}"))
        rest = seen.fates[RedriveDecision.SEND] - sum(tally.fates.values())
        print(
            f"{sent:,} sent again" + (f"; interrupted, {rest:,} left: run it again to continue" if interrupted else "")
        )
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(FINDINGS if any(left[fate] for fate in FAILURES) else FINE)


def _as_json(
    seen: Tally, tally: Tally, left: dict[RedriveDecision, int], sent: int, *, interrupted: bool
) -> dict[str, object]:
    return {
        "letters": sum(seen.fates.values()),
        "selected": seen.fates[RedriveDecision.SEND],
        "sent": sent,
        "interrupted": interrupted,
        "others": {fate: left[fate] for fate in RedriveDecision if fate is not RedriveDecision.SEND and left[fate]},
        "by": [
            {"fate": fate, "reason": reason, "rule": rule or None, "letters": count}
            for (fate, reason, rule), count in sorted(seen.by.items())
        ],
        "troubles": [
            {"dead_letter": result.position, "fate": result.fate, "words": result.message} for result in tally.failures
        ],
    }


def _show(seen: Tally) -> None:
    """Print what would be sent, by reason and rule, and how many letters would not be sent."""
    chosen = sorted((key, count) for key, count in seen.by.items() if key[0] is RedriveDecision.SEND)
    if chosen:
        table = Table("reason", "rule", "dead letters", box=None, pad_edge=False)
        for (_, reason, rule), count in chosen:
            table.add_row(Text(terminal_escape(reason)), Text(terminal_escape(rule or "(no event)")), f"{count:,}")
        Console(width=120, highlight=False).print(table)
    print(f"{seen.fates[RedriveDecision.SEND]:,} of {sum(seen.fates.values()):,} dead letters to be sent again")
    for fate, message in LABELS.items():
        if fate is not RedriveDecision.SEND and seen.fates[fate]:
            print(f"  {seen.fates[fate]:,} {message}")
    if not chosen and seen.fates[RedriveDecision.NOT_ASKED_FOR]:
        available = sorted({f"{reason} of {rule}" if rule else reason for _, reason, rule in seen.by})
        print(terminal_escape(f"  the topic has letters with {', '.join(available[:12])}"))

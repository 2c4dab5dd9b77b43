"""`replay`: events of the past for one rule, which it never got a message out of."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.app import FINDINGS, FINE, INTERRUPTED
from pipeline.cli.bounds import FORMS, read_time, require_order
from pipeline.cli.operators.redrive import (
    ConfigOption,
    DryRunOption,
    IntoOption,
    NotCompactedOption,
    OutputOption,
    RateOption,
    YesOption,
    stopped_by_signals,
)
from pipeline.cli.printing import print_json
from pipeline.cli.progress import progress
from pipeline.errors import UserError
from pipeline.model.event import Position
from pipeline.operations.positions import read_position
from pipeline.operations.replay.selection import ReplayDecision
from pipeline.settings import load_settings, require_group
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from pipeline.bootstrap.replay import ReplayRun, ReplayTally

LABELS = {
    ReplayDecision.TWICE: "left out: the recipient has the message (--twice sends a second one)",
    ReplayDecision.REDRIVE: "ended without a message and with a dead letter: see `redrive` and `resume --send`",
    ReplayDecision.HELD_BACK: "held back by recipient care (--positions has them decided again)",
    ReplayDecision.NOT_MATCHED: "that the rule does not match",
    ReplayDecision.AHEAD: "that the service has not read yet, and will evaluate itself",
    ReplayDecision.EXPIRED: "whose message would be too late (expires_after)",
    ReplayDecision.DONE: "replayed by an earlier run (--round sends them once more)",
    ReplayDecision.NOT_ASKED_FOR: "at other positions",
    ReplayDecision.COPY: "copies that redrive or replay wrote",
    ReplayDecision.NOT_AN_EVENT: "that are not events",
    ReplayDecision.REFUSED: "refused by Kafka",
}
SHOWN_RECIPIENTS = 10
SHOWN_POSITIONS = 3
MOST_LINE = 1_000
"""Characters of a line in a file of positions."""


def command(
    rule: Annotated[str, typer.Option(help="The rule to run; no other is run.", metavar="ID")],
    config: ConfigOption = Path("pipeline.yaml"),
    start: Annotated[
        str | None,
        typer.Option("--from", help=f"Events that Kafka received at or after this time: {FORMS}.", metavar="TIME"),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Events that Kafka received before this time.", metavar="TIME")
    ] = None,
    positions: Annotated[
        Path | None,
        typer.Option(help="Only the events of this file: a TOPIC/PARTITION/OFFSET on each line.", metavar="FILE"),
    ] = None,
    lost: Annotated[bool, typer.Option("--lost", help="Every event that the topics still have.")] = False,
    twice: Annotated[
        bool, typer.Option("--twice", help="Also events whose recipients have the message: they get a second one.")
    ] = False,
    replay_round: Annotated[
        int,
        typer.Option(
            "--round",
            min=1,
            max=100,
            help="Replay once more what an earlier replay of this rule wrote: 2 for the second time.",
            metavar="N",
        ),
    ] = 1,
    rate: RateOption = None,
    into: IntoOption = None,
    not_compacted: NotCompactedOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: OutputOption = "text",
) -> None:
    """Run one rule on events of the past: when it was gone, switched off, wrong, or did not exist yet.

    The rule must be right and in use by the service first. Each event that the group has passed, that the rule matches,
    and of which the rule has no outcome is written once more to its topic, in the same partition and order, and the
    service runs this rule alone. **Other readers of the topic see the record again**: they know it by the header
    `notice.redrives`, or use --into. An event is written once, even if the command is killed and run again.

    Recipients who have the message of an event are counted beforehand and left out, unless --twice asks for a second
    one. Of a rule with `for_each`, the items of an event that ended differently are counted and written one by one.
    Notices that failed have dead letters: `redrive` sends those.

    Exit codes: 0 all sent, 1 some could not be sent, 2 misuse, 130 interrupted (run it again to continue).

    Examples: `notice-pipeline replay --rule order-paid --lost --dry-run` · `notice-pipeline replay --rule order-paid
    --from 2026-01-31T14:00:00+08:00 --to -1h --rate 50` · `notice-pipeline replay --rule coupon-issued --positions
    missing.txt`
    """
    from pipeline.bootstrap.replay import ReplayOptions, ReplayRun  # noqa: PLC0415 - it imports the whole service

    now = datetime.now(UTC)  # noqa: TID251 - the time at which the command was called
    since, until = read_time(start, "--from", now), read_time(end, "--to", now)
    _require_one_choice(lost=lost, positions=positions, ranged=since is not None or until is not None)
    require_order(since, until, start, end)
    named = None if positions is None else read_positions(positions)
    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    if settings.shadow:
        message = "a shadow replays nothing: the live service would send it"
        raise UserError(message, hint="use the live configuration, without `shadow`")
    unread = next((one for one in named or () if one.topic not in settings.kafka.topics), None)
    if unread is not None:
        raise UserError(
            f"{positions}: {unread}: the service does not read this topic",
            hint=f"the configuration reads {', '.join(settings.kafka.topics)}",
        )
    options = ReplayOptions(rule, since, until, named, twice, replay_round, into, not_compacted)
    run = ReplayRun(settings, options, writes=not dry_run)
    with progress("looking") as progressed:
        seen = run.look(progressed)
    if output == "text":
        _show(seen, twice=twice)
    count = seen.fates[ReplayDecision.SEND]
    if dry_run or not count:
        _finish(rule, seen, seen, output, sent=0, interrupted=False)
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Replay {count:,} events for rule {rule}?", abort=True, err=True)
    _send(run, rule, seen, rate, output)


def _require_one_choice(*, lost: bool, positions: Path | None, ranged: bool) -> None:
    if (lost, positions is not None, ranged).count(True) != 1:
        raise UserError(
            "which events?", hint="name a time range (--from, --to), positions (--positions FILE), or --lost for all"
        )


def read_positions(path: Path) -> frozenset[Position]:
    """Read a file with a position on each line; empty lines and those that begin with `#` are passed over.

    Raises:
        UserError: it cannot be read, has no position, or a line is none.
    """
    found: set[Position] = set()
    try:
        with path.open(encoding="utf-8-sig") as file:
            # What has no line feed, such as a device, must not fill the memory.
            for number, line in enumerate(iter(partial(file.readline, MOST_LINE), ""), 1):
                text = line.strip()
                if text and not text.startswith("#"):
                    found.add(_position(path, number, text))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    if not found:
        raise UserError(f"{path} has no position", hint="write TOPIC/PARTITION/OFFSET on each line")
    return frozenset(found)


def _position(path: Path, number: int, text: str) -> Position:
    try:
        return read_position(text)
    except UserError as error:
        raise UserError(f"{path}:{number}: {error.message}", hint=error.hint) from None


def _send(run: ReplayRun, rule: str, seen: ReplayTally, rate: float | None, output: str) -> None:
    with stopped_by_signals() as stop, progress("sending") as progressed:
        tally = run.send(seen.fates[ReplayDecision.SEND], rate, stop, progressed)
    _finish(rule, seen, tally, output, sent=tally.fates[ReplayDecision.SEND], interrupted=stop.is_set())


def _finish(rule: str, seen: ReplayTally, tally: ReplayTally, output: str, *, sent: int, interrupted: bool) -> None:
    """Print the result and exit."""
    refused = tally.fates[ReplayDecision.REFUSED]
    if output == "json":
        others = {fate: count for fate, count in seen.fates.items() if fate is not ReplayDecision.SEND}
        if refused:
            others[ReplayDecision.REFUSED] = refused
        print_json(
            {
                "rule": rule,
                "events": sum(seen.fates.values()),
                "selected": seen.fates[ReplayDecision.SEND],
                "sent": sent,
                "interrupted": interrupted,
                "others": others,
                "absent": [str(position) for position in seen.absent],
                "twice": {"events": seen.twice_events, "recipients": seen.twice},
                "troubles": [{"event": position, "words": error} for position, error in tally.refused],
            }
        )
    elif tally is not seen:
        for position, error in tally.refused:
            print(terminal_escape(f"{position}: {error}"))
        rest = seen.fates[ReplayDecision.SEND] - sum(tally.fates.values())
        print(f"{sent:,} replayed" + (f"; interrupted, {rest:,} left: run it again to continue" if interrupted else ""))
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(FINDINGS if refused else FINE)


def _show(seen: ReplayTally, *, twice: bool) -> None:
    """Print how many events would be replayed, how many not and why, and who would get a second message."""
    print(f"{seen.fates[ReplayDecision.SEND]:,} of {sum(seen.fates.values()):,} events to be replayed")
    for fate, message in LABELS.items():
        if seen.fates[fate]:
            print(f"  {seen.fates[fate]:,} {message}")
    if seen.absent:
        shown = ", ".join(map(str, seen.absent[:SHOWN_POSITIONS]))
        more = ", …" if len(seen.absent) > SHOWN_POSITIONS else ""
        print(f"  {len(seen.absent):,} that the file names and the topic does not have: {shown}{more}")
    if seen.twice_events:
        would = "get a second message" if twice else "would get a second message"
        print(f"{len(seen.twice):,} recipients {would}, for {seen.twice_events:,} events:")
        for recipient, count in sorted(seen.twice.items(), key=lambda one: (-one[1], one[0]))[:SHOWN_RECIPIENTS]:
            print(terminal_escape(f"  {recipient} ({count:,})"))

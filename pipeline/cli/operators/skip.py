"""`skip`: move the group past a batch that cannot be read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.app import FINDINGS, show_error
from pipeline.cli.operators.caller import caller
from pipeline.cli.printing import print_json
from pipeline.errors import SkipRefused, UserError
from pipeline.model.suggestion import did_you_mean
from pipeline.operations.positions import read_position
from pipeline.settings import load_settings, require_group
from pipeline.terminal_escape import terminal_escape

if TYPE_CHECKING:
    from pipeline.adapters.operations.skip import SkipPlan


def command(
    position: Annotated[
        str, typer.Argument(help="The offset at which the partition is stuck.", metavar="TOPIC/PARTITION/OFFSET")
    ],
    config: Annotated[Path, typer.Option("--config", "-c", help="The service's configuration.", metavar="FILE")] = Path(
        "pipeline.yaml"
    ),
    through: Annotated[
        int | None,
        typer.Option(
            min=0, help="The last offset to skip; default: the last one that cannot be read.", metavar="OFFSET"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be skipped; write nothing.")] = False,
    reason: Annotated[str, typer.Option(help="Why; the outcomes have it.", metavar="TEXT")] = "",
    by: Annotated[
        str | None, typer.Option(help="Who skips; the outcomes have it. Default: user and host.", metavar="NAME")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    output: Annotated[Literal["text", "json"], typer.Option(help="How to print it.")] = "text",
) -> None:
    """Move the consumer group past a batch that cannot be read, so that its partition continues.

    Stop all members of the service first. The complete batch is skipped: each of its offsets gets the outcome
    `undecodable` with the reason `skipped`, in whose detail are who skipped it, why, and Kafka's error; and a dead
    letter with the position and without a value. Then the group's offset is committed. The messages of these events are
    not sent; the upstream system can emit the events again.

    Offsets that can be read are refused, and so is every offset other than the one at which the group is stuck.

    Exit codes: 0 skipped, 1 refused, 2 misuse.

    Examples: `notice-pipeline skip trade.order.events/3/1042 --dry-run` · `notice-pipeline skip
    trade.order.events/3/1042 --yes --reason "a bomb of zeros"`
    """
    from pipeline.adapters.operations.skip import SkippedBy  # noqa: PLC0415 - it imports the whole service
    from pipeline.bootstrap.skip import Skip  # noqa: PLC0415 - the same

    parsed = read_position(position)
    settings = load_settings(config, os.environ)
    require_group(settings, config, os.environ)
    if parsed.topic not in settings.kafka.topics:
        hint = did_you_mean(parsed.topic, settings.kafka.topics) or f"there are {', '.join(settings.kafka.topics)}"
        raise UserError(f"the configuration reads no topic {parsed.topic}", hint=hint)
    if through is not None and through < parsed.offset:
        raise UserError(f"--through {through} is before {parsed}")
    try:
        skip = Skip(settings, parsed)
        if not dry_run:
            skip.require_stopped()
        plan = skip.plan(through)
        if output == "text":
            _show(plan)
        if not dry_run:
            if not yes and sys.stdin.isatty():
                typer.confirm(f"Skip {len(plan.offsets):,} offsets? Their messages are not sent.", abort=True, err=True)
            skip.carry_out(plan, SkippedBy(caller(by), reason))
    except SkipRefused as refused:
        raise typer.Exit(show_error(refused, FINDINGS)) from None
    if output == "json":
        print_json(_as_json(plan, done=not dry_run))
    elif not dry_run:
        print(f"skipped; the group continues at offset {plan.stop}")


def _as_json(plan: SkipPlan, *, done: bool) -> dict[str, object]:
    return {
        **plan.position._asdict(),
        "through": plan.stop - 1,
        "offsets": len(plan.offsets),
        "next_offset": plan.stop,
        "error": plan.error,
        "next_error": plan.next_error,
        "skipped": done,
    }


def _show(plan: SkipPlan) -> None:
    print(f"{plan.position}: {terminal_escape(plan.error)}")
    print(f"  to skip: {len(plan.offsets):,} offsets, {plan.position.offset} to {plan.stop - 1}")
    if plan.next_error is not None:
        print(f"  the partition is also stuck at {plan.stop}: skip that offset next")

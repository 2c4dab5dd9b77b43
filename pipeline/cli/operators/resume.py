"""`resume`: lift pauses, and send what they suppressed."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.operators.pause import (
    AllOption,
    ConfigOption,
    OutputOption,
    RuleOption,
    TemplateOption,
    configured,
    read_scopes,
    show_pauses,
    time_of_call,
)
from pipeline.errors import UserError
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.pause import EVERYTHING, Scope
from pipeline.operations.redrive.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.model.pause import Pause
    from pipeline.settings import Settings

CLOCKS_SECONDS = 3_600
"""Dead letters are read from this long before the pause: the clocks of operator and service may differ."""
FOLLOW_SECONDS = 2.0
"""Members follow the control topic within a second; what is sent again earlier might be suppressed again."""


def command(
    config: ConfigOption = Path("pipeline.yaml"),
    everything: AllOption = False,
    rule: RuleOption = None,
    template: TemplateOption = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send what the pauses suppressed, in its order, as `redrive` does.")
    ] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="With --send: at most this many a second; default: no limit.")
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(help="With --send: write them to this topic, which the service reads.", metavar="TOPIC"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: OutputOption = "text",
) -> None:
    """Lift pauses. All members of the group follow within a second.

    Without `--all`, `--rule` or `--template` every pause is lifted. Notices that a pause of a rule or template
    suppressed stay dead letters; `--send` sends them now, those of one recipient in their order, unless they have
    expired. What waited because of `--all` is sent in any case.

    Exit codes: 0 done, 1 something could not be sent again, 2 misuse.

    Examples: `notice-pipeline resume --all` · `notice-pipeline resume --rule coupon-issued --send --rate 50`
    """
    if not send and (rate is not None or into is not None):
        raise UserError(f"--{'rate' if rate is not None else 'into'} is an option of --send")
    wanted = read_scopes(everything=everything, rules=rule, templates=template)
    settings = configured(config)
    from pipeline.bootstrap.pauses import Pausing  # noqa: PLC0415 - it imports Kafka's client

    pausing = Pausing(settings)
    known = {pause.scope: pause for pause in pausing.pauses()}
    lifted = {scope: known[scope] for scope in wanted or known if scope in known}
    over = [scope.name for scope, pause in lifted.items() if pause.by_limit]
    if send and over and rate is None:
        raise UserError(
            f"rule {over[0]} was paused by its max_per_minute, which would pause it again",
            hint="add --rate, lower than the limit: with 600 a minute at most --rate 9",
        )
    for scope in wanted:
        if scope not in known:
            topic = settings.control.topic
            print(f"{scope} has no pause on {topic}; a member that knows of one ends it", file=sys.stderr)
    if lifted and not wanted and not yes and sys.stdin.isatty():
        typer.confirm(f"Resume {', '.join(map(str, lifted))}?", abort=True, err=True)
    # Also what is not paused on the topic: where it was deleted or purged, members keep the pauses that they know.
    pausing.change(dict.fromkeys(wanted or lifted))
    scopes = {scope: known.get(scope) for scope in wanted or known if scope != EVERYTHING}
    if not (send and scopes and output == "json"):
        show_pauses(pausing.pauses(), time_of_call(), settings.kafka.group_id, output)
    if send and scopes:
        _send(settings, scopes, rate, into, yes=yes, output=output)


def _send(
    settings: Settings,
    scopes: Mapping[Scope, Pause | None],
    rate: float | None,
    into: str | None,
    *,
    yes: bool,
    output: str,
) -> None:
    from pipeline.bootstrap.redrive import RedriveOptions  # noqa: PLC0415 - it imports Kafka's client
    from pipeline.cli.operators.redrive import send_again  # noqa: PLC0415 - the same

    time.sleep(FOLLOW_SECONDS)
    selection = Selection(
        reasons=frozenset({Reason.PAUSED}),
        kinds=frozenset({OutcomeKind.SUPPRESSED}),
        pauses=frozenset(map(str, scopes)),
        group=settings.kafka.group_id,
    )
    sinces = [None if pause is None else pause.since for pause in scopes.values()]
    earliest = None if None in sinces else min(since for since in sinces if since is not None)
    start = None if earliest is None else datetime.fromtimestamp(earliest - CLOCKS_SECONDS, UTC)
    send_again(settings, RedriveOptions(selection, start, None, into), rate=rate, yes=yes, output=output)

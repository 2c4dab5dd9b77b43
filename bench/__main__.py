"""`make bench`: the standard workload on a real Kafka and nginx; or, with `--profile`, the cost of each stage."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from bench import report, workload
from bench.api import Pace
from bench.benthos import VARIANTS, Engine
from bench.processes import Cores
from bench.service import Ended, Run
from bench.testbed import CASES, Testbed, testbed
from tests.broker.handle import Unavailable

MANY_RULES = 1_000


def main(  # noqa: PLR0913 - an option each
    events: Annotated[int, typer.Option(min=1_000, help="Events in the workload.")] = workload.EVENTS,
    case: Annotated[list[str] | None, typer.Option(help="0 or 50: delay of the API in milliseconds.")] = None,
    repeat: Annotated[int, typer.Option(min=1, max=20, help="Runs of each kind; the median counts.")] = 1,
    results: Annotated[Path | None, typer.Option(help="Append the report to this file.")] = None,
    *,
    pinned: Annotated[bool | None, typer.Option("--pinned/--unpinned", help="Only so; both if not said.")] = None,
    extra: Annotated[bool, typer.Option(help="Also 1,000 rules, and two processes.")] = False,
    care: Annotated[bool, typer.Option(help="Also with recipient care in the rules, in turn with none.")] = False,
    peers: Annotated[bool, typer.Option(help="Also the Benthos engine, in turn with ours (needs Go).")] = False,
    takes_over: Annotated[
        bool, typer.Option("--take-over", help="How long a new owner of 200,000 recipients takes, instead.")
    ] = False,
    profile: Annotated[bool, typer.Option(help="The cost of each stage instead.")] = False,
) -> None:
    """Measure. Takes about a minute; ends by itself."""
    try:
        if profile:
            from bench.stages import profile_stages  # noqa: PLC0415 - the runs measured from outside need none of it

            profile_stages(events, results)
        elif takes_over:
            from bench.take_over import take_over  # noqa: PLC0415 - as above

            for one in take_over(repeat):
                print(f"{one.recipients:,} recipients: {one.seconds:.2f} s, {one.cpu_seconds:.2f} s of CPU")
        else:
            beside = _Beside(extra, peers, care)
            _compare(events, case or list(CASES), _modes(pinned=pinned), repeat, results, beside)
    except Unavailable as missing:
        print(f"cannot measure here: {missing}", file=sys.stderr)
        raise typer.Exit(2) from None
    except Ended as failed:
        print(f"the run failed: {failed}", file=sys.stderr)
        raise typer.Exit(1) from None


def _modes(*, pinned: bool | None) -> list[Cores]:
    if pinned is None:
        return [Cores.pinned(), Cores.shared()]
    return [Cores.pinned() if pinned else Cores.shared()]


class _Beside(NamedTuple):
    """What is measured beside the service as it is."""

    extra: bool
    peers: bool
    care: bool


def _compare(
    events: int, cases: list[str], modes: list[Cores], repeat: int, results: Path | None, beside: _Beside
) -> None:
    runs: list[Run] = []
    limits: dict[tuple[int, str], dict[str, Pace]] = {}
    with tempfile.TemporaryDirectory(prefix="notice-pipeline-peer-") as folder:
        engine = _engine(Path(folder)) if beside.peers else None
        for cores in modes:
            with testbed(events, cores) as made:
                if engine is not None:
                    made.check_peers(cores, engine, VARIANTS)
                for case in cases:
                    limits[CASES[case][0], cores.message] = made.limits(cores, case)
                    runs += _in_turn(made, cores, case, repeat, engine, care=beside.care)
                if beside.extra:
                    runs.append(made.ours(cores, cases[0], rules=MANY_RULES))
                    runs.append(made.ours(cores, cases[0], processes=2))
    report.show(runs, limits)
    if results is not None:
        about = report.machine(report.commit(), report.now())
        with results.open("a", encoding="utf-8") as file:
            file.write("\n" + report.markdown(runs, limits, [*about, f"{events:,} events"]))


def _engine(folder: Path) -> Engine | None:
    """The peer; None, with a message, if it cannot be built: ours can still be measured."""
    try:
        return Engine(folder)
    except Unavailable as missing:
        print(f"without the peer: {missing}", file=sys.stderr)
        return None


def _in_turn(
    made: Testbed, cores: Cores, case: str, repeat: int, engine: Engine | None, *, care: bool = False
) -> list[Run]:
    """The median run of each system. They take turns, so that what else the machine does meets all of them."""
    rounds: list[list[Run]] = []
    for _ in range(repeat):
        rounds.append([made.ours(cores, case)])
        if care:
            rounds[-1].append(made.ours(cores, case, care=True))
        if engine is not None:
            rounds[-1] += [made.peer(cores, case, engine, variant) for variant in VARIANTS]
    return [_median(list(runs)) for runs in zip(*rounds, strict=True)]


def _median(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda run: run.per_second)[len(runs) // 2]


if __name__ == "__main__":
    typer.run(main)

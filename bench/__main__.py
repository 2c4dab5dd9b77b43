"""`make bench`: the standard workload on a real Kafka and nginx; or, with `--profile`, the cost of each stage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench import report, workload
from bench.api import Pace
from bench.processes import Cores
from bench.service import Ended, Run
from bench.testbed import CASES, testbed
from tests.broker.handle import Unavailable

MANY_RULES = 1_000


def main(
    events: Annotated[int, typer.Option(min=1_000, help="Events in the workload.")] = workload.EVENTS,
    case: Annotated[list[str] | None, typer.Option(help="0 or 50: delay of the API in milliseconds.")] = None,
    repeat: Annotated[int, typer.Option(min=1, max=20, help="Runs of each kind; the median counts.")] = 1,
    results: Annotated[Path | None, typer.Option(help="Append the report to this file.")] = None,
    *,
    pinned: Annotated[bool | None, typer.Option("--pinned/--unpinned", help="Only so; both if not said.")] = None,
    extra: Annotated[bool, typer.Option(help="Also 1,000 rules, and two processes.")] = False,
    profile: Annotated[bool, typer.Option(help="The cost of each stage instead.")] = False,
) -> None:
    """Measure. Takes about a minute; ends by itself."""
    try:
        if profile:
            from bench.stages import profile_stages  # noqa: PLC0415 - the runs measured from outside need none of it

            profile_stages(events, results)
        else:
            _compare(events, case or list(CASES), _modes(pinned=pinned), repeat, results, extra=extra)
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


def _compare(
    events: int, cases: list[str], modes: list[Cores], repeat: int, results: Path | None, *, extra: bool
) -> None:
    runs: list[Run] = []
    limits: dict[tuple[int, str], dict[str, Pace]] = {}
    for cores in modes:
        with testbed(events, cores) as made:
            for case in cases:
                limits[CASES[case][0], cores.words] = made.limits(cores, case)
                runs.append(_median([made.ours(cores, case) for _ in range(repeat)]))
            if extra:
                runs.append(made.ours(cores, cases[0], rules=MANY_RULES))
                runs.append(made.ours(cores, cases[0], processes=2))
    report.show(runs, limits)
    if results is not None:
        about = report.machine(report.commit(), report.now())
        with results.open("a", encoding="utf-8") as file:
            file.write("\n" + report.markdown(runs, limits, [*about, f"{events:,} events"]))


def _median(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda run: run.per_second)[len(runs) // 2]


if __name__ == "__main__":
    typer.run(main)

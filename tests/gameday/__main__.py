"""`make game-day`: break the stack in eighteen ways, and see that the right alert tells of each and no other."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from deploy.grafana.generate import DASHBOARDS
from tests.broker.handle import Unavailable
from tests.gameday.scenarios import SCENARIOS, Scenario
from tests.gameday.stack import Stack, stack

LONGEST_SECONDS = 240.0
"""An alert that has not fired within this time (two hours at 30 times the speed) does not fire."""
LOOK_SECONDS = 0.5
AFTER_SECONDS = 10.0
"""How long to look on once the alert has come: others may follow."""
LONG_LASTING = frozenset({"NoticeDelaySlowBurn", "NoticeDeliverySlowBurn"})
VARIABLES = {
    "$namespace": ".*",
    "$release": ".*",
    "$job": ".*",
    "$rule": ".*",
    "$__rate_interval": "10s",
    "$__range": "1m",
}


class Result(NamedTuple):
    """How one scenario went."""

    scenario: Scenario
    seconds: float | None
    """From the fault to its alert, in the time lapse; None: it never came."""
    others: frozenset[str]
    """Alerts that fired although they should not."""
    before: str
    during: str
    """What the panel showed."""
    ready: str
    fixed: float | None
    """From the fix until no alert was left; None: never."""

    @property
    def is_right(self) -> bool:
        """The alert came, alone, and went."""
        return self.seconds is not None and not self.others - self.scenario.may_follow and self.fixed is not None

    def minutes(self, seconds: float | None) -> str | None:
        """As many as they would have been in production."""
        return None if seconds is None else f"{seconds * self.scenario.factor / 60:.0f} min"


def main(
    only: Annotated[list[str] | None, typer.Option(help="Only scenarios with this in their name; repeatable.")] = None,
    factor: Annotated[
        float, typer.Option(min=1, max=30, help="How much faster alerts run at most; lower on a busy machine.")
    ] = 30.0,
    report: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
) -> None:
    """Run the game day: about thirty minutes, everything on this machine, ends by itself."""
    chosen = [
        one._replace(factor=min(factor, one.factor))
        for one in SCENARIOS
        if not only or any(part.lower() in one.name.lower() for part in only)
    ]
    results: list[Result] = []
    try:
        for pace in sorted({one.factor for one in chosen}):
            with tempfile.TemporaryDirectory(prefix="game-day-") as folder, stack(Path(folder), pace) as up:
                for scenario in chosen:
                    if scenario.factor == pace:
                        _settle(up)
                        results.append(_play(up, scenario))
    except Unavailable as missing:
        print(f"no game day here: {missing}", file=sys.stderr)  # noqa: T201 - a command's output
        raise typer.Exit(2) from None
    if report is not None:
        report.write_text(_markdown(results), encoding="utf-8")
    if not all(one.is_right for one in results):
        raise typer.Exit(1)


def _settle(up: Stack) -> None:
    """Wait until traffic flows and no alert notifies but those that look back for days."""
    deadline = time.monotonic() + 2 * LONGEST_SECONDS
    while time.monotonic() < deadline:
        if up.firing() <= LONG_LASTING and up.metrics.ask("notice_pipeline:accepted:rate5m > 0"):
            return
        time.sleep(LOOK_SECONDS)
    raise Unavailable("the stack did not come to rest")


def _play(up: Stack, scenario: Scenario) -> Result:
    before, firing = _shown(up, scenario.panel), up.firing()
    started = time.monotonic()
    scenario.inject(up)
    seconds, others = _watch(up, scenario, started)
    others -= firing
    during, ready = _shown(up, scenario.panel), up.service.ready() or "no answer"
    scenario.fix(up)
    fixed = _wait_for_quiet(up, scenario)
    result = Result(scenario, seconds, others, before, during, ready, fixed)
    _say(f"{'ok  ' if result.is_right else 'FAIL'} {scenario.name}: {_row(result)}")
    return result


def _watch(up: Stack, scenario: Scenario, started: float) -> tuple[float | None, frozenset[str]]:
    """Until every alert that must come has come, and a little longer; tells which others did."""
    seen: set[str] = set()
    came: float | None = None
    while (now := time.monotonic()) - started < LONGEST_SECONDS:
        seen |= up.firing()
        if came is None and scenario.alerts <= seen:
            came = now - started
        if came is not None and now - started > came + AFTER_SECONDS:
            break
        time.sleep(LOOK_SECONDS)
    return came, frozenset(seen - scenario.alerts)


def _wait_for_quiet(up: Stack, scenario: Scenario) -> float | None:
    started = time.monotonic()
    while (passed := time.monotonic() - started) < 2 * LONGEST_SECONDS:
        if not up.firing() - scenario.may_follow - LONG_LASTING:
            return passed
        time.sleep(LOOK_SECONDS)
    return None


def _shown(up: Stack, title: str) -> str:
    """The values of the panel's queries, as it would show them now."""
    panels = [panel for board in DASHBOARDS for row in board.rows for panel in row.panels if panel.title == title]
    shown: list[str] = []
    for query in panels[0].queries:
        text = query.expr
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        for sample in up.metrics.ask(text):
            labels = ",".join(value for name, value in sample["metric"].items() if name not in _COMMON)
            shown.append(f"{labels or 'all'} {float(sample['value'][1]):.3g}")
    return "; ".join(shown[:6]) or "nothing"


_COMMON = frozenset({"__name__", "instance", "job", "namespace", "release", "topic"})


def _row(result: Result) -> str:
    came = f"after {result.minutes(result.seconds)}" if result.seconds is not None else "never"
    went = f"after {result.minutes(result.fixed)}" if result.fixed is not None else "never"
    others = ", ".join(sorted(result.others)) or "no other"
    names = ", ".join(sorted(result.scenario.alerts))
    return (
        f"{names} {came}; {others}; panel «{result.scenario.panel}»: {result.before} → {result.during}; "
        f"/readyz: {result.ready}; quiet {went}"
    )


def _markdown(results: list[Result]) -> str:
    lines = [
        "| fault | alert, after | others | panel: before → during | `/readyz` said | fixed by | quiet after |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in results:
        came, went = (one.minutes(seconds) or "**never**" for seconds in (one.seconds, one.fixed))
        names = ", ".join(f"`{name}`" for name in sorted(one.scenario.alerts))
        wrong = one.others - one.scenario.may_follow
        others = ", ".join(f"**`{name}`**" if name in wrong else f"`{name}`" for name in sorted(one.others)) or "none"
        lines.append(
            f"| {one.scenario.name} | {names}, {came} | {others} | {one.scenario.panel}: {one.before} → {one.during} | "
            f"{one.ready} | {one.scenario.runbook} | {went} |"
        )
    return "\n".join(lines) + "\n"


def _say(message: str) -> None:
    print(message, flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    typer.run(main)

"""An operator pauses and resumes while members die, come and go."""

from __future__ import annotations

from collections.abc import Callable

from tests.acceptance.stage import RULE, TEMPLATE
from tests.chaos.judge import Allowed
from tests.chaos.run import Run
from tests.chaos.scenario import Scenario

IN_FORCE_SECONDS = 1.0
"""Within this time of the command's end nothing of what is paused leaves any member."""
HOLD_SECONDS = 8.0
"""Longer than a session: what a killed member owned has a new owner while the pause is in force."""
ALL, BY_RULE, BY_TEMPLATE = ("--all",), ("--rule", RULE), ("--template", TEMPLATE)


def pause_everything(run: Run) -> None:
    """A member is killed, all are replaced, one is added, while everything is paused: all is sent in the end."""
    run.up(2)
    run.load.start()
    run.wait(3)
    for _ in range(run.scale(1)):
        for harm in (_kill, _replace, _add):
            _paused(run, ALL, harm)
            run.operation("resume", *ALL).succeed()
            run.wait(3)


def pause_rule(run: Run) -> None:
    """The same with the template, then with the rule: whatever is suppressed has a dead letter; the last are sent."""
    run.up(2)
    run.load.start()
    run.wait(3)
    for _ in range(run.scale(1)):
        for harm in (_kill, _replace):
            _paused(run, BY_TEMPLATE, harm)
            run.operation("resume", *BY_TEMPLATE).succeed()
            run.wait(3)
    _paused(run, BY_RULE, _add)
    run.end_load()
    resume = run.operation("resume", *BY_RULE, "--send", "--rate", "40")
    run.wait(run.rng.uniform(4.0, 6.0))
    _kill(run)
    run.sent_again(int(str(resume.succeed()["sent"])), f"rule {RULE}")


def _paused(run: Run, scope: tuple[str, ...], harm: Callable[[Run], None]) -> None:
    """Pause, do `harm` meanwhile and again while the pause is in force, and require that nothing leaves until now."""
    pause = run.operation("pause", *scope, "--reason", "chaos")
    run.wait(run.rng.uniform(0.0, 3.0))
    harm(run)
    pause.succeed()
    harm(run)
    run.wait(HOLD_SECONDS)
    after = [line.at - pause.ended_at for line in list(run.journal.lines)][-1]
    run.note(f"paused {' '.join(scope)}: the last request came {after:+.2f} s after the command's end")
    run.figures["most seconds until paused"] = max(after, run.figures.get("most seconds until paused", 0.0))
    run.require(after <= IN_FORCE_SECONDS, f"a request came {after:.1f} s after {' '.join(scope)} was paused")


def _kill(run: Run) -> None:
    run.kill(run.rng.choice(run.members.survivors()))
    run.up(1)


def _replace(run: Run) -> None:
    for member in run.members.alive:
        run.up(1)
        run.terminate(member)


def _add(run: Run) -> None:
    run.up(1)
    run.note("one more member")


OPERATORS = (
    Scenario(
        "pause-all", "everything paused and resumed while members are killed, replaced and added", pause_everything
    ),
    Scenario(
        "pause-rule",
        "a rule and its template paused and resumed, what was suppressed sent, under kills and a rolling restart",
        pause_rule,
        Allowed(failures=True),
    ),
)

"""Members die, freeze, come and go."""

from __future__ import annotations

from tests.acceptance.stage import recipient
from tests.chaos.judge import Allowed
from tests.chaos.run import Run
from tests.chaos.scenario import LATENCY, Scenario

KILLS = 20
REFUSED = [recipient(number) for number in range(5, 11)]
FREEZES = 3
FEW = 4
"""In flight at most, where a frozen process may have requests that it has made and not yet written."""
SESSION_SECONDS = 5.0
"""In `run._changes`, and of the broker for the other protocol."""


def kill(run: Run) -> None:
    """kill -9, again and again, at random moments; some notices become dead letters meanwhile."""
    run.up(2)
    run.load.start()
    run.wait(2)
    for _ in range(run.scale(KILLS)):
        run.wait(run.rng.uniform(0.2, 4.0))
        run.kill(run.rng.choice(run.members.survivors()))
        run.up(1)
    run.wait(2)


def rolling(run: Run) -> None:
    """Three members are replaced one after the other, as a deployment does it."""
    run.up(3)
    run.load.start()
    run.wait(4)
    for _ in range(run.scale(2)):
        for member in run.members.alive:
            run.up(1)
            run.wait(run.rng.uniform(0.5, 3.0))
            run.terminate(member)
            run.wait(run.rng.uniform(0.0, 2.0))


def scale(run: Run) -> None:
    """Members are added and taken away, several at once."""
    run.up(1)
    run.load.start()
    for count in (2, 1, -2, 3, -3):
        run.wait(run.rng.uniform(2.0, 5.0))
        if count > 0:
            run.up(count)
            run.note(f"{count} more members")
        for member in run.members.alive[: max(0, -count)]:
            run.terminate(member)
    run.wait(2)


def stall(run: Run) -> None:
    """A member stands still for longer than the group waits for it, and then continues as if nothing had happened."""
    run.up(2)
    run.load.start()
    run.wait(4)
    for _ in range(run.scale(FREEZES)):
        member = run.rng.choice(run.members.survivors())
        member.freeze()
        run.note(f"froze {member.name} with {run.journal.under_way} requests under way")
        run.torn()
        run.wait(SESSION_SECONDS * 3)
        # What its successor has taken by now is not excused: it must not send that again.
        member.thaw()
        run.note(f"thawed {member.name}")
        run.wait(6)


def short(run: Run) -> None:
    """A little of the worst: three kills, an API that is away, and a rolling restart; tokens end all the while."""
    run.up(2)
    run.load.start()
    run.wait(1)
    for _ in range(3):
        run.wait(run.rng.uniform(0.2, 2.0))
        run.kill(run.rng.choice(run.members.survivors()))
        run.up(1)
    run.api_network.cut()
    run.note("the API is gone")
    run.torn()
    run.wait(5)
    run.api_network.heal()
    run.note("the API is back")
    for member in run.members.alive:
        run.up(1)
        run.terminate(member)


MEMBERS = (
    Scenario(
        "short",
        "three kills, an API outage of 5 s and a rolling restart; a part of `make test`",
        short,
        Allowed(failures=True),
        plan={"latency": LATENCY, "faults": [{"recipients": REFUSED, "code": 47003}]},
        sandbox={"clients": {"chaos": "secret"}, "token_seconds": 20.0},
    ),
    Scenario(
        "kill",
        f"{KILLS} kill -9 at random moments under load, with dead letters among the outcomes",
        kill,
        Allowed(failures=True),
        plan={"latency": LATENCY, "faults": [{"recipients": REFUSED, "code": 47003}]},
    ),
    Scenario("rolling", "every member of three replaced by SIGTERM, twice", rolling),
    Scenario("scale", "members added and removed, several at once", scale),
    Scenario(
        "stall",
        "members frozen beyond session and poll interval, then thawed",
        stall,
        Allowed(unsent=FREEZES * FEW),
        changes={"notices": {"max_in_flight": FEW}, "kafka": {"properties": {"max.poll.interval.ms": 6_000}}},
    ),
)

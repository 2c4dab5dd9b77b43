"""Explore every order of steps of a small world, up to a depth: the real modules, each state once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial

from tests.unit.care.world import IN_A, MESSAGE_A, MESSAGE_B, ONCE_A, ONCE_OTHER, OUT_A, Intent, World

STEPS: dict[str, Callable[[World], object]] = {
    "read": World.read,
    "send": World.send,
    "accepted": World.reply,
    "rejected": partial(World.reply, accepted=False),
    "write": World.write,
    "acknowledge": World.acknowledge,
    "flush": World.flush,
    "land": World.land,
    "confirm": World.confirm,
    "refuse": World.refuse,
    "commit": World.committed,
    "crash": World.crash,
    "crash, haunting": partial(World.crash, haunts=True),
    "late": World.arrive,
    "tail": World.tail,
    "compact": World.compact,
}


class Explored:
    """What was found."""

    def __init__(self) -> None:
        self.states = 0
        self.ends = 0
        self.fault: tuple[Sequence[str], str] | None = None
        """The steps that lead to a broken promise, and which; None if none was found."""


def explore(
    intents: Sequence[Intent], depth: int, *, first: Sequence[str] = (), crashes: int = 2, most: int = 1_000_000
) -> Explored:
    """Take every sequence of `depth` steps after these `first` ones, with at most so many `crashes` among all.

    It ends after `most` states, or with a fault.

    A state is reached again by taking its steps again from the beginning: the machine cannot be copied.
    """
    found = Explored()
    seen: set[object] = set()
    level: list[tuple[str, ...]] = [tuple(first)]
    for length in range(depth + 1):
        following: list[tuple[str, ...]] = []
        for trace in level:
            world = World(intents)
            try:
                for step in trace:
                    STEPS[step](world)
                state = _state(world)
                if state in seen:
                    continue
                seen.add(state)
                found.states += 1
                if length == depth or found.states % 7 == 0:
                    world.finish()
                    found.ends += 1
            except AssertionError as broken:
                found.fault = trace, str(broken).partition("\n")[0]
                return found
            if found.states >= most:
                return found
            dead = sum(step.startswith("crash") for step in trace)
            following += [(*trace, step) for step in STEPS if not (step.startswith("crash") and dead >= crashes)]
        level = following
    return found


def _state(world: World) -> object:
    """Everything that what follows depends on, and nothing else, such as tickets."""
    owner = world.owner
    care = owner.delivery._partitions
    (partition,) = care.values()
    recipients = partition.care
    assert recipients is not None
    frontier = partition.frontier
    return (
        world.now,
        world.commit,
        tuple([(one.id, one.kind, one.finished_at) for one in world.ledger]),
        tuple(world.log),
        tuple(world.late),
        world.repeats_allowed,
        len(world.sent),
        owner.next,
        owner.seen,
        tuple([one.notice.id for one in owner.flights]),
        tuple([one.outcome.id for one in owner.outcomes]),
        tuple([(one.outcome.id, at) for one, at in owner.written]),
        tuple([one.write[1:] for one in owner.records]),
        tuple([one.write[1:] for one in owner.landed]),
        frontier.current(),
        frontier.span,
        len(owner.delivery._unacknowledged),
        tuple([(name, recipients.of(name).pack()) for name in sorted(recipients._packed)]),
        tuple(recipients._changed.items()),
        tuple(recipients._uncovered.items()),
        tuple(recipients._chosen),
        tuple(recipients._open.items()),
        tuple([(name, one.lowest, len(one.done)) for name, one in recipients._writing.items()]),
    )


SENT = ("read", "send", "accepted", "write", "acknowledge")
CASES: dict[str, tuple[Sequence[Intent], Sequence[str]]] = {
    "cap": ((MESSAGE_A, MESSAGE_A), ()),
    "opt-out": ((OUT_A, MESSAGE_A), ()),
    "changed mind": ((OUT_A, IN_A, MESSAGE_A), ()),
    "once": ((ONCE_A, ONCE_A), ()),
    "two recipients": ((MESSAGE_A, MESSAGE_B, MESSAGE_A), ()),
    "two owners": (
        (ONCE_A, ONCE_OTHER),
        (*SENT, "flush", "crash, haunting", "read", *SENT, "commit", "flush", "land", "confirm"),
    ),
}
"""Records of the partition, and the steps that are taken first."""


def main(depth: int) -> int:
    """Explore every case to this depth; return 1 with a fault."""
    for name, (intents, first) in CASES.items():
        found = explore(intents, depth, first=first)
        print(f"{name}: {found.states} states, {found.ends} ended, fault: {found.fault}", flush=True)  # noqa: T201 - its result
        if found.fault is not None:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

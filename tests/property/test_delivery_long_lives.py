"""Delivery over hundreds of random steps, which the short sequences of Hypothesis do not reach."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings

from tests.unit.delivery.world import PARTITIONS, REPLIES, World

RECIPIENTS = ("ann", "bob", "cid", "dan", "eve")
MOVES = {
    "produce": 6,
    "produce for one": 1,
    "work": 8,
    "send": 3,
    "reply": 6,
    "reply to all": 4,
    "wait": 4,
    "token": 3,
    "ledger": 6,
    "commit": 4,
    "crash": 1,
    "hand over": 1,
    "tear away": 1,
}
STEPS = 300
LIVES = 30
"""In each test."""


def events(rng: random.Random) -> list[tuple[str, bool, float | None, str]]:
    return [
        (
            rng.choice(RECIPIENTS),
            rng.random() < 0.9,
            rng.choice([None, None, 0.0, 2.0, 30.0, 4_000.0]),
            rng.choice(["paid", "shipped", "careful"]),
        )
        for _ in range(rng.randint(0, 3))
    ]


def kafka_moves(world: World, rng: random.Random, move: str) -> None:
    partition, member = rng.choice(PARTITIONS), rng.choice(world.members)
    if move == "produce":
        world.produce(partition, rng.choice([0, 0, 0, 1, 60]), events(rng))
    elif move == "produce for one":
        to = rng.choice(RECIPIENTS)
        for _ in range(rng.randint(1, 20)):
            world.produce(partition, 0, [(to, True, None, "paid")])
    elif move == "ledger":
        world.collect(member)
        world.write(member, rng.randint(0, 4))
        world.acknowledge(member, rng.randint(0, 4))
    elif move == "commit":
        world.commit(member)
    elif move == "crash":
        world.crash(member, rng.randint(0, 3))
    elif move == "hand over":
        world.hand_over(partition)
    elif move == "tear away":
        world.tear_away(partition, lost=rng.random() < 0.5)


def api_moves(world: World, rng: random.Random, move: str, mood: str) -> None:
    member = rng.choice(world.members)
    if move == "work":
        for one in world.members:
            world.consume(one)
            world.send(one)
    elif move == "send":
        world.send(member)
    elif move == "reply" and world.flights:
        world.reply(rng.randrange(len(world.flights)), rng.choice(sorted(REPLIES)), arrived=rng.random() < 0.5)
    elif move == "reply to all":
        for _ in range(len(world.flights)):
            world.reply(0, mood)
    elif move == "wait":
        world.now += rng.choice([0.01, 0.01, 1.0, 1.0, 5.0, 31.0, 3_600.0])
    elif move == "token":
        world.token(member, comes=rng.random() < 0.7)


@pytest.mark.parametrize("chunk", range(settings().max_examples // 10))
def test_long_lives_keep_every_promise(chunk: int) -> None:
    """With any API and any changes of members, nothing is lost, doubled without reason, or out of order."""
    for seed in range(chunk * LIVES, (chunk + 1) * LIVES):
        rng = random.Random(seed)  # noqa: S311 - a seed that can be replayed
        world, mood = World(seed, two_apis=seed % 2 == 1), "ok"
        for _ in range(STEPS):
            if rng.random() < 0.03:
                mood = rng.choice(
                    ["ok", "ok", "ok", "down", "timeout", "forbidden", "token", "throttled", "nonsense", "unknown code"]
                )
            move = rng.choices(list(MOVES), list(MOVES.values()))[0]
            kafka_moves(world, rng, move)
            api_moves(world, rng, move, mood)
        world.heal()
        world.check_end()

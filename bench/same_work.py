"""Whether a peer does the same work: every request of one system is among those of the other, once, and in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from pipeline.sandbox.faults import FaultPlan, Latency
from pipeline.sandbox.memory import Claim, Entry, Memory
from pipeline.sandbox.server import SandboxServer

SLOW = FaultPlan(latency=Latency(0.002, 0.02))
"""Replies of unequal speed: were two notices of one user sent at the same time, they would overlap or change places."""
KEEP = 1_000_000


class Request(NamedTuple):
    """What the API was sent."""

    key: str
    recipient: str
    body: object
    """Parsed: the order of a JSON object's keys does not matter."""


class Requests(Memory):
    """A sandbox's memory that keeps every request."""

    def __init__(self) -> None:
        super().__init__(keep_messages=1, keep_keys=KEEP)
        self.all: list[Request] = []

    def claim(self, key: str, recipient: str, body: bytes) -> tuple[Claim, Entry]:
        """Write the request down."""
        self.all.append(Request(key, recipient, orjson.loads(body)))
        return super().claim(key, recipient, body)


def record(sandbox: SandboxServer) -> Requests:
    """Let `sandbox` keep every request from now on, and answer with unequal speed."""
    requests = sandbox.state.memory = Requests()
    sandbox.state.follow(SLOW)
    return requests


def differences(ours: Requests, theirs: Requests) -> list[str]:
    """What the peer did otherwise. Empty: the same requests, each once, a user's in order and one at a time."""
    mine, its = {one.key: one for one in ours.all}, {one.key: one for one in theirs.all}
    found = {
        "sent by the peer alone": len(its.keys() - mine.keys()),
        "not sent by the peer": len(mine.keys() - its.keys()),
        "of other content": sum(mine[key] != its[key] for key in mine.keys() & its.keys()),
        "sent again": len(theirs.all) - len(its),
        "sent while another of the same user was under way": theirs.counts.overlapping,
        "users whose notices came in another order": _disordered(ours.all, theirs.all),
    }
    return [f"{count} {what}" for what, count in found.items() if count]


def _disordered(ours: Sequence[Request], theirs: Sequence[Request]) -> int:
    mine, its = _by_user(ours), _by_user(theirs)
    return sum(its.get(user) != keys for user, keys in mine.items())


def _by_user(requests: Sequence[Request]) -> dict[str, list[str]]:
    """Each user's keys in the order of their first arrival."""
    users: dict[str, dict[str, None]] = {}
    for one in requests:
        users.setdefault(one.recipient, {})[one.key] = None
    return {user: list(keys) for user, keys in users.items()}

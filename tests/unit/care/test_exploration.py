"""Every order of steps of a small world keeps every promise, and each kind of fault would be found.

`make model` explores deeper.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.care.preferences import Choice
from pipeline.care.recipients import CareWrite, Recipients
from pipeline.care.restore import Restoring
from pipeline.model.ledger import RestoredCare
from tests.unit.care.exploration import CASES, explore

DEPTH = 7


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_order_of_steps_keeps_every_promise(case: str) -> None:
    """No message over a cap, twice for a key, after an opt-out; nothing lost; the state is the fold of the ledger."""
    intents, first = CASES[case]
    found = explore(intents, DEPTH, first=first)
    assert found.fault is None
    assert found.states > 50
    assert found.ends > 20


def _done_early(choose: Callable[..., None]) -> Callable[..., None]:
    def choose_early(self: Recipients, choice: Choice, offset: int, now: float, done: Callable[[], None]) -> None:
        choose(self, choice, offset, now, lambda: None)
        done()

    return choose_early


def _forgets(self: Recipients, write: CareWrite) -> None:
    self._writing.pop(write.recipient)


def _replaces(self: Restoring, recipient: str, writer: bytes, state: bytes) -> None:
    self._packed[recipient] = state
    self._writers[recipient] = writer


def _covers_early(writes: Callable[..., list[CareWrite]]) -> Callable[..., list[CareWrite]]:
    def writes_early(self: Recipients, now: float) -> list[CareWrite]:
        made = writes(self, now)
        for one in made:
            self._writing[one.recipient] = self._writing[one.recipient]._replace(lowest=None)
        return made

    return writes_early


FAULTS = {
    "the pointer does not cover what no record has": (Recipients, "lowest", property(lambda _: None), "cap"),
    "an outcome counts as covered before its record is acknowledged": (
        Recipients,
        "writes",
        _covers_early(Recipients.writes),
        "cap",
    ),
    "a record that Kafka refused is not written again": (Recipients, "failed", _forgets, "cap"),
    "a restarted owner does not cover what it has read of the ledger": (
        Restoring,
        "restored",
        lambda self, _end=0: RestoredCare(self._packed, {}),
        "cap",
    ),
    "an opt-out counts as read before it is durable": (Recipients, "choose", _done_early(Recipients.choose), "opt-out"),
    "a dead owner's late record replaces the newer one": (Restoring, "record", _replaces, "two owners"),
    "a dead owner's late record is not written over": (Recipients, "again", lambda *_: None, "two owners"),
    "outcomes are counted when they are acknowledged, not when they are decided": (
        Recipients,
        "ended",
        lambda *_: None,
        "once",
    ),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exploration can fail, and each part of the protocol is needed."""
    where, name, broken, case = FAULTS[fault]
    monkeypatch.setattr(where, name, broken)
    intents, first = CASES[case]
    assert explore(intents, 9, first=first).fault is not None

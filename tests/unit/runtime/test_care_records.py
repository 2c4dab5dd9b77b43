"""The records of recipient care between the machine, Kafka, and other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pipeline.care.preferences import Choice, Preferences
from pipeline.care.recipient import Recipient
from pipeline.care.recipients import CareTerms
from pipeline.model.ledger import Assigned, RestoredCare
from pipeline.runtime.care_records import CareRecords
from tests.unit.care.cares import CARE, accepted, facts
from tests.unit.delivery.making import P0, P1, T0, Bench, arrival


class Log:
    """Keeps what is written until a test decides whether Kafka has it."""

    def __init__(self) -> None:
        self.written: list[tuple[int, int, str, bytes | None, Callable[[bool], None]]] = []
        self.polls = 0

    def write(
        self, partition: int, epoch: int, recipient: str, state: bytes | None, finished: Callable[[bool], None]
    ) -> None:
        self.written.append((partition, epoch, recipient, state, finished))

    def poll(self) -> None:
        self.polls += 1


class Watch:
    """Remembers what is watched."""

    def __init__(self) -> None:
        self.watched: dict[int, tuple[int, int]] = {}
        self.foreign: Callable[[int, str, bytes | None], None] = lambda *_: None
        self.closed = False

    def start(self, foreign: Callable[[int, str, bytes | None], None]) -> None:
        self.foreign = foreign

    def watch(self, partition: int, epoch: int, offset: int) -> None:
        self.watched[partition] = epoch, offset

    def leave(self, partition: int) -> None:
        del self.watched[partition]

    def close(self) -> None:
        self.closed = True


def _made() -> tuple[Bench, Log, Watch, CareRecords, list[None]]:
    bench, log, watch, progress = Bench(care=CareTerms(CARE, lambda text: text)), Log(), Watch(), list[None]()

    def note() -> None:
        progress.append(None)

    return bench, log, watch, CareRecords(bench.delivery, log, watch, progressed=note, overwritten=note), progress


def _opted_out(bench: Bench) -> None:
    given = arrival(0)
    given.choice = Choice("ann", Preferences(frozenset({"promotions"})))
    bench.offer(given)


def test_a_record_is_written_for_its_assignment_and_again_after_a_refusal() -> None:
    """What waits for it is done when Kafka has it."""
    bench, log, _, records, progress = _made()
    _opted_out(bench)
    records.write(T0)
    records.write(T0)
    ((number, epoch, recipient, state, finished),) = log.written
    assert (number, epoch, recipient) == (0, 1, "ann")
    assert state is not None
    finished(False)  # noqa: FBT003 - a callback's
    records.write(T0)
    assert len(log.written) == 2
    assert bench.committed() == {P0: 0}
    log.written[1][-1](True)  # noqa: FBT003 - a callback's
    assert bench.committed() == {P0: 1}
    assert len(progress) == 2
    records.poll()
    assert log.polls == 1


def test_partitions_with_recipients_are_watched_while_they_are_ours() -> None:
    """From where their records were read to."""
    _, _, watch, records, _ = _made()
    records.assigned(Assigned(P0, 7, 0, {}, care=RestoredCare({}, {}, end=41)))
    records.assigned(Assigned(P1, 7, 0, {}))
    assert watch.watched == {0: (7, 41)}
    records.left(P1)
    records.left(P0)
    assert watch.watched == {}
    records.stop()
    assert watch.closed


async def test_a_record_of_another_process_is_written_over() -> None:
    """With what it knows; one of a partition that is ours no more is left alone."""
    bench, log, watch, records, noted = _made()
    records.start()
    records.assigned(Assigned(P0, 1, 0, {}, care=RestoredCare({}, {})))
    other = Recipient()
    other.fold(accepted(facts("other"), T0))
    await asyncio.to_thread(watch.foreign, 0, "ann", other.pack())
    await asyncio.to_thread(watch.foreign, 5, "bob", other.pack())
    await asyncio.sleep(0)
    assert len(noted) == 1
    records.write(T0 + 60)
    ((_, _, recipient, state, _),) = log.written
    assert recipient == "ann"
    assert state is not None
    assert len(Recipient.unpack(state).sends) == 1
    assert bench.committed() == {P0: 0}

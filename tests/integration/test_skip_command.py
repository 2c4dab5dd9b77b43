"""`skip` on a real Kafka: a stuck partition continues, each skipped offset has its outcome, and `audit` agrees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.operations.skip import KafkaSkip
from pipeline.delivery import pointer
from pipeline.model import dead_letter
from pipeline.model.ledger import CommitPoint, LedgerPosition
from pipeline.model.outcome import OutcomeKind, Reason
from tests.broker import unreadable
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.real_kafka import RealKafka
from tests.integration.commands import Command, Ran
from tests.integration.test_audit_command import Shop

pytestmark = pytest.mark.kafka

BOMB = range(2, 5)
"""Offsets of the batch that cannot be read."""

Skip = Callable[..., Ran]


def write_bomb(kafka: RealKafka) -> None:
    """At the end of the only partition of events."""
    unreadable.write_bomb(kafka.properties, kafka.names.events, 0)


@pytest.fixture
def shop(kafka: RealKafka, tmp_path: Path) -> Shop:
    """Two events that are done, the batch, and two events after it."""
    shop = Shop(kafka, tmp_path)
    shop.emit(2)
    write_bomb(kafka)
    shop.emit(2)
    shop.settle(shop.position(0), shop.position(1))
    return shop


@pytest.fixture
def skip(command: Command, shop: Shop) -> Skip:
    """`skip(2, "--dry-run")`."""
    return lambda offset, *more: command("skip", str(shop.position(offset)), "-c", str(shop.config), *more)


def commit(shop: Shop, offset: int) -> str:
    """Commit as the service does; return the pointer."""
    ledger_id = shop.kafka.identities.origins([shop.kafka.names.outcomes])[shop.kafka.names.outcomes].topic_id
    metadata = pointer.write(LedgerPosition(0, 1), shop.kafka.origin.topic_id, ledger_id)
    shop.kafka.commit(CommitPoint(shop.kafka.partition, offset, metadata))
    return metadata


def test_a_stuck_partition_goes_on_after_a_skip(shop: Shop, skip: Skip, command: Command) -> None:
    """The batch is skipped whole, with an outcome and a dead letter for each offset, and nothing else."""
    kafka = shop.kafka
    metadata = commit(shop, 2)
    looked = skip(2, "--dry-run", "--output", "json")
    assert looked.code == 0, looked
    assert (looked.reported["through"], looked.reported["next_offset"], looked.reported["skipped"]) == (4, 5, False)
    assert kafka.committed().offset == 2
    assert command("audit", "-c", str(shop.config)).code == 2  # the batch is neither read nor skipped

    ran = skip(2, "--yes", "--by", "ann", "--reason", "zeros")
    assert (ran.code, ran.err) == (0, ""), ran
    assert "the group continues at offset 5" in ran.out
    committed = kafka.committed()
    assert (committed.offset, committed.metadata) == (5, metadata)
    decoded = [OutcomeDecoder()(message.value()) for message in kafka.read(kafka.names.outcomes)]
    skipped = [one for one in decoded if one is not None and one.reason is Reason.SKIPPED]
    assert [one.position.offset for one in skipped] == list(BOMB)
    assert {(one.kind, one.origin) for one in skipped} == {(OutcomeKind.UNDECODABLE, kafka.origin)}
    assert all(one.detail.startswith("ann skipped the offsets 2 to 4 (zeros): ") for one in skipped)
    letters = [message for message in kafka.read(kafka.names.dead_letters) if message.value() is None]
    offsets = {dict(message.headers() or [])[dead_letter.SOURCE_OFFSET] for message in letters}
    assert (len(letters), offsets) == (3, {b"2", b"3", b"4"})

    source, listener = kafka.source(), RecordingListener()
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.demand(10)
    listener.wait(lambda: len(listener.records) == 2)
    assert listener.offsets() == [5, 6]
    assert not source.stuck()
    source.stop(TIMEOUT)

    shop.settle(shop.position(5), shop.position(6))
    commit(shop, 7)
    audited = command("audit", "-c", str(shop.config))
    assert audited.code == 0, audited
    assert "7 events" in audited.out
    assert "proved: every committed event" in audited.out

    again = skip(2, "--yes")
    assert again.code == 1
    assert "continues at offset 7" in again.err


def test_through_skips_a_part_of_the_batch_and_the_rest_later(shop: Shop, skip: Skip) -> None:
    """The partition stays stuck, and the command says where."""
    commit(shop, 2)
    part = skip(2, "--through", "3", "--yes")
    assert part.code == 0, part
    assert "also stuck at 4" in part.out
    assert shop.kafka.committed().offset == 4
    rest = skip(4, "--yes")
    assert rest.code == 0, rest
    assert shop.kafka.committed().offset == 5


def test_unreadable_batches_in_a_row_are_skipped_at_once(shop: Shop, skip: Skip) -> None:
    """Up to the end of the partition, where nothing that can be read follows."""
    write_bomb(shop.kafka)
    write_bomb(shop.kafka)
    commit(shop, 7)
    ran = skip(7, "--yes", "--output", "json")
    assert ran.code == 0, ran
    assert (ran.reported["offsets"], ran.reported["next_offset"], ran.reported["next_error"]) == (6, 13, None)
    assert shop.kafka.committed().offset == 13


def test_a_skip_that_was_interrupted_before_its_commit_writes_no_second_outcome(shop: Shop, skip: Skip) -> None:
    """A second call commits only."""
    commit(shop, 2)
    assert skip(2, "--yes").code == 0
    written = len(shop.kafka.read(shop.kafka.names.outcomes))
    commit(shop, 2)
    assert skip(2, "--yes").code == 0
    assert len(shop.kafka.read(shop.kafka.names.outcomes)) == written
    assert shop.kafka.committed().offset == 5


@pytest.mark.parametrize(
    ("committed", "offset", "more", "message"),
    [
        (2, 1, (), "is past"),
        (2, 3, (), "is stuck at"),
        (2, 7, (), "the partition ends before offset 7"),
        (2, 2, ("--through", "5"), "is beyond what cannot be read: that ends at offset 4"),
        (5, 5, (), "can be read: there is nothing to skip"),
        (1, 2, (), "can be read and are not committed"),
        (None, 2, (), "can be read and are not committed"),
    ],
)
def test_what_is_not_stuck_is_refused(
    shop: Shop, skip: Skip, committed: int | None, offset: int, more: tuple[str, ...], message: str
) -> None:
    """Exit code 1; nothing is written or committed."""
    if committed is not None:
        commit(shop, committed)
    written = len(shop.kafka.read(shop.kafka.names.outcomes))
    ran = skip(offset, "--yes", *more)
    assert (ran.code, ran.out) == (1, ""), ran
    assert message in ran.err
    assert len(shop.kafka.read(shop.kafka.names.outcomes)) == written
    assert shop.kafka.committed().offset == (-1001 if committed is None else committed)


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_a_group_with_members_is_refused(
    shop: Shop, skip: Skip, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member would continue with what it has; the coordinator would refuse the commit."""
    commit(shop, 2)
    source, listener = shop.kafka.source(protocol), RecordingListener()
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.demand(10)
    deadline = time.monotonic() + TIMEOUT
    while not source.stuck():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ran = skip(2, "--yes")
    assert ran.code == 1, ran
    assert "has members: " in ran.err
    assert "stop all members of the service" in ran.err
    assert skip(2, "--dry-run").code == 0
    # As if the member had started after the check: the coordinator refuses the commit.
    monkeypatch.setattr(KafkaSkip, "require_stopped", lambda _: None)
    late = skip(2, "--yes")
    assert late.code == 1, late
    assert "nothing is committed: a member of the group" in late.err
    assert shop.kafka.committed().offset == 2

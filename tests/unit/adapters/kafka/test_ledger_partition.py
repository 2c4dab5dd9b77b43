"""Which partition of the outcomes topic has the outcomes of a source partition."""

from __future__ import annotations

import pytest

from pipeline.adapters.kafka.ledger.reader import ledger_partition


@pytest.mark.parametrize(("sources", "ledger"), [(4, 12), (8, 12), (12, 12), (46, 46), (432, 432)])
def test_partitions_of_a_topic_have_their_own(sources: int, ledger: int) -> None:
    """The bound of `docs/scaling.md`, Takeover: a new owner reads no outcomes of the topic's other partitions."""
    assert len({ledger_partition("orders", source, ledger) for source in range(sources)}) == sources


def test_fewer_are_shared_evenly() -> None:
    """Each has the outcomes of as many source partitions."""
    found = [ledger_partition("orders", source, 4) for source in range(12)]
    assert {found.count(partition) for partition in range(4)} == {3}

"""A test's own corner of the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.broker.handle import Broker
from tests.fakes.real_kafka import Names, RealKafka

MakeKafka = Callable[..., RealKafka]


@pytest.fixture
def make_kafka(real_kafka: Broker, topic: Callable[..., str], unique: Callable[[str], str]) -> Iterator[MakeKafka]:
    """Topics and a group: `make_kafka(partitions=4, ledger_partitions=2, dead_letters={"max.message.bytes": …})`."""
    made: list[RealKafka] = []

    def make(
        partitions: int = 1,
        ledger_partitions: int = 1,
        events: dict[str, str] | None = None,
        dead_letters: dict[str, str] | None = None,
    ) -> RealKafka:
        names = Names(
            topic("events", partitions=partitions, **(events or {})),
            topic("outcomes", partitions=ledger_partitions),
            topic("dead-letters", **(dead_letters or {})),
            unique("group"),
        )
        made.append(RealKafka(real_kafka.bootstrap_servers, names))
        return made[-1]

    yield make
    for kafka in made:
        kafka.close()


@pytest.fixture
def kafka(make_kafka: MakeKafka) -> RealKafka:
    """One partition of everything."""
    return make_kafka()

"""A test's own corner of the broker, and commands called as a shell does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
import structlog

from pipeline.cli import app
from tests.broker.handle import Broker
from tests.fakes.real_kafka import Names, RealKafka
from tests.integration.commands import Command, Ran

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


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`command("audit", "-c", file, "--from", …)`: in this process."""

    def call(*message: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["notice-pipeline", *message])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return Ran(int(ended.value.code or 0), *capsys.readouterr())

    yield call
    structlog.reset_defaults()  # the command's log goes to this test's standard error, which is gone afterwards

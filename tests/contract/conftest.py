"""Commands called as a shell does, and a broker to call them on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from pipeline.adapters.kafka.embedded import EmbeddedBroker
from pipeline.cli import app

Run = Callable[..., int]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """Good enough here: nothing is claimed of Kafka."""
    with EmbeddedBroker() as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line; gives the exit code."""

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["notice-pipeline", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(str(ended.value.code or 0))

    return call

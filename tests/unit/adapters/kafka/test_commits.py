"""The last commit before partitions are given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from structlog.testing import capture_logs

from pipeline.adapters.kafka import commits
from pipeline.adapters.kafka.commits import Commits
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import CommitPoint

P0 = TopicPartition("events", 0)


class Answering:
    """A consumer whose commits are answered by these, one after the other."""

    def __init__(self, *answers: KafkaException | None) -> None:
        self._answers = list(answers)
        self.committed_offsets: list[int] = []

    def committed(self, partitions: Sequence[KafkaPartition], **_: object) -> Sequence[KafkaPartition]:
        return partitions

    def commit(self, offsets: Sequence[KafkaPartition], **_: object) -> Sequence[KafkaPartition]:
        answer = self._answers.pop(0)
        if answer is not None:
            raise answer
        self.committed_offsets += [one.offset for one in offsets]
        return offsets


class Frozen:
    """A consumer whose broker does not answer."""

    def committed(self, *_: object, **__: object) -> Sequence[KafkaPartition]:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def commit(self, **_: object) -> Sequence[KafkaPartition]:
        raise AssertionError("may not return for minutes")


@pytest.fixture
def counted() -> list[tuple[str, int]]:
    return []


def _last(consumer: Any, counted: list[tuple[str, int]]) -> None:  # noqa: ANN401 - what stands for a consumer
    made = Commits(lambda result, count: counted.append((result, count)))
    made.adopt(P0, "pointer")
    made.last(consumer, [CommitPoint(P0, 7, "")])


def test_a_transient_error_is_tried_again(counted: list[tuple[str, int]]) -> None:
    loading = KafkaException(KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS))
    consumer = Answering(loading, None)
    _last(consumer, counted)
    assert consumer.committed_offsets == [7]
    assert counted == [("ok", 1)]


def test_a_broker_that_does_not_answer_holds_nothing_up(
    counted: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is given up; the next owner begins at an older frontier."""
    monkeypatch.setattr(commits, "LAST_SECONDS", 0.05)
    with capture_logs() as logs:
        _last(Frozen(), counted)
    assert [line["event"] for line in logs] == ["last_commit_failed"]
    assert counted == [("error", 1)]


def test_a_question_that_is_refused_does_not_stop_the_commit(counted: list[tuple[str, int]]) -> None:
    """What may be committed is decided by the answer to the commit."""

    class Stale(Answering):
        def committed(self, *_: object, **__: object) -> Sequence[KafkaPartition]:
            raise KafkaException(KafkaError(KafkaError.STALE_MEMBER_EPOCH))

    consumer = Stale(None)
    _last(consumer, counted)
    assert consumer.committed_offsets == [7]

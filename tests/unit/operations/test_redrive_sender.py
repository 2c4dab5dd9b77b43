"""Batches that Kafka refuses are sent letter by letter, and what became of each is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline.adapters.operations import rewriting
from pipeline.adapters.operations.redrive import Sender
from pipeline.adapters.operations.rewriting import Target
from pipeline.bootstrap.redrive import Redrive, Tally
from pipeline.errors import RightsMissing, Unreachable, UserError
from pipeline.model.event import Origin, Position, Record
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.operations.redrive.letter import Letter
from pipeline.operations.redrive.selection import RedriveDecision

PURGED = KafkaError._PURGE_QUEUE


class FakeProducer:
    """Fails a transaction that holds a value of `codes`, with an error of that code for its record."""

    codes: Mapping[bytes, int] = {}

    def __init__(self, _settings: Mapping[str, Any]) -> None:
        self._records: list[tuple[str, bytes | None, Callable[..., None]]] = []

    def init_transactions(self, _seconds: float) -> None:
        """Nothing to fence."""

    def begin_transaction(self) -> None:
        self._records = []

    def produce(self, topic: str, value: bytes | None, _key: object, _at: int, delivered: Any, headers: object) -> None:  # noqa: ANN401 - a callback
        del headers
        self._records.append((topic, value, delivered))

    def commit_transaction(self, _seconds: float) -> None:
        bad = next(
            (self.codes[value] for _, value, _ in self._records if value is not None and value in self.codes), None
        )
        for topic, value, delivered in self._records:
            code = self.codes.get(value or b"", PURGED if bad is not None else None)
            delivered(None if code is None else KafkaError(code), SimpleNamespace(topic=lambda topic=topic: topic))
        if bad is not None:
            raise KafkaException(KafkaError(KafkaError._STATE, "the transaction has failed"))

    def abort_transaction(self, _seconds: float) -> None:
        self._records = []


def letter(number: int) -> Letter:
    record = Record("dead", 0, number, b"k", b"value %d" % number, (), 1)
    source = Position("orders", 0, number)
    return Letter(
        record, OutcomeKind.REJECTED, Reason.CONTENT, "paid", f"o{number}", source, 1, 0, Origin("g", None, None),
        is_cut=False,
    )  # fmt: skip


def sender(monkeypatch: pytest.MonkeyPatch, codes: Mapping[int, int]) -> Sender:
    monkeypatch.setattr(rewriting, "Producer", FakeProducer)
    monkeypatch.setattr(FakeProducer, "codes", {b"value %d" % number: code for number, code in codes.items()})
    properties = {
        "bootstrap.servers": "localhost:1",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "shop",
    }
    return Sender(properties, "g.redrive", Target({"orders": 1}, None, "marks"))


def test_of_a_refused_batch_each_letter_has_its_own_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refused ones name the topic and Kafka's reason."""
    made = sender(monkeypatch, {2: KafkaError.MSG_SIZE_TOO_LARGE, 4: KafkaError.INVALID_TIMESTAMP})
    results = list(made.send([letter(number) for number in range(6)]))
    refused = [(one.position, one.message) for one in results if one.fate is RedriveDecision.REFUSED]
    assert [one.fate for one in results].count(RedriveDecision.SEND) == 4
    assert [position for position, _ in refused] == ["dead/0/2", "dead/0/4"]
    assert all(message.startswith("the topic orders refuses it: ") for _, message in refused)


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, RightsMissing, "User:shop needs WRITE on the topic orders"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, Unreachable, "Kafka did not accept the records"),
    ],
)
def test_an_error_in_the_middle_says_what_was_sent_before(
    monkeypatch: pytest.MonkeyPatch, code: int, error: type[UserError], message: str
) -> None:
    """A lost right names resource, operation and principal."""
    made = sender(monkeypatch, {1: KafkaError.MSG_SIZE_TOO_LARGE, 4: code})
    tally = Tally()
    for result in made.send([letter(number) for number in (0, 1, 2, 3)]):
        tally.add(result)
    with pytest.raises(error, match=message):
        list(made.send([letter(number) for number in (4, 5)]))
    assert (tally.fates[RedriveDecision.SEND], tally.fates[RedriveDecision.REFUSED]) == (3, 1)


def test_the_command_s_error_has_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent is marked, and is not sent by the next run."""
    made = sender(monkeypatch, {1: KafkaError.MSG_SIZE_TOO_LARGE, 4: KafkaError.TOPIC_AUTHORIZATION_FAILED})
    monkeypatch.setattr("pipeline.bootstrap.redrive.Sender", lambda *_: made)
    opened = object.__new__(Redrive)
    vars(opened).update(_properties={}, _name="n", _target=None)
    monkeypatch.setattr(opened, "_batches", lambda _: [[letter(n) for n in (0, 1, 2)], [letter(3)], [letter(4)]])
    stop = SimpleNamespace(wait=lambda _: False)
    with pytest.raises(RightsMissing, match="before that, 3 dead letters were sent again, and 1 refused"):
        opened.send(5, None, stop, lambda *_: None)  # type: ignore[arg-type] # as much of an event as is used

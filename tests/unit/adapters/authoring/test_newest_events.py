"""The newest events of topics: which are kept, what of them is shown, and what a reading says of itself."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import pytest

from pipeline.adapters.authoring import newest_events
from pipeline.adapters.authoring.background_reading import BackgroundReading
from pipeline.adapters.authoring.newest_events import MOST_KEPT, NewestEvents, Source
from pipeline.adapters.kafka.range import Span
from pipeline.authoring.event_json import event_json
from pipeline.authoring.masking.mask import Mask
from pipeline.authoring.masking.recipients import Recipients
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import EVENT_BYTES, Record
from pipeline.rules.schema.event_schema import EventSchema
from tests.unit.adapters.events.records import CATALOGUE, NOON_MS, PAID_BYTES, PAID_EVENT, PAID_TYPE, decoder

WHO = frozenset({("who",)})
KEY = b"a secret of this process"


def plain(offset: int, who: str = "someone-7", **more: Any) -> Record:  # noqa: ANN401 - JSON
    value = json.dumps({"who": who, "number": offset, **more}).encode()
    headers = (("ce_type", b"shop.paid"),)
    return Record("orders", 0, offset, who.encode(), value, headers, NOON_MS + offset, EVENT_BYTES + len(value))


class Topics:
    """Stands in for `TopicRange`."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record] | UserError] = {}
        self.opened: list[tuple[str, Span]] = []
        self.polled: Callable[[], None] = lambda: None

    def __call__(self, _properties: Mapping[str, Any], topic: str, span: Span) -> _Range:
        self.opened.append((topic, span))
        found = self.records[topic]
        if isinstance(found, UserError):
            raise found
        return _Range(found, self.polled)


class _Range:
    def __init__(self, found: list[Record], polled: Callable[[], None]) -> None:
        self._found = found
        self._polled = polled

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def records(self, progressed: Callable[[int, int], None]) -> Iterator[Record]:
        yield from self._found
        self._polled()
        progressed(1, 1)


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    topics = Topics()
    monkeypatch.setattr(newest_events, "TopicRange", topics)
    return topics


def newest(*names: str, recipients: Callable[[], Recipients] = lambda: Recipients({None: WHO})) -> NewestEvents:
    @contextmanager
    def opened() -> Iterator[Source]:
        yield Source({}, names or ("orders",), decoder().decode, CATALOGUE)

    return NewestEvents(opened, recipients, KEY, lambda moment: f"{moment:%H:%M}")


def of(events: NewestEvents, event_type: str = "shop.paid") -> list[dict[str, Any]]:
    found = [events.event(one["key"]) for one in events.choices(event_type)]
    return [json.loads(one) for one in found if one is not None]


def test_the_newest_come_first_and_are_bounded(topics: Topics) -> None:
    """Of each type; by the time of Kafka, whatever their partition."""
    topics.records = {"orders": [plain(offset) for offset in range(3 * MOST_KEPT)]}
    events = newest()
    assert events.choices("shop.paid") == []
    reading = events.read()
    assert (reading.records, reading.faults, reading.is_whole, reading.problem) == (3 * MOST_KEPT, 0, True, "")
    numbers = [one["data"]["number"] for one in of(events)]
    assert numbers == list(range(3 * MOST_KEPT - 1, 2 * MOST_KEPT - 1, -1))
    assert events.choices("shop.paid")[0] == {"key": "newest:orders/0/149", "name": "04:00 orders/0/149"}
    assert topics.opened == [("orders", Span(last=newest_events.LAST_RECORDS))]
    assert events.choices("shop.other") == []
    assert events.event("newest:orders/0/0") is None


def test_an_event_has_type_time_and_masked_data(topics: Topics) -> None:
    topics.records = {"orders": [plain(5, "someone-7", note="for someone-7")]}
    events = newest()
    events.read()
    masked = Mask(KEY).text("someone-7")
    data = {"who": masked, "number": 5, "note": f"for {masked}"}
    assert of(events) == [{"type": "shop.paid", "time": "2026-11-23T04:00:00.005Z", "data": data}]


def test_avro_is_shown_as_json(topics: Topics) -> None:
    topics.records = {"orders": [Record("orders", 0, 1, b"", PAID_BYTES, (), NOON_MS, 1)]}
    events = newest(recipients=lambda: Recipients({}))
    events.read()
    (found,) = of(events, PAID_TYPE)
    assert found["data"]["amount_paid"] == PAID_EVENT["amount_paid"]
    assert found["data"]["order_no"] == PAID_EVENT["order_no"]
    assert found["data"]["sub"] != PAID_EVENT["sub"]


def test_records_that_cannot_be_decoded_are_counted_and_deletions_are_not(topics: Topics) -> None:
    broken = Record("orders", 0, 6, b"k", b"\x00\x00", (), NOON_MS, 1)
    topics.records = {"orders": [plain(5), broken, broken._replace(offset=7), broken._replace(value=None)]}
    events = newest()
    reading = events.read()
    assert (reading.records, reading.faults) == (4, 2)
    assert reading.fault == "orders/0/6: not_framed: 2 bytes are too few for a schema id"
    assert len(of(events)) == 1


def test_a_topic_that_cannot_be_read_does_not_hide_the_others(topics: Topics) -> None:
    topics.records = {"gone": Unreachable("there is no topic gone", hint="create it"), "orders": [plain(5)]}
    events = newest("gone", "orders")
    reading = events.read()
    assert (reading.problem, reading.hint, reading.records) == ("there is no topic gone", "create it", 1)
    assert len(of(events)) == 1


def test_what_was_read_before_stays_if_nothing_can_be_read(topics: Topics) -> None:
    topics.records = {"orders": [plain(5)]}
    events = newest()
    events.read()
    topics.records = {"orders": Unreachable("no broker answers")}
    assert events.read().problem == "no broker answers"
    assert len(of(events)) == 1
    topics.records = {"orders": []}
    assert events.read().problem == ""
    assert of(events) == []


def test_nothing_is_read_while_the_recipients_are_not_known(topics: Topics) -> None:
    """A file of rules that is no YAML at present."""

    def unknown() -> Recipients:
        raise UserError("shop.yaml:3: not closed", hint="correct it first")

    reading = newest(recipients=unknown).read()
    assert (reading.problem, reading.hint) == ("shop.yaml:3: not closed", "correct it first")
    assert topics.opened == []


def test_large_records_end_the_reading(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read by then is shown, and that it is not all."""
    monkeypatch.setattr(newest_events, "MOST_BYTES", 3 * EVENT_BYTES)
    topics.records = {"orders": [plain(offset) for offset in range(10)]}
    events = newest()
    reading = events.read()
    assert (reading.records, reading.is_whole) == (3, False)
    assert len(of(events)) == 3


def test_time_ends_the_reading(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_events, "MOST_SECONDS", -1.0)
    topics.records = {"orders": [plain(5)]}
    assert not newest().read().is_whole
    assert topics.opened == []


async def test_those_who_ask_meanwhile_share_one_reading(topics: Topics) -> None:
    """And the loop is not blocked while Kafka is waited for."""
    going_on = threading.Event()
    topics.records = {"orders": [plain(5)]}
    topics.polled = lambda: _wait(going_on)
    background = BackgroundReading(newest())
    asked = [asyncio.create_task(background.read()) for _ in range(3)]
    await asyncio.sleep(0)
    going_on.set()  # by the loop, which is not blocked
    found = await asyncio.gather(*asked)
    assert [one["records"] for one in found] == [1, 1, 1]
    assert len(topics.opened) == 1
    await background.read()
    assert len(topics.opened) == 2
    assert len(background.choices("shop.paid")) == 1
    assert background.event("newest:orders/0/5") is not None


async def test_a_reading_under_way_ends_when_studio_does(topics: Topics) -> None:
    events = newest()
    begun, going_on = threading.Event(), threading.Event()

    def polled() -> None:
        begun.set()
        _wait(going_on)

    topics.records, topics.polled = {"orders": [plain(5)]}, polled
    background = BackgroundReading(events)
    asked = asyncio.create_task(background.read())
    await asyncio.to_thread(begun.wait, 30)
    closing = asyncio.create_task(background.close())
    await asyncio.sleep(0)
    going_on.set()
    await closing
    assert (await asked)["is_whole"] is False


async def test_an_error_of_the_program_reaches_who_asked() -> None:
    def broken() -> Recipients:
        raise LookupError

    with pytest.raises(LookupError):
        await BackgroundReading(newest(recipients=broken)).read()


def _wait(event: threading.Event) -> None:
    assert event.wait(30)


def test_an_event_that_cannot_be_written_is_counted(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of a recursive schema may be nested deeper than it can be shown; the others are."""

    def unwritable(data: Mapping[str, object], schema: EventSchema | None) -> dict[str, object]:
        if data["number"] == 6:
            raise RecursionError
        return event_json(data, schema)

    monkeypatch.setattr(newest_events, "event_json", unwritable)
    topics.records = {"orders": [plain(5), plain(6)]}
    events = newest()
    reading = events.read()
    assert (reading.faults, reading.fault) == (1, "orders/0/6: nested too deeply")
    assert [one["data"]["number"] for one in of(events)] == [5]
    assert len(events.choices("shop.paid")) == 1


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59.999Z", "0002-01-01T00:00:00.000Z"])
def test_an_event_of_any_time_is_shown(topics: Topics, time: str) -> None:
    topics.records = {"orders": [plain(5)._replace(headers=(("ce_type", b"shop.paid"), ("ce_time", time.encode())))]}
    events = newest()
    events.read()
    (found,) = of(events)
    assert found["time"] == time

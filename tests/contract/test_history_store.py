"""The history's store keeps one contract on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import fastavro
import pytest
from sqlalchemy import create_engine, text

from pipeline.adapters.history.outcome_values import OutcomeValues
from pipeline.adapters.history.rows import COLUMNS, DAY_MS, FIELDS, Row, make_row
from pipeline.adapters.history.store import Batch, History, Overtaken, Stored
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.errors import ConfigurationError, Unreachable
from pipeline.model.event import Position
from pipeline.model.outcome import Outcome
from pipeline.operations.find.query import ByEvents, ByField, Field
from pipeline.rules.schema.event_schema import without_logical_types
from tests.fakes.outcomes import BARE, WHOLE, an_outcome
from tests.fakes.postgresql import running_postgresql

NOW_MS = 1_800_000_000_000
TOPIC, GROUP, TOPIC_ID = "outcomes", "shop", "topic-id"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """One server for all tests."""
    with running_postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'history.db'}"
        return
    import psycopg  # noqa: PLC0415 - only where there is a server

    server: str = request.getfixturevalue("postgresql")
    name = f"h{abs(hash(tmp_path))}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def history(url: str) -> Iterator[History]:
    """The store, with its tables."""
    history = History(url, TOPIC, GROUP)
    history.migrate()
    yield history
    history.close()


def row(outcome: Outcome, offset: int, *, timestamp_ms: int = NOW_MS) -> Row:
    """The outcome's row, through the bytes of its record."""
    value = OutcomeEncoder(1, lambda recipient: recipient, lambda reference: reference)(outcome)
    values = OutcomeValues(FIELDS)(value)
    assert values is not None
    return make_row(timestamp_ms // DAY_MS, 0, offset, values)


def batch(*rows: Row, begins: int = 0) -> Batch:
    """Rows at consecutive offsets."""
    return Batch(0, begins, Stored(begins + len(rows), NOW_MS), rows)


def by_recipient(recipient: str) -> ByField:
    """The query for one recipient."""
    return ByField(Field.RECIPIENT, frozenset({recipient}))


def test_what_is_stored_is_found_as_it_was(history: History) -> None:
    """Every field; by recipient, reference, event id, record and first record; from a time on."""
    assert history.write(TOPIC_ID, [batch(row(WHOLE, 0), row(BARE, 1))]) == 2
    (found,) = history.outcomes(by_recipient("customer"), None)
    assert found.written == Position(TOPIC, 0, 0)
    assert (found.id, found.kind, found.body_code, found.detail) == (WHOLE.id, "rejected", 47003, "字段 thing4")
    assert (found.source, found.first, found.group) == (WHOLE.position, WHOLE.first, GROUP)
    assert [one.name for one in found.because] == ["rule order-paid", None]
    assert found.item == WHOLE.item
    assert history.outcomes(ByField(Field.EVENT, frozenset({"e-1"})), None) == [found]
    assert WHOLE.reference is not None
    assert history.outcomes(ByField(Field.REFERENCE, frozenset({WHOLE.reference})), None) == [found]
    assert WHOLE.first is not None
    for position in (WHOLE.position, WHOLE.first):
        assert found in history.outcomes(ByEvents(frozenset({position})), None)
    assert history.outcomes(by_recipient("absent"), None) == []


def test_the_outcomes_of_thousands_of_events_are_found(history: History) -> None:
    """Each once, although that of a redriven event is about two of them, and the newest last."""
    count = 1_100
    places = [Position("trade.order.events", 0, offset) for offset in range(count)]
    redriven = an_outcome()._replace(position=places[-1], first=places[0], redrives=1)
    whole = dict(zip(COLUMNS, row(an_outcome()._replace(position=places[0]), 0), strict=True))
    rows = [tuple({**whole, "written_offset": n, "offset": n, "finished_at": n}.values()) for n in range(count - 1)]
    history.write(TOPIC_ID, [batch(*rows, row(redriven, count - 1))])
    found = history.outcomes(ByEvents(frozenset(places)), None)
    assert [one.written.offset for one in found] == list(range(count))


def test_each_record_is_stored_once(history: History, url: str) -> None:
    """A second process that has read the same records is refused, and continues where the first one is."""
    other = History(url, TOPIC, GROUP)
    history.write(TOPIC_ID, [batch(row(WHOLE, 0))])
    with pytest.raises(Overtaken):
        other.write(TOPIC_ID, [batch(row(WHOLE, 0))])
    assert other.positions(TOPIC_ID) == {0: Stored(1, NOW_MS)}
    assert other.positions("another") == {}
    other.write(TOPIC_ID, [batch(row(BARE, 1), begins=1)])
    with pytest.raises(Overtaken):
        history.write(TOPIC_ID, [batch(row(BARE, 1), begins=1)])
    assert len(history.outcomes(by_recipient("customer"), None)) == 1
    other.close()


def test_a_batch_that_fails_stores_nothing(history: History) -> None:
    """Neither rows nor its position."""
    broken = row(WHOLE._replace(detail="a"), 1)
    without_id = (*broken[:3], None, *broken[4:])
    with pytest.raises(Unreachable, match="cannot be used"):
        history.write(TOPIC_ID, [batch(row(WHOLE, 0), without_id)])
    assert history.positions(TOPIC_ID) == {}
    assert history.outcomes(by_recipient("customer"), None) == []


def test_old_days_are_deleted(history: History) -> None:
    """Days before the last N; the others stay."""
    rows = [
        row(an_outcome()._replace(recipient=f"d{age}"), age, timestamp_ms=NOW_MS - age * DAY_MS) for age in range(10)
    ]
    history.write(TOPIC_ID, [batch(*rows)])
    history.keep(5, NOW_MS)
    assert [age for age in range(10) if history.outcomes(by_recipient(f"d{age}"), None)] == [0, 1, 2, 3, 4, 5]
    history.keep(5, NOW_MS)
    history.write(TOPIC_ID, [batch(row(WHOLE, 10), begins=10)])


def test_a_recipient_is_erased_and_not_stored_again(history: History, url: str) -> None:
    """Neither by a process that reads old records again; later messages are stored."""
    mine = an_outcome()._replace(recipient="me", finished_at=NOW_MS / 1000 - 60)
    history.write(TOPIC_ID, [batch(row(mine, 0), row(WHOLE, 1))])
    assert history.forget({"me", "hash-of-me"}, NOW_MS) == 1
    assert history.forget({"me"}, NOW_MS) == 0
    assert history.outcomes(by_recipient("me"), None) == []
    again = History(url, TOPIC, GROUP)
    later = mine._replace(finished_at=NOW_MS / 1000 + 60)
    assert again.write("new-topic-id", [batch(row(mine, 0), row(later, 1))]) == 1
    assert len(again.outcomes(by_recipient("me"), None)) == 1
    again.close()


def test_nothing_of_an_erased_recipient_remains_in_the_files_of_sqlite(tmp_path: Path) -> None:
    """Neither in the table and its indexes nor in the log of changes, also while another connection is open."""
    url = f"sqlite:///{tmp_path / 'history.db'}"
    mine = [WHOLE._replace(recipient="erase-me", reference=f"mine-{number}") for number in range(50)]
    with closing(History(url, TOPIC, GROUP)) as history, closing(History(url, TOPIC, GROUP)) as other:
        history.migrate()
        history.write(TOPIC_ID, [batch(*(row(one, number) for number, one in enumerate(mine)), row(BARE, 50))])
        assert len(other.outcomes(by_recipient("erase-me"), None)) == 50
        assert b"erase-me" in _bytes_in(tmp_path)
        assert other.forget({"erase-me"}, NOW_MS * 2) == 50
        left = _bytes_in(tmp_path)
    assert [name for name in (b"erase-me", b"mine-") if name in left] == []


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


class Halting(tuple[Any, ...]):
    """A row whose storing halts, after it was decided that its recipient is not forgotten, until it may continue."""

    __slots__ = ()
    reached, continues = threading.Event(), threading.Event()

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - as a tuple's
        if self.continues.is_set() or index != COLUMNS.index("recipient"):
            return super().__getitem__(index)
        value = super().__getitem__(index)
        self.reached.set()
        assert self.continues.wait(60)
        return value


def test_a_recipient_is_erased_although_an_outcome_is_being_stored(history: History, url: str) -> None:
    """A batch that is under way is stored first and then erased, or not stored."""
    Halting.reached.clear()
    Halting.continues.clear()
    mine = an_outcome()._replace(recipient="me", finished_at=NOW_MS / 1000 - 60)
    history.forget({"someone-else"}, NOW_MS)
    with closing(History(url, TOPIC, GROUP)) as other, ThreadPoolExecutor(2) as threads:
        written = threads.submit(history.write, TOPIC_ID, [batch(Halting(row(mine, 0)))])
        assert Halting.reached.wait(60)
        forgotten = threads.submit(other.forget, {"me"}, NOW_MS)
        while not (forgotten.done() or is_waiting(url)):
            time.sleep(0.01)
        Halting.continues.set()
        assert (written.result(60), forgotten.result(60)) == (1, 1)
    assert history.outcomes(by_recipient("me"), None) == []


def is_waiting(url: str) -> bool:
    """Whether a transaction waits for another one; SQLite does not show it."""
    if url.startswith("sqlite"):
        return True
    import psycopg  # noqa: PLC0415 - only where there is a server

    with psycopg.connect(url) as connection:
        return connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None


def test_migrating_again_changes_nothing(history: History) -> None:
    """As at every start."""
    history.write(TOPIC_ID, [batch(row(WHOLE, 0))])
    history.migrate()
    assert len(history.outcomes(by_recipient("customer"), None)) == 1


def test_tables_of_a_later_release_are_refused(history: History, url: str) -> None:
    """With both versions: this release does not know what is in them."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version_num = '0099'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match="have version 0099, and this release knows versions up to 0"):
        history.migrate()


def test_the_database_of_another_installation_is_refused(history: History, url: str) -> None:
    """Rows and positions do not name their group: both would take the other's outcomes for their own."""
    with closing(History(url, TOPIC, "a search")) as search:
        search.migrate()
    history.own()
    history.own()
    with closing(History(url, TOPIC, "other")) as other, pytest.raises(ConfigurationError) as refused:
        other.migrate()
    assert "holds the outcomes of the group shop, and kafka.group_id is other" in refused.value.message
    history.migrate()


def test_processes_that_begin_a_day_at_the_same_time_do_not_disturb_each_other(history: History, url: str) -> None:
    """Each stores another partition of the topic; in PostgreSQL one of them makes the day's table, or deletes it."""
    begin = threading.Barrier(2)

    def store(store: History, partition: int) -> int:
        for day in range(12):
            begin.wait(60)
            one = (NOW_MS // DAY_MS + day, partition, day, *row(WHOLE, 0)[3:])
            store.write(TOPIC_ID, [Batch(partition, day, Stored(day + 1, NOW_MS), [one])])
            begin.wait(60)
            store.keep(3, NOW_MS + day * DAY_MS)
        return len(store.outcomes(by_recipient("customer"), None))

    with closing(History(url, TOPIC, GROUP)) as other, ThreadPoolExecutor(2) as threads:
        running = [threads.submit(store, one, number) for number, one in enumerate((history, other))]
        assert [one.result(120) for one in running] == [8, 8]


def test_texts_that_postgresql_cannot_hold_are_replaced(history: History) -> None:
    """A NUL in an event's id; a timestamp of the future makes no partition of its own."""
    history.write(TOPIC_ID, [batch(row(WHOLE._replace(event_id="a\x00b"), 0, timestamp_ms=NOW_MS + 400 * DAY_MS))])
    (found,) = history.outcomes(by_recipient("customer"), None)
    assert found.event_id == "a\ufffdb"


@pytest.mark.parametrize("field", ["recipient", "reference", "event_id"])
def test_a_value_of_any_length_is_stored_and_found(history: History, field: str) -> None:
    """Databases limit the length of what an index holds; one such value must not stop all that follows."""
    long = "".join(chr(0x4E00 + number * 7_919 % 20_000) for number in range(10_000))
    changes: dict[str, Any] = {field: long}
    history.write(TOPIC_ID, [batch(row(WHOLE._replace(**changes), 0))])
    assert len(history.outcomes(ByField(Field(field), frozenset({long})), None)) == 1
    if field == "recipient":
        assert history.forget({long}, NOW_MS) == 1


def test_a_number_that_no_column_holds_is_no_outcome() -> None:
    """Other programs may write to the topic: fastavro takes numbers of 64 bits where the schema has 32."""
    schema: Any = without_logical_types(outcome_schema())
    value = OutcomeEncoder(1, lambda recipient: recipient)(BARE)
    raw: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
    for number, stored in ((2**31 - 1, True), (-(2**31), True), (2**31, False), (-(2**31) - 1, False), (2**62, False)):
        for name in ("partition", "http_status", "item"):
            stream = io.BytesIO()
            fastavro.schemaless_writer(stream, {**schema, "fields": _as_long(schema)}, {**raw, name: number})
            assert (OutcomeValues(FIELDS)(value[:5] + stream.getvalue()) is not None) is stored


def _as_long(schema: Any) -> list[Any]:  # noqa: ANN401 - fastavro's form of a schema
    """The schema's fields with `long` instead of `int`, whose bytes are the same."""
    fields: list[Any] = json.loads(json.dumps(schema["fields"]).replace('"int"', '"long"'))
    return fields


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense"])
def test_other_databases_are_refused(url: str) -> None:
    """With the forms that are known."""
    with pytest.raises(ConfigurationError) as refused:
        History(url, TOPIC, GROUP)
    assert "sqlite:///history.db" in str(refused.value.hint)


def test_a_database_that_is_away_is_an_error_without_its_password() -> None:
    """As a message for the user."""
    history = History("postgresql://user:geheim@127.0.0.1:1/x", TOPIC, GROUP)
    with pytest.raises(Unreachable) as away:
        history.migrate()
    assert "geheim" not in away.value.message
    history.close()

"""What earlier releases wrote, this one reads; what this one writes, they read.

Each folder of `releases/` is what `tests/upgrade/record.py` wrote when that release was current.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from pipeline import metrics
from pipeline.adapters.kafka.outcome_record import (
    FIRST_RELEASE_FIELDS,
    LEDGER_FIELDS,
    LedgerDecoder,
    LedgerEntry,
    OutcomeDecoder,
    OutcomeFields,
    outcome_schema,
)
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.delivery import pointer
from pipeline.model.event import Origin, Position
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.rules.schema.compatibility import incompatibilities
from pipeline.rules.schema.event_schema import EventSchema, without_logical_types
from tests.upgrade.record import OUTCOMES, POINTERS, RELEASES, dead_letter_headers, notices_of, outcome_fields

FRAME = 5


@pytest.fixture(params=sorted(folder.name for folder in RELEASES.iterdir()))
def release(request: pytest.FixtureRequest) -> Path:
    return RELEASES / str(request.param)


def schema_of(release: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((release / "outcome.avsc").read_text())
    return schema


def written_records(release: Path) -> list[bytes]:
    return [bytes.fromhex(line) for line in (release / "outcomes.hex").read_text().split()]


def written_fields(release: Path) -> list[dict[str, Any]]:
    """What those records say."""
    fields: list[dict[str, Any]] = json.loads((release / "outcomes.json").read_text(encoding="utf-8"))
    return fields


def shape(schema: Any) -> list[tuple[object, ...]]:  # noqa: ANN401 - a schema's JSON
    """Name and type of each field; words for people may change."""
    return [(field["name"], field["type"]) for field in plain(schema)["fields"]]


def plain(schema: Any) -> Any:  # noqa: ANN401 - a schema's JSON
    without: Any = without_logical_types(schema)
    return fastavro.parse_schema(without)


def test_the_ledger_of_an_earlier_release_is_read(release: Path) -> None:
    """Every record tells which notice is done: an upgrade sends nothing twice."""
    entries = [
        LedgerEntry(fields["id"], Position(*fields["position"]), Origin(*fields["origin"]))
        for fields in written_fields(release)
    ]
    assert [LedgerDecoder()(record) for record in written_records(release)] == entries


def test_whole_outcomes_of_an_earlier_release_are_read(release: Path) -> None:
    """Audit, redrive and pages understand what was written before them."""
    for record, fields in zip(written_records(release), written_fields(release), strict=True):
        outcome = OutcomeDecoder()(record)
        assert outcome is not None
        read = outcome_fields(outcome)
        assert {name: read[name] for name in fields} == fields


def test_no_release_wrote_fewer_fields_than_the_first(release: Path) -> None:
    """The reader of whole outcomes counts on it."""
    assert len(schema_of(release)["fields"]) >= FIRST_RELEASE_FIELDS


def test_the_next_release_will_read_what_this_one_and_earlier_ones_wrote(release: Path) -> None:
    """With two fields more than today's: each record as it was, and the new fields by their defaults."""
    now = plain(outcome_schema())
    more: list[dict[str, Any]] = [
        {"name": "channel", "type": ["null", "string"], "default": None},
        {"name": "parts", "type": "long", "default": 1},
    ]
    tomorrow: dict[str, Any] = {"type": "record", "name": now["name"], "fields": [*now["fields"], *more]}
    today, next_release = OutcomeFields(), OutcomeFields(tomorrow)
    encode = OutcomeEncoder(1, lambda recipient: recipient)
    for record in (*written_records(release), *(encode(outcome) for outcome in OUTCOMES)):
        known = today(record)
        assert known is not None
        assert next_release(record) == {**known, "channel": None, "parts": 1}
    known = today(encode(OUTCOMES[0]))
    assert known is not None
    buffer = io.BytesIO()
    buffer.write(encode(OUTCOMES[0])[:FRAME])
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(tomorrow), {**known, "channel": "app", "parts": 3})
    assert next_release(buffer.getvalue()) == {**known, "channel": "app", "parts": 3}
    assert today(buffer.getvalue()) == known
    assert next_release(buffer.getvalue()[:-2]) is None  # in the middle of a field


def test_an_earlier_release_reads_the_ledger_of_this_one(release: Path) -> None:
    """As it reads: the first fields of its own schema, from the front. A rollback sends nothing twice."""
    schema = schema_of(release)
    begin = plain({**schema, "fields": schema["fields"][: len(LEDGER_FIELDS)]})
    encode = OutcomeEncoder(1, lambda recipient: recipient)
    for outcome in OUTCOMES:
        read: Any = fastavro.schemaless_reader(io.BytesIO(encode(outcome)[FRAME:]), begin, None)
        assert (read["outcome_id"], read["topic"], read["offset"]) == (
            outcome.id,
            outcome.position.topic,
            outcome.position.offset,
        )


def test_readers_of_outcomes_need_not_change(release: Path) -> None:
    """By Avro's resolution, both ways: consumers with the earlier schema, and records that were written with it."""
    encode = OutcomeEncoder(1, lambda recipient: recipient)
    then, now = plain(schema_of(release)), plain(outcome_schema())
    for outcome in OUTCOMES:
        value = encode(outcome)[FRAME:]
        as_then: Any = fastavro.schemaless_reader(io.BytesIO(value), now, then)
        assert as_then["detail"] == outcome.detail
    for record in written_records(release):
        as_now: Any = fastavro.schemaless_reader(io.BytesIO(record[FRAME:]), then, now)
        assert as_now.keys() == {field["name"] for field in outcome_schema()["fields"]}  # type: ignore[attr-defined]


def test_the_schema_only_grows_at_its_end(release: Path) -> None:
    """The one change that every reader bears: a field more, last, with a default; and a registry takes it."""
    then, now = shape(schema_of(release)), shape(outcome_schema())
    assert now[: len(then)] == then
    assert all("default" in field for field in plain(outcome_schema())["fields"][len(then) :])
    assert not incompatibilities(EventSchema(schema_of(release)), EventSchema(outcome_schema()))


def test_commits_of_an_earlier_release_are_read(release: Path) -> None:
    """The pointer in the commit's metadata leads to the same place."""
    texts = (release / "pointers.txt").read_text().split()
    assert [pointer.read(text) for text in texts] == [pointer.Pointer(position, "topic") for position in POINTERS]


def test_a_later_pointer_is_known_to_be_one() -> None:
    """After a rollback a commit may be of a release to come: counted as such, and never guessed at."""
    assert pointer.read("np3;partition=3;offset=17;crc=00000000") is pointer.Unusable.UNKNOWN_VERSION
    assert pointer.read("np2;partition=3;offset=17;crc=00000000") is pointer.Unusable.DAMAGED


def test_rules_of_an_earlier_release_make_the_same_notices(release: Path) -> None:
    """The same files and events: the same ids, so the same idempotency keys, and the same bytes."""
    events = json.loads((release / "events.json").read_text(encoding="utf-8"))
    assert notices_of(release, events) == json.loads((release / "notices.json").read_text(encoding="utf-8"))


def test_names_that_others_go_by_are_still_there(release: Path) -> None:
    """Metrics in dashboards, kinds and reasons in consumers, headers in tools."""
    names = json.loads((release / "names.json").read_text(encoding="utf-8"))
    assert set(names["metrics"]) <= {metric.full_name for metric in metrics.CATALOGUE}
    assert set(names["kinds"]) <= set(OutcomeKind)
    assert set(names["reasons"]) <= set(Reason)
    assert set(names["dead_letter_headers"]) <= set(dead_letter_headers())

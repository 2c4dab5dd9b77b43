"""Masked events: nothing names the person, and everything else is as it was."""

from __future__ import annotations

import orjson
import pytest

from pipeline.authoring.masking.event import EventMasking
from pipeline.authoring.masking.mask import Mask
from pipeline.authoring.masking.personal import FORMS, is_personal
from pipeline.authoring.masking.recipients import Path, Recipients
from pipeline.model.event import Event, Record
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_events import from_json

SUB = "oQ7xK2mP9fLr4Tz"
MASK = Mask(b"key")
SCHEMA = EventSchema(
    {
        "type": "record",
        "name": "shop.Paid",
        "fields": [
            {"name": "who", "type": "string"},
            {"name": "level", "type": {"type": "enum", "name": "Level", "symbols": ["GOLD", "IRON"]}},
            {"name": "born_name", "type": {"type": "int", "logicalType": "date"}},
            {"name": "phone", "type": ["null", "string"]},
            {"name": "count", "type": "int"},
            {"name": "link", "type": "string"},
            {"name": "by_person", "type": {"type": "map", "values": "int"}},
            {
                "name": "items",
                "type": {
                    "type": "array",
                    "items": {"type": "record", "name": "I", "fields": [{"name": "name", "type": "string"}]},
                },
            },
        ],
    }
)
DATA = {
    "who": SUB,
    "level": "GOLD",
    "born_name": "2026-11-30",
    "phone": "13800138000",
    "count": 7,
    "link": f"https://m.example.com/{SUB}/7",
    "by_person": {SUB: 1},
    "items": [{"name": "咖啡豆"}],
}


def masked(
    data: object, *paths: Path, schema: EventSchema | None = None, key: bytes | None = None
) -> dict[str, object]:
    record = Record("orders", 0, 1, key, None, (), 0)
    typed = from_json(schema, data) if schema is not None else data
    assert isinstance(typed, dict)
    before = orjson.dumps(typed)
    event = Event("shop.Paid", typed, record, "", None, None, 0, None, None)
    found = EventMasking(MASK, Recipients({"shop.Paid": frozenset(paths)})).masked(event, schema).data
    assert orjson.dumps(typed) == before, "the event itself was changed"
    return dict(found)


def test_a_recipient_is_masked_wherever_it_is_and_the_rest_stays() -> None:
    found = masked(DATA, ("who",), schema=SCHEMA)
    sub = MASK.text(SUB)
    assert found == {
        **DATA,
        "who": sub,
        "phone": MASK.text("13800138000"),
        "link": f"https://m.example.com/{sub}/7",
        "by_person": {sub: 1},
    }


def test_so_is_the_key_of_the_record() -> None:
    """A producer often keys by the person, although no rule writes to the field."""
    found = masked(DATA, schema=SCHEMA, key=SUB.encode())
    assert SUB not in str(found)
    for framed in (f'"{SUB}"', f'{{"id": "{SUB}"}}', f"\0\0\0\0\7{chr(2 * len(SUB))}{SUB}", f"\0\0\0\0\7@{SUB}"):
        assert masked({"a": SUB}, key=framed.encode())["a"] == MASK.text(SUB)
    assert masked({"a": SUB}, key=b"\xff\x00")["a"] == SUB


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"buyer": {"a": SUB}}, ("buyer",)),
        ({"buyer": {"a": SUB}}, ("[]", "a")),
        ({"people": [{"a": SUB}, {"a": SUB}]}, ("people", "[]", "a")),
        ({"people": [SUB]}, ("people", "[]")),
        ({"a": SUB}, ("a", "[]")),
        ({"a": {"b": SUB}}, ()),
    ],
)
def test_without_a_schema_too(data: dict[str, object], path: Path) -> None:
    found = masked(data, path)
    assert SUB not in str(found)
    assert MASK.text(SUB) in str(found)


def test_numbers_and_bytes_that_name_recipients() -> None:
    """A small number elsewhere is a count, and stays."""
    found = masked({"who": 12_345_678, "ref": 12_345_678, "text": "12345678"}, ("who",))
    assert found == {"who": (n := MASK.number(12_345_678)), "ref": n, "text": str(n)}
    assert masked({"who": 7, "count": 7}, ("who",)) == {"who": MASK.number(7), "count": 7}
    assert masked({"who": True, "x": 1.5}, ("who",), ("x",)) == {"who": True, "x": 1.5}
    event = Event("t", {"who": b"abc"}, Record("t", 0, 0, None, None, (), 0), "", None, None, 0, None, None)
    assert EventMasking(MASK, Recipients({None: frozenset({("who",)})})).masked(event, None).data == {
        "who": MASK.raw(b"abc")
    }


@pytest.mark.parametrize(
    ("name", "holder", "personal"),
    [
        ("openId", "", True),
        ("mobile", "", True),
        ("contact_phone", "", True),
        ("email", "", True),
        ("patient_name", "", True),
        ("name", "buyer", True),
        ("name", "item", False),
        ("license_plate", "", True),
        ("idCardNo", "", True),
        ("verification_code", "", True),
        ("order_no", "", False),
        ("amount_paid", "", False),
        ("city", "", False),
        ("status_code", "", False),
        ("currency", "", False),
    ],
)
def test_names_of_fields_that_name_a_person(name: str, holder: str, personal: bool) -> None:  # noqa: FBT001 - a row
    assert is_personal(name, holder) is personal


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("电话13800138000，请", ["13800138000"]),
        ("+86 138-0013-8000", ["+86 138-0013-8000"]),
        ("write to li.lei@example.com.", ["li.lei@example.com"]),
        ("11010519491231002X", ["11010519491231002X"]),
        ("+442079460000", ["+442079460000"]),
        ("T20261123150100001", []),
        ("2026-11-23 15:01", []),
        ("128.50", []),
        ("https://m.example.com/orders/7", []),
    ],
)
def test_forms_that_name_a_person_within_texts(text: str, found: list[str]) -> None:
    assert FORMS.findall(text) == found
    assert all(one not in str(masked({"remarks_of": text})) for one in found)

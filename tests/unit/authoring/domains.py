"""Event types of domains that the project's own rules do not have."""

from __future__ import annotations

from collections.abc import Mapping

Avro = dict[str, object]

_TIME = {"type": "long", "logicalType": "timestamp-millis"}


def _decimal(scale: int = 2) -> Avro:
    return {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": scale}


def _field(name: str, kind: object, doc: str = "", **more: object) -> Avro:
    return {"name": name, "type": kind, **({"doc": doc} if doc else {}), **more}


def _nullable(name: str, kind: object, doc: str = "") -> Avro:
    return _field(name, ["null", kind], doc, default=None)


def _record(name: str, doc: str, *fields: Avro) -> Avro:
    namespace, _, short = name.rpartition(".")
    return {"type": "record", "name": short, "namespace": namespace, "doc": doc, "fields": list(fields)}


def _enum(name: str, *symbols: str) -> Avro:
    return {"type": "enum", "name": name, "symbols": list(symbols)}


CLINIC = _record(
    "com.example.clinic.appointment.booked.v1",
    "An appointment was booked.",
    _field("appointment_id", {"type": "string", "logicalType": "uuid"}),
    _field(
        "patient",
        {
            "type": "record",
            "name": "Patient",
            "fields": [
                _field("openid", "string", "The patient's id on the platform."),
                _field("name", "string", "就诊人"),
                _nullable("phone", "string"),
            ],
        },
    ),
    _nullable(
        "doctor",
        {"type": "record", "name": "Doctor", "fields": [_field("name", "string"), _nullable("title", "string")]},
    ),
    _field("department", "string", "就诊科室"),
    _field("starts_at", _TIME, "就诊时间"),
    _nullable("room", "string", "诊室"),
    _nullable("deposit", _decimal(), "押金"),
    _field("is_first_visit", "boolean"),
)
FLIGHT = _record(
    "com.example.air.flight.delayed.v2",
    "A flight is delayed.",
    _field("member_id", "string"),
    _field("flight_no", "string", "航班号"),
    _field("scheduled_departure", _TIME, "计划起飞"),
    _nullable("estimated_departure", _TIME, "预计起飞"),
    _field("delay_minutes", "int", "延误分钟"),
    _field("cause", _enum("Cause", "WEATHER", "TRAFFIC_CONTROL", "TECHNICAL", "OTHER"), "延误原因"),
    _field(
        "passengers",
        {
            "type": "array",
            "items": {
                "type": "record",
                "name": "Passenger",
                "fields": [_field("name", "string"), _nullable("seat", "string")],
            },
        },
        "乘客",
    ),
)
GAS = _record(
    "com.example.gas.bill.issued.v1",
    "A gas bill was issued.",
    _field("user_id", "long", "The customer."),
    _field("bill_no", "string", "账单编号"),
    _field("period", {"type": "int", "logicalType": "date"}, "账单月份"),
    _field("total_cents", "long", "应缴金额"),
    _field("volume", _decimal(3), "用气量"),
    _field(
        "tiers",
        {
            "type": "map",
            "values": {
                "type": "record",
                "name": "Tier",
                "fields": [_field("volume", _decimal(3)), _field("price", _decimal(4))],
            },
        },
        "阶梯",
    ),
    _field("due_on", {"type": "int", "logicalType": "date"}, "缴费截止"),
)
LOCKER = _record(
    "com.example.locker.parcel.stored.v1",
    "A parcel waits in a locker.",
    _field("openId", "string"),
    _field("trackingNo", "string"),
    _field("lockerName", "string"),
    _field("boxNo", "string"),
    _field("pickupCode", "string"),
    _nullable("phone", "string"),
    _field("size", _enum("Size", "S", "M", "L")),
    _field("storedAt", _TIME),
    _field("expiresAt", _TIME),
    _field("fragile", "boolean"),
)
RENEWAL = _record(
    "com.example.saas.subscription.renewal.v1",
    "A subscription renews soon.",
    _nullable("uid", "string", "The subscriber."),
    _field("plan", "string"),
    _field("price", _decimal()),
    _field("currency", _enum("Currency", "CNY", "USD", "EUR")),
    _field("locale", _enum("Locale", "zh_CN", "zh_TW", "en_US")),
    _field("renews_on", {"type": "int", "logicalType": "date"}),
    _nullable("card_last4", "string"),
    _nullable("channel", _enum("Channel", "CARD", "WALLET")),
    _field("features", {"type": "array", "items": "string"}),
)
HOSTILE = _record(
    "com.example.hostile.names.v1",
    'Say "hi": ${event.x} # no\n{{name}} 【x】',
    _field("sub", "string"),
    _field("in", "string"),
    _field("true", "boolean"),
    _field("for", "int"),
    _nullable("package", "string"),
    _field("label", _enum("Label", "TRUE", "TODO", "XXX", "A_VERY_LONG_SYMBOL_THAT_NEVER_ENDS_AT_ALL")),
    _nullable(
        "a",
        {
            "type": "record",
            "name": "A",
            "fields": [
                _nullable(
                    "b", {"type": "record", "name": "B", "fields": [_nullable("at", _TIME), _nullable("n", "long")]}
                )
            ],
        },
    ),
    _field("local_at", {"type": "long", "logicalType": "local-timestamp-millis"}),
    _field("lists", {"type": "array", "items": {"type": "array", "items": "string"}}),
    _nullable("many", {"type": "map", "values": "long"}),
)
"""Names that expressions cannot write, texts that look like something else, and depth."""
DOMAINS: Mapping[str, Avro] = {
    "clinic": CLINIC,
    "flight": FLIGHT,
    "gas": GAS,
    "locker": LOCKER,
    "renewal": RENEWAL,
    "hostile": HOSTILE,
}

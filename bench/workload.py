"""What is measured: the events, the rule, the configuration. The same for us and for every peer."""

from __future__ import annotations

import bisect
import hashlib
import io
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

from pipeline.adapters.events.avro import folder_id
from pipeline.rules.schema.event_schema import EventSchema

EVENTS = 100_000
PARTITIONS = 4
USERS = 50_000
ZIPF = 0.5
"""Skew of the users. Distinct users would make order per user free; at 1.0 the hottest user alone sets the pace."""
SEED = 20_261_123
FIRST_MS = 1_795_400_000_000
TOKEN = "bench-token-0123456789abcdefghijklmnop"  # noqa: S105 - of nothing
BODY_BYTES = 420
"""Of a rendered notice, for clients that are measured without rendering."""

SCHEMA: Mapping[str, Any] = {
    "type": "record",
    "name": "v1",
    "namespace": "com.example.bench.order.paid",
    "fields": [
        {"name": "sub", "type": "string"},
        {"name": "order_no", "type": "string"},
        {"name": "amount_paid", "type": "double"},
        {"name": "currency", "type": "string"},
        {
            "name": "pay_channel",
            "type": {"type": "enum", "name": "Channel", "symbols": ["WECHAT", "ALIPAY", "BALANCE"]},
        },
        {"name": "paid_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "item_count", "type": "int"},
        {
            "name": "items",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Item",
                    "fields": [
                        {"name": "sku", "type": "string"},
                        {"name": "name", "type": "string"},
                        {"name": "quantity", "type": "int"},
                        {"name": "price", "type": "double"},
                    ],
                },
            },
        },
    ],
}
OTHER_SCHEMA: Mapping[str, Any] = {
    "type": "record",
    "name": "v1",
    "namespace": "com.example.bench.points.changed",
    "fields": [{"name": "sub", "type": "string"}, {"name": "points", "type": "int"}],
}

RULES = """\
rules:
  - id: order-paid
    description: Tell the buyer that payment has arrived.
    owner: bench
    on: com.example.bench.order.paid.v1
    when: event.amount_paid > 0.0 && event.pay_channel != "BALANCE"
    to: ${event.sub}
    template: order_paid
    url: https://m.example.com/orders/${event.order_no}
    category: transactional
    data:
      first: 您的订单已支付成功
      keyword1: ${event.order_no}
      keyword2: {value: "${money(event.amount_paid, event.currency)}", color: "#173177"}
      keyword3: ${local_time(event.paid_at, "YYYY年M月D日 HH:mm")}
      remark: '${event.item_count > 1 ? "共" + string(event.item_count) + "件商品" : event.items[0].name}'
"""
CATEGORY = "    category: transactional\n"
WITH_CARE = "    category: marketing\n    once: {by: '${event.order_no}', within: 24h}\n"
CARE = """\
care:
  caps:
    marketing-a-day: {of: {category: marketing}, at_most: 300, per: day}
    everything: {of: all, at_most: 400, per: 24h}
  categories:
    marketing: {caps: [marketing-a-day, everything], opt_out: promotions}
"""
"""Two caps, an opt-out and `once`, which let everything through, so that the same notices leave."""
OTHER_RULE = """\
  - id: points-{number}
    description: One of many rules on another type of event.
    owner: bench
    on: com.example.bench.points.changed.v1
    when: event.points == {number}
    to: ${{event.sub}}
    template: order_paid
    category: transactional
    data: {{first: 积分变动, keyword1: "{number}", keyword2: "1", keyword3: "2", remark: 谢谢}}
"""
TEMPLATES = """\
templates:
  order_paid:
    title: 订单支付成功通知
    style: history
    ids: {production: Q57J4mJLPXxiBNTzRqkB93eB_64KLnRmAgNcoRiOMpk}
    fields:
      first: {optional: true}
      keyword1: {label: 订单编号, example: T20261123150100001}
      keyword2: {label: 支付金额, example: ¥128.00}
      keyword3: {label: 支付时间, example: 2026年11月23日 15:01}
      remark: {optional: true}
"""


class Target(NamedTuple):
    """Where one run of the service reads, sends and writes."""

    bootstrap_servers: str
    group: str
    events: str
    outcomes: str
    dead_letters: str
    url: str
    in_flight: int


def users(count: int) -> Iterator[str]:
    """So many draws from the users, 32 hexadecimal digits each; the same every time."""
    rng = random.Random(SEED)  # noqa: S311 - a workload, not a secret
    bounds = list(itertools.accumulate((rank + 1) ** -ZIPF for rank in range(USERS)))
    names = [hashlib.blake2b(str(rank).encode(), digest_size=16).hexdigest() for rank in range(USERS)]
    for _ in range(count):
        yield names[bisect.bisect(bounds, rng.random() * bounds[-1])]


def events(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Key (the user) and value (Avro in Confluent's framing) of so many events; every one matches the rule."""
    schema = fastavro.parse_schema(dict(SCHEMA))
    frame = b"\x00" + folder_id(EventSchema(dict(SCHEMA), "bench").fingerprint).to_bytes(4, "big")
    for number, user in enumerate(users(count)):
        value = io.BytesIO()
        value.write(frame)
        fastavro.schemaless_writer(value, schema, _order(number, user))
        yield user.encode(), value.getvalue()


def _order(number: int, user: str) -> dict[str, object]:
    items = 1 + number % 3
    return {
        "sub": user,
        "order_no": f"T{20_261_123_150_100_000 + number}",
        "amount_paid": 1 + number % 50_000 / 100,
        "currency": "CNY",
        "pay_channel": ("WECHAT", "ALIPAY")[number % 2],
        "paid_at": FIRST_MS + number * 37,
        "item_count": items,
        "items": [
            {"sku": f"S{number % 997:05}", "name": "小粒咖啡豆250g", "quantity": one + 1, "price": 64.0}
            for one in range(items)
        ],
    }


def write_files(folder: Path, target: Target, *, rules: int = 1, care: bool = False) -> Path:
    """The folder of schemas, the folder of rules, and the configuration; gives the configuration's path."""
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    (folder / "schemas" / "order-paid.avsc").write_text(json.dumps(SCHEMA), encoding="utf-8")
    (folder / "schemas" / "points.avsc").write_text(json.dumps(OTHER_SCHEMA), encoding="utf-8")
    (folder / "rules").mkdir(exist_ok=True)
    others = "".join(OTHER_RULE.format(number=number) for number in range(1, rules))
    own = RULES.replace(CATEGORY, WITH_CARE) if care else RULES
    (folder / "rules" / "rules.yaml").write_text(own + others, encoding="utf-8")
    if care:
        (folder / "rules" / "care.yaml").write_text(CARE, encoding="utf-8")
    (folder / "rules" / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    config = {
        "environment": "production",
        "kafka": {
            "bootstrap_servers": target.bootstrap_servers,
            "group_id": target.group,
            "topics": [target.events],
        },
        "schemas": {"directory": "schemas"},
        "rules": "rules",
        "notices": {"url": target.url, "token": TOKEN, "max_in_flight": target.in_flight},
        "outcomes": {"topic": target.outcomes},
        "dead_letters": {"topic": target.dead_letters},
        "recipient_care": {
            "intents_topic": f"{target.group}.intents",
            "care_topic": f"{target.group}.care",
            "partitions": PARTITIONS,
        },
        "http": {"host": "127.0.0.1", "port": 0},
        "log": {"format": "json", "level": "info"},
    }
    path = folder / "pipeline.yaml"
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")  # JSON is YAML
    return path

"""`demo --care`: a day of recipients in a minute. What recipient care suppresses, and why."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rich.table import Table

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import TopicRange
from pipeline.adapters.shipped import shipped
from pipeline.care.words import CareWords
from pipeline.cli.language import in_language
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.phrases import marked, phrase
from pipeline.rules.schema.examples import example

RULES = "examples/recipient-care/rules"
ZONE = ZoneInfo("Asia/Shanghai")
"""The zone of the rules' care.yaml."""
DAY = 86_400
LONGEST_STEP = 3_600
"""The day's clock does not pass over more than an hour, however slow the machine is."""
RECIPIENTS = 100
OPTED_OUT = 10
"""Recipients who opt out of promotions at noon; half of them opt in again at six in the evening."""
ABROAD = 10
"""Recipients in Europe, whose night is another one."""
PREFERENCES, OUTCOMES = "customer.preferences", "notice.outcomes"
ORDERS, COUPONS, USERS = "trade.order.events", "coupon.events", "user.account.events"
TOPICS = (ORDERS, COUPONS, USERS)
_ISSUED, _EXPIRING = "com.example.coupon.issued.v1", "com.example.coupon.expiring.v1"
_SHIPPED, _RECHARGED = "com.example.trade.order.shipped.v1", "com.example.user.wallet.recharged.v1"
_USUAL = ((_ISSUED, COUPONS, 35), (_EXPIRING, COUPONS, 25), (_SHIPPED, ORDERS, 15), (_RECHARGED, USERS, 25))
"""Types of events with their topic and how many of a hundred they are."""
SETTINGS: Mapping[str, object] = {
    "recipient_care": {"create": False, "partitions": 4, "preferences_topic": PREFERENCES},
}
"""Sections of the configuration that the demo has besides. The embedded broker creates topics of four partitions."""


class Planned(NamedTuple):
    """A record of the day."""

    second: int
    """Of the day, when it is written."""
    topic: str
    recipient: str
    value: bytes
    notices: int
    """How many messages the rules make of it."""


def plan(count: int, seed: int, midnight: datetime) -> list[Planned]:
    """Return the day's records in their order: `count` events, and preferences."""
    rng = random.Random(seed).random  # noqa: S311 - examples, not secrets
    recipients = [f"{int(rng() * 2**128):032x}" for _ in range(RECIPIENTS)]
    events = list(_events(count, rng, recipients, midnight))
    return sorted([*_choices(recipients), *events], key=lambda one: one.second)


def _choices(recipients: list[str]) -> Iterator[Planned]:
    """What recipients choose during the day."""
    none: dict[str, object] = {"opted_out": []}
    promotions = {"opted_out": ["promotions"]}
    for number, who in enumerate(recipients[:OPTED_OUT]):
        yield Planned(12 * 3_600, PREFERENCES, who, json.dumps(promotions).encode(), 0)
        if number % 2:
            yield Planned(18 * 3_600, PREFERENCES, who, json.dumps(none).encode(), 0)
    for who in recipients[-ABROAD:]:
        yield Planned(0, PREFERENCES, who, json.dumps({**none, "timezone": "Europe/Berlin"}).encode(), 0)


def _events(count: int, rng: Callable[[], float], recipients: list[str], midnight: datetime) -> Iterator[Planned]:
    catalogue = read_schemas(shipped("schemas/events"))
    types = [(name, topic) for name, topic, share in _USUAL for _ in range(share)]
    encoders = {}
    for name, *_ in _USUAL:
        schema = catalogue.newest(name)
        assert schema is not None  # noqa: S101 - it comes with the program
        encoders[name] = schema, EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO)
    written = 0
    while written < count:
        name, topic = types[int(rng() * len(types))]
        second, who = int(rng() * DAY), recipients[int(rng() * RECIPIENTS)]
        schema, encoder = encoders[name]
        at = (midnight + timedelta(seconds=second)).isoformat()
        event = {**example(schema, rng, written), "sub": who, "occurred_at": at}
        notices = 1
        if name == _RECHARGED:
            large = rng() < 0.1  # noqa: PLR2004 - one of ten
            event |= {"amount": "20000.00" if large else "200.00", "recharged_at": at}
            notices += large
        if name == _SHIPPED:
            event |= {"tracking_no": f"SF{written:08}", "shipped_at": at}
        value, _ = encoder.encode(event, written)
        yield Planned(second, topic, who, value, notices)
        written += 1
        if name == _SHIPPED and written < count:  # the carrier announces the same parcel a little later
            again = {**event, "event_id": example(schema, rng, count + written)["event_id"]}
            later = min(DAY - 1, second + 600 + int(rng() * 1_800))
            yield Planned(later, topic, who, encoder.encode(again, count + written)[0], 1)
            written += 1


class DayClock(SystemClock):
    """The real clock for durations, with a wall clock that the demo moves."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0
        """Seconds that the wall clock is ahead of the real one."""

    def correction(self) -> float:
        """Return how far the wall clock was moved."""
        return self.ahead


class CareDemo:
    """The day: its clock, the records that are written in its course, and its report."""

    def __init__(self, bootstrap_servers: str, *, events: int, seed: int, seconds: float) -> None:
        """The day has `events`, and takes `seconds`."""
        self._properties = {"bootstrap.servers": bootstrap_servers, "log_level": 0}
        self.seconds = seconds
        self.clock = DayClock()
        today = datetime.fromtimestamp(self.clock.now(), ZONE)
        self.now = today.replace(hour=0, minute=0, second=0, microsecond=0)
        """What the day's clock shows."""
        self._midnight = self.now
        self._begun = 0.0
        self.plan = plan(events, seed, self._midnight)
        self.expected = sum(one.notices for one in self.plan)
        """How many messages the rules make."""
        self._waiting = deque(self.plan)
        self._producer = EventProducer(self._properties)
        for topic in (*TOPICS, PREFERENCES, OUTCOMES, "notice.dead-letters", "notice.intents", "notice.care"):
            self._producer.make(topic)

    def play(self, now: float) -> float:
        """Write what is due; return how far the day's clock is ahead of ours. `now` is of the monotonic clock."""
        self._begun = self._begun or now
        reached = (self.now - self._midnight).total_seconds()
        second = min(DAY - 1.0, reached + LONGEST_STEP, (now - self._begun) / self.seconds * DAY)
        self.now = self._midnight + timedelta(seconds=second)
        while self._waiting and self._waiting[0].second <= second:
            one = self._waiting.popleft()
            self._producer.send(one.topic, one.recipient, one.value, [])
        self.clock.ahead = self.now.timestamp() - self.clock.now()
        return self.clock.ahead

    def report(self) -> Table:
        """Return what was suppressed, as the outcomes topic has it."""
        decode = OutcomeDecoder()
        with TopicRange(self._properties, OUTCOMES) as records:
            outcomes = [one for record in records.records() if (one := decode(record.value)) is not None]
        return suppressed(outcomes)


_CONDITIONS = {
    Reason.CAP_REACHED: marked("cap {name}"),
    Reason.DUPLICATE: marked("once {name}"),
    Reason.OPTED_OUT: marked("opt-out {name}"),
    Reason.QUIET_HOURS: marked("quiet hours {name}"),
}


def suppressed(outcomes: list[Outcome]) -> Table:
    """A table of what recipient care held back: for each condition the messages, the recipients, and the first case."""
    words = CareWords(ZONE.key)
    found: dict[str, list[Outcome]] = {}
    for one in sorted(outcomes, key=lambda one: one.finished_at):
        if one.kind is OutcomeKind.SUPPRESSED and one.because:
            condition = phrase(_CONDITIONS[one.reason], name=one.because[0].name)
            found.setdefault(in_language(condition), []).append(one)
    table = Table(box=None, pad_edge=False)
    table.add_column(in_language(phrase("suppressed by")), no_wrap=True)
    table.add_column(in_language(phrase("messages")), justify="right")
    table.add_column(in_language(phrase("recipients")), justify="right")
    table.add_column(in_language(phrase("the first of them")))
    for name in sorted(found):
        first = found[name][0]
        at = datetime.fromtimestamp(first.finished_at, ZONE)
        case = f"{at:%H:%M} {first.rule}: {in_language(words.of(first.because))}"
        table.add_row(name, str(len(found[name])), str(len({one.recipient for one in found[name]})), case)
    return table

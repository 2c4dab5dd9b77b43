"""Recipient care under chaos: the rules and topics that it needs, and what Kafka has of intents and choices."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from datetime import UTC, datetime
from enum import Enum, auto
from typing import NamedTuple

from pipeline.adapters.kafka.intents.record import IntentDecoder, IntentRecord
from pipeline.model.event import Position
from pipeline.model.intent import Checkpoint, Intent, PreferencesChoice
from tests.acceptance.stage import RULES
from tests.chaos.kafka import Tail

CAP_OF = 6
"""Messages of one category to one recipient, in all that a scenario lasts."""
ONCE_EVENTS = 500
"""Of so many events, `once` lets one message to each recipient through."""
CATEGORY, LIST = "marketing", "promotions"
"""Of messages that caps count, and of those that recipients may opt out of."""
INTENTS_PARTITIONS = 5
CARE = f"""
care:
  caps: {{a-day: {{of: {{category: {CATEGORY}}}, at_most: {CAP_OF}, per: 24h}}}}
  categories: {{{CATEGORY}: {{caps: [a-day], opt_out: {LIST}}}}}
"""
SHARE = "    when: event.fee >= 0.0\n"


class Kind(Enum):
    """Which rule an event matches: half of them the one that chaos has without recipient care."""

    PLAIN = auto()
    CAPPED = auto()
    ONCE = auto()


class OnceKey(NamedTuple):
    """What only one message may be sent for."""

    recipient: str
    number: int


def kind_of(number: int) -> Kind:
    """Return which rule the event with this number matches."""
    return (Kind.PLAIN, Kind.CAPPED, Kind.PLAIN, Kind.ONCE)[number % 4]


def once_key(recipient: str, number: int) -> OnceKey:
    """Return the key of an event that matches the rule with `once`."""
    return OnceKey(recipient, number // ONCE_EVENTS)


def care_rules() -> str:
    """Return the rules: each event still matches exactly one."""
    body = RULES.removeprefix("\nrules:\n")
    capped = body.replace("id: parked", "id: capped").replace(
        SHARE, f"    when: event.number % 4 == 1\n    category: {CATEGORY}\n"
    )
    once = body.replace("id: parked", "id: once").replace(
        SHARE,
        "    when: event.number % 4 == 3\n"
        f'    once: {{by: "${{string(event.number / {ONCE_EVENTS})}}", within: 24h}}\n',
    )
    return "\nrules:\n" + body.replace(SHARE, "    when: event.number % 2 == 0\n") + capped + once


class CareTopics(NamedTuple):
    """The topics of one group."""

    intents: str
    care: str
    preferences: str

    def settings(self) -> dict[str, object]:
        """The section of the configuration."""
        return {
            "intents_topic": self.intents,
            "care_topic": self.care,
            "preferences_topic": self.preferences,
            "partitions": INTENTS_PARTITIONS,
            "replication_factor": -1,
        }


def care_topics(topic: str, group: str) -> CareTopics:
    """Return the names: each group has its own, except for the preferences."""
    return CareTopics(f"{group}.intents", f"{group}.care", f"{topic}.preferences")


def choice(is_out: bool) -> bytes:  # noqa: FBT001 - the whole content
    """Return a record of preferences: this recipient wants no marketing, or wants it again."""
    return json.dumps({"opted_out": [LIST] if is_out else []}).encode()


class IntentsTail:
    """The intents of one group, in the order of their topic, as far as it has been read; repetitions are left out."""

    def __init__(self, servers: str, topics: CareTopics, group: str) -> None:
        self.topics = topics
        self.ranks: dict[str, int] = {}
        """Where each notice is among its recipient's."""
        self.opted_out_once: set[str] = set()
        """Recipients who were opted out at any time."""
        self.last: dict[int, int] = {}
        """The newest offset of each partition that is no checkpoint's."""
        self._group = group
        self._tail = Tail(servers, topics.intents)
        self._decode = IntentDecoder()
        self._seen: set[tuple[str, int, str]] = set()
        self._chosen: set[Position] = set()
        self._out: dict[str, list[str]] = {}
        """Recipients who are opted out, and their notices since."""
        self._permitted: set[str] = set()
        self._until: dict[str, float] = {}

    @property
    def choices(self) -> int:
        """How many choices of recipients there are."""
        return len(self._chosen)

    @property
    def forbidden(self) -> dict[str, float]:
        """Notices that come after their recipient's opt-out, and until when: the recipient may opt in again.

        Monotonic seconds, as everywhere in these tests.
        """
        wall = datetime.now(UTC).timestamp() - time.monotonic()  # noqa: TID251 - Kafka's clock is the wall clock
        until = {name: at / 1_000 - wall for name, at in self._until.items()}
        until |= {name: math.inf for names in self._out.values() for name in names}
        return {name: at for name, at in until.items() if name not in self._permitted}

    def catch_up(self) -> None:
        """Read what has come."""
        for message in self._tail.read():
            record = self._decode(message.value())
            if record is None or record.group != self._group or isinstance(record.content, Checkpoint):
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            self.last[partition] = max(offset, self.last.get(partition, -1))
            if isinstance(record.content, PreferencesChoice):
                self._choose(record, record.content, message.timestamp()[1])
            else:
                self._notice(record.content, offset)

    def forget_choices(self) -> None:
        """The service has lost all choices up to now, and reports it."""
        self.catch_up()
        self._out.clear()

    def _choose(self, record: IntentRecord, content: PreferencesChoice, timestamp_ms: int) -> None:
        if record.position is None or record.position in self._chosen:
            return
        self._chosen.add(record.position)
        chosen = json.loads(content.preferences or "{}")
        if LIST in chosen.get("opted_out", ()):
            self._out.setdefault(content.recipient, [])
            self.opted_out_once.add(content.recipient)
        else:
            for name in self._out.pop(content.recipient, ()):
                self._until[name] = timestamp_ms

    def _notice(self, intent: Intent, offset: int) -> None:
        notice = intent.notice
        place = (intent.stream, intent.event.record.offset, notice.id)
        if place in self._seen:
            return
        self._seen.add(place)
        self.ranks.setdefault(notice.id, offset)
        if notice.category == CATEGORY and notice.recipient in self._out:
            self._out[notice.recipient].append(notice.id)
        else:
            self._permitted.add(notice.id)

    def close(self) -> None:
        """Let go of the broker."""
        self._tail.close()


def counted(keys: dict[str, tuple[str, int]]) -> tuple[dict[str, set[str]], dict[OnceKey, set[str]]]:
    """Return notices that a cap counts, by recipient, and those of each key of `once`; `keys` has whose and which."""
    capped: dict[str, set[str]] = defaultdict(set)
    once: dict[OnceKey, set[str]] = defaultdict(set)
    for name, (recipient, number) in keys.items():
        kind = kind_of(number)
        if kind is Kind.CAPPED:
            capped[recipient].add(name)
        elif kind is Kind.ONCE:
            once[once_key(recipient, number)].add(name)
    return capped, once

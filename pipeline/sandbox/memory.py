"""The sandbox's memory: idempotency keys, messages, and the order of arrivals. It is bounded; counters continue."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.sandbox.parameters import Refusal
    from pipeline.sandbox.request import Message

KEEP_REFUSALS = 20
"""Requests with wrong common parameters that are shown."""


class Kept(NamedTuple):
    """A reply, kept to be repeated."""

    status: int
    body: bytes


class Claim(Enum):
    """What is known of an idempotency key when a request with it arrives."""

    FRESH = "fresh"
    RUNNING = "running"
    DONE = "done"
    OTHER_BODY = "other_body"


@dataclass(slots=True)
class Entry:
    """One idempotency key."""

    digest: bytes
    recipient: str
    attempts: int = 0
    running: bool = False
    reply: Kept | None = None


class Received(NamedTuple):
    """One accepted message."""

    number: int
    at: float
    """Seconds since the epoch."""
    key: str | None
    message: Message


@dataclass(slots=True)
class Counts:
    """Since the start or the last clearing."""

    requests: int = 0
    accepted: int = 0
    refused: int = 0
    faults: int = 0
    repeats: int = 0
    """Requests answered from memory, since their key was known: messages that would have been sent twice."""
    key_reused: int = 0
    in_progress: int = 0
    unauthorised: int = 0
    parameters_refused: int = 0
    """Requests whose common parameters were not as configured."""
    overlapping: int = 0
    """Requests for a recipient while another of that recipient was under way."""
    codes: Counter[int] = field(default_factory=Counter)


class Memory:
    """Everything since the start or the last clearing.

    `keep_messages` and `keep_keys` bound it: the oldest messages go, and so do the oldest keys, with their arrivals.
    """

    def __init__(self, keep_messages: int, keep_keys: int) -> None:
        self._keep_keys = keep_keys
        self.messages: deque[Received] = deque(maxlen=keep_messages)
        self.refusals: deque[Refusal] = deque(maxlen=KEEP_REFUSALS)
        self.keys: OrderedDict[str, Entry] = OrderedDict()
        self.counts = Counts()
        self.in_flight: Counter[str] = Counter()

    def claim(self, key: str, recipient: str, body: bytes) -> tuple[Claim, Entry]:
        """Claim the key for a request that begins now, or return why not; counts the attempt in any case."""
        digest = blake2b(body, digest_size=16).digest()
        entry = self.keys.get(key)
        if entry is None:
            entry = self.keys[key] = Entry(digest, recipient)
            if len(self.keys) > self._keep_keys:
                self.keys.popitem(last=False)
        entry.attempts += 1
        if entry.digest != digest:
            return Claim.OTHER_BODY, entry
        if entry.running:
            return Claim.RUNNING, entry
        if entry.reply is not None:
            return Claim.DONE, entry
        entry.running = True
        return Claim.FRESH, entry

    def arrive(self, recipient: str) -> None:
        """A request for `recipient` is under way."""
        if self.in_flight[recipient]:
            self.counts.overlapping += 1
        self.in_flight[recipient] += 1

    def leave(self, recipient: str) -> None:
        """It has ended."""
        self.in_flight[recipient] -= 1
        if self.in_flight[recipient] <= 0:
            del self.in_flight[recipient]

    def receive(self, message: Message, key: str | None, at: float) -> None:
        """A message is accepted."""
        self.counts.accepted += 1
        self.messages.append(Received(self.counts.accepted, at, key, message))

    def newest(
        self, most: int, *, recipient: str | None = None, template: str | None = None, text: str | None = None
    ) -> list[Received]:
        """The newest messages, newest first: to a recipient, of a template, with a text in a field or the url."""
        found = (
            one
            for one in reversed(self.messages)
            if recipient in {None, one.message.to}
            if template in {None, one.message.template}
            if text is None or _contains(one.message, text)
        )
        return list(islice(found, most))

    def refuse(self, refusal: Refusal) -> None:
        """A request is refused for its common parameters."""
        self.counts.parameters_refused += 1
        self.refusals.append(refusal)

    def clear(self) -> None:
        """Forget messages, keys and counts; what is under way stays under way."""
        self.messages.clear()
        self.refusals.clear()
        self.keys.clear()
        self.counts = Counts()

    def arrivals(self, recipient: str | None = None) -> Iterable[tuple[str, str, int]]:
        """Recipient, key and attempts, in the order of each key's first arrival."""
        for key, entry in self.keys.items():
            if recipient is None or entry.recipient == recipient:
                yield entry.recipient, key, entry.attempts

    def order(self, recipient: str) -> list[str]:
        """Keys of one recipient in the order of their first arrival."""
        return [key for _, key, _ in self.arrivals(recipient)]


def _contains(message: Message, text: str) -> bool:
    """Whether a field or the url has the text, in any case of letters."""
    wanted, shown = text.casefold(), (value for value, _ in message.fields.values())
    return any(wanted in one.casefold() for one in (message.url or "", *shown))

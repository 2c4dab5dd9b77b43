"""What is known of one recipient: recent messages, keys of `once`, and preferences.

The state is a fold of the ledger: the same outcomes in any order, each once or more often, give the same state. It is
kept packed, because a service knows many recipients and decides about few of them at a time.
"""

from __future__ import annotations

import hashlib
import re
import struct
from bisect import insort
from collections import Counter
from math import floor
from typing import NamedTuple

from pipeline.care.declaration import Care
from pipeline.care.preferences import NO_PREFERENCES, Preferences
from pipeline.errors import DamagedCareState
from pipeline.model.make import make
from pipeline.model.outcome import ACCEPTED, COUNTED, Outcome

MOST_SENDS = 64
"""Messages of one category that are kept at least, if there were so many: beyond that, only as many as the greatest
cap needs. A recipient with thousands of messages a day must not make each decision slower."""
VERSION = 1

CHOICE_MS = 3_600_000
"""A choice of nothing is known for so long: a late record of another process must not bring back the choice before."""

_HEAD = struct.Struct("<BBHHHHqqq")
"""Version, whether preferences follow, and the numbers of messages, keys, names and opt-outs; the ledger's offset, and
offset and time of the preferences."""
_COVERED = struct.Struct("<q")
_COVERED_AT = _HEAD.size - 3 * _COVERED.size
_SENT = struct.Struct("<qQHH")
_KEY = struct.Struct("<QqQ")
_KEY_SHAPE = re.compile(r"[0-9a-f]{16}", re.ASCII)


class Accepted(NamedTuple):
    """What the ledger says of a message that counts."""

    notice_id: str
    category: str | None
    """None: no cap counts it."""
    rule: str
    at_ms: int
    """When its outcome was decided, milliseconds since the epoch, as the ledger has it."""
    once: tuple[int, int] | None = None
    """The key of `once` as a number, and until when it is taken, milliseconds since the epoch."""

    @classmethod
    def of(cls, outcome: Outcome) -> Accepted | None:
        """Return what counts of an outcome; None if nothing does."""
        kind, category, taken = outcome.kind, outcome.category, outcome.once
        if (kind is not ACCEPTED and kind not in COUNTED) or (category is None and taken is None):
            return None
        number = None if taken is None else key_number(taken.key)
        once = None if taken is None or number is None else (number, milliseconds(taken.until))
        return make(cls, (outcome.id, category, outcome.rule or "", milliseconds(outcome.finished_at), once))


class Sent(NamedTuple):
    """One message that counts."""

    at_ms: int
    number: int
    """Of the notice: see `notice_number`."""
    category: str
    rule: str


class Taken(NamedTuple):
    """A key of `once` that is in use."""

    until_ms: int
    number: int
    """Of the notice that took it."""


class Recipient:
    """The state of one recipient."""

    __slots__ = ("chosen", "chosen_ms", "covered", "preferences", "sends", "taken")

    def __init__(self) -> None:
        """A recipient of whom nothing is known."""
        self.sends: list[Sent] = []
        """Sorted by time."""
        self.taken: dict[int, Taken] = {}
        """Keys of `once`, as numbers."""
        self.preferences = NO_PREFERENCES
        self.covered = -1
        """The highest offset of the ledger up to which its outcomes are folded in; -1: none."""
        self.chosen = -1
        """The offset at which the preferences were read, as later ones replace earlier ones; -1: there were none."""
        self.chosen_ms = 0
        """When they were read, milliseconds since the epoch."""

    def fold(self, accepted: Accepted) -> bool:
        """Count a message; return whether that changed anything.

        A message that was sent again after a crash counts once, at the later time.
        """
        changed = False
        number = notice_number(accepted.notice_id)
        if accepted.category is not None:
            changed = self._count(make(Sent, (accepted.at_ms, number, accepted.category, accepted.rule)))
        if accepted.once is not None:
            key, until_ms = accepted.once
            changed |= self._take(key, make(Taken, (until_ms, number)))
        return changed

    def choose(self, preferences: Preferences, offset: int, at_ms: int) -> None:
        """Note what the recipient has chosen, as read at this offset and time, unless a later choice is known."""
        if offset > self.chosen:
            self.preferences, self.chosen, self.chosen_ms = preferences, offset, at_ms

    def merge(self, other: Recipient) -> None:
        """Add what another state of the same recipient knows: the order of merging changes nothing."""
        for sent in other.sends:
            self._count(sent)
        for key, taken in other.taken.items():
            self._take(key, taken)
        self.choose(other.preferences, other.chosen, other.chosen_ms)
        self.cover(other.covered)

    def _take(self, key: int, taken: Taken) -> bool:
        known = self.taken.get(key)
        if known is not None and taken <= known:
            return False
        self.taken[key] = taken
        return True

    def _count(self, sent: Sent) -> bool:
        for index, known in enumerate(self.sends):
            if known.number == sent.number:
                if known >= sent:
                    return False
                del self.sends[index]
                break
        insort(self.sends, sent)
        return True

    def cover(self, offset: int) -> None:
        """The state now covers the ledger up to this offset."""
        self.covered = max(self.covered, offset)

    def forget(self, care: Care, now: float) -> bool:
        """Drop what no decision from `now` on can see; return whether nothing but the offset is left."""
        sends = self.sends
        now_ms = milliseconds(now)
        before = now_ms - care.longest * 1_000
        if sends and sends[0][0] <= before:
            sends[:] = [sent for sent in sends if sent.at_ms > before]
        if len(sends) > MOST_SENDS:
            self._keep_newest(max(MOST_SENDS, *[cap.at_most for cap in care.caps.values()], 0))
        for one in self.taken.values():
            if one[0] <= now_ms:
                self.taken = {key: taken for key, taken in self.taken.items() if taken.until_ms > now_ms}
                break
        if sends or self.taken or self.preferences != NO_PREFERENCES:
            return False
        return self.chosen < 0 or self.chosen_ms + CHOICE_MS <= now_ms

    def _keep_newest(self, most: int) -> None:
        """Keep so many messages of each category."""
        counted: Counter[str] = Counter()
        kept: list[Sent] = []
        for sent in reversed(self.sends):
            counted[sent.category] += 1
            if counted[sent.category] <= most:
                kept.append(sent)
        kept.reverse()
        self.sends = kept

    def pack(self) -> bytes:
        """Return the state as bytes: 34, 20 for each message, 24 for each key, and each name once."""
        numbers: dict[str, int] = {}
        sends = [
            _SENT.pack(
                at_ms, number, numbers.setdefault(category, len(numbers)), numbers.setdefault(rule, len(numbers))
            )
            for at_ms, number, category, rule in self.sends
        ]
        keys = [_KEY.pack(key, until_ms, number) for key, (until_ms, number) in sorted(self.taken.items())]
        preferences, texts, lists = self.preferences, [*numbers], 0
        if preferences != NO_PREFERENCES:
            lists = len(preferences.opted_out)
            texts += [preferences.zone or "", preferences.locale or "", *sorted(preferences.opted_out)]
        return b"".join(
            (
                _HEAD.pack(
                    VERSION,
                    preferences != NO_PREFERENCES,
                    len(sends),
                    len(keys),
                    len(numbers),
                    lists,
                    self.covered,
                    self.chosen,
                    self.chosen_ms,
                ),
                *sends,
                *keys,
                _joined(texts),
            )
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Recipient:
        """Return the state of `pack`.

        Raises:
            DamagedCareState: the bytes are not of `pack`, or of a later release.
        """
        recipient = cls()
        try:
            recipient._read(packed)
        except (struct.error, ValueError, IndexError) as error:
            raise DamagedCareState(f"the state of a recipient cannot be read: {error}") from None
        return recipient

    def _read(self, packed: bytes) -> None:
        version, has_preferences, sends, keys, names, lists, *offsets = _HEAD.unpack_from(packed)
        self.covered, self.chosen, self.chosen_ms = offsets
        if version != VERSION:
            raise ValueError(f"it has version {version}, and this release reads {VERSION}")
        keys_at = _HEAD.size + sends * _SENT.size
        texts_at = keys_at + keys * _KEY.size
        *texts, rest = packed[texts_at:].decode().split("\n")
        if rest or len(texts) != names + (lists + 2 if has_preferences else 0):
            raise ValueError("its length is wrong")
        self.sends = [
            make(Sent, (at_ms, number, texts[category], texts[rule]))
            for at_ms, number, category, rule in _SENT.iter_unpack(packed[_HEAD.size : keys_at])
        ]
        if keys:
            self.taken = {
                key: make(Taken, (until_ms, number))
                for key, until_ms, number in _KEY.iter_unpack(packed[keys_at:texts_at])
            }
        if has_preferences:
            zone, locale, *opted_out = texts[names:]
            self.preferences = Preferences(frozenset(opted_out), zone or None, locale or None)


def covering(packed: bytes, offset: int) -> bytes:
    """Return the packed state after `cover`, without unpacking it."""
    if _COVERED.unpack_from(packed, _COVERED_AT)[0] >= offset:
        return packed
    return packed[:_COVERED_AT] + _COVERED.pack(offset) + packed[_COVERED_AT + _COVERED.size :]


def key_number(key: str) -> int | None:
    """Return a key of `once` as a number; None if it is none of `once_key`: other programs may write outcomes."""
    return int(key, 16) if _KEY_SHAPE.fullmatch(key) else None


def notice_number(notice_id: str) -> int:
    """Return 64 bits of a notice's id: enough to recognise it among the messages of one recipient."""
    return int.from_bytes(hashlib.blake2b(notice_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def milliseconds(seconds: float) -> int:
    """Return the time as the ledger has it."""
    return floor(seconds * 1_000 + 0.5)


def _joined(texts: list[str]) -> bytes:
    text = "\n".join([*texts, ""])
    if text.count("\n") > len(texts):  # another program's outcomes may name anything
        text = "\n".join([*[one.replace("\n", " ") for one in texts], ""])
    return text.encode("utf-8", "replace")

"""The output: one message of one rule for one event."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from pipeline.model.once import Once
from pipeline.model.outcome import Reason

MOST_ITEMS = 100
"""Messages of one rule for one event, by default: the setting `rule_options.most_items`."""
DEFAULT_API = "notices"
"""The API of the setting `notices`; further ones have the names that `apis` gives them."""
_NAMESPACE = bytes.fromhex("6f0c3b6ea6cb5d7ea7a3c5f1f2d0b911")
_OF_NAMESPACE = hashlib.sha1(_NAMESPACE, usedforsecurity=False)
"""Copied for each id: looking the algorithm up costs more than the hash itself."""


class OnAmbiguous(StrEnum):
    """What to do if a request may have reached the API."""

    REPEAT = "repeat"
    GIVE_UP = "give_up"


class Notice(NamedTuple):
    """A message ready to be sent; every attempt sends `body` byte for byte."""

    id: str
    """Deterministic (see `notice_id`); also the `Idempotency-Key`, unless `key` is set."""
    rule: str
    template: str
    """The alias in `templates.yaml`, not the platform's id."""
    recipient: str
    body: bytes
    expires_at: float | None
    """Seconds since the epoch after which the message must not be sent; None: never."""
    ordered: bool = True
    """Whether it waits for earlier notices of its recipient (`order: none` in the rule opts out)."""
    on_ambiguous: OnAmbiguous = OnAmbiguous.REPEAT
    key: str | None = None
    """The `Idempotency-Key` if it is not the id: the notice was rejected permanently and redriven."""
    api: str = DEFAULT_API
    """Name of the API that it goes through, as its template says."""
    reference: str | None = None
    """The business key that the rule names, such as an order number, as the event has it."""
    item: int | None = None
    """Position of its item in the list of `for_each`, from 0; None where the rule makes one message of an event."""
    category: str | None = None
    """The rule's category, by which recipient care decides; None: it has none."""
    once: Once | None = None
    """`once` of the rule, evaluated; None: it has none."""

    @property
    def idempotency_key(self) -> str:
        """The key by which the API recognises a repeated request."""
        return self.key or self.id


class Refusal(NamedTuple):
    """A rule matched, but its message cannot be sent."""

    id: str
    rule: str
    template: str
    recipient: str | None
    reason: Reason
    detail: str
    """Names the field and its fault; never contains the rendered text."""
    reference: str | None = None
    """As a notice's."""
    item: int | None = None
    """As a notice's; None as well where the list itself is refused."""


def item_key(rule: str, item: int) -> str:
    """What stands for the rule in the id of a message for one item of its list; no rule's id has such a character."""
    return f"{rule}\x1f{item}"


def outcome_label(rule: str, item: int | None) -> str:
    """What tells the outcomes of one event apart: the rule, and of a rule with `for_each` the position of the item."""
    return rule if item is None else f"{rule}[{item}]"


def notice_id(event_identity: str, rule: str, index: int = 0) -> str:
    """Return the id of a notice: the same for the same event, rule and index, in any process and release.

    `event_identity` is `Event.identity`, which includes the group.

    A version 5 UUID (RFC 9562, section 5.5), computed here because `uuid.uuid5` costs five times as much and
    this runs for every notice.

    >>> notice_id("orders/0/17", "order-paid")
    'abdf3647-9c11-5cb5-856a-5d43e25176c5'
    """
    hashed = _OF_NAMESPACE.copy()
    hashed.update(f"{event_identity}\x1f{rule}\x1f{index}".encode())
    low, mid, high, variant, clock, node = _PARTS(hashed.hexdigest())
    return f"{low}-{mid}-5{high}-{_VARIANTS[variant]}{clock}-{node}"


_PARTS = itemgetter(slice(0, 8), slice(8, 12), slice(13, 16), 16, slice(17, 20), slice(20, 32))
"""The UUID's parts of the hash in hexadecimal digits; the version replaces the thirteenth digit."""
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The seventeenth digit with the variant in its upper two bits."""

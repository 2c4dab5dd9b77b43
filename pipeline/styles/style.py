"""A display style: which fields a template of it has, what they take, and what the customer sees of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.phrases import phrase
from pipeline.styles.field_kind import PLAIN, FieldKind


class Mode(StrEnum):
    """How a message is shown."""

    WECHAT = "wechat"
    """WeChat since 2023-05-04."""
    LEGACY = "legacy"
    """Every field in full, as WeChat did before and Alipay life accounts do."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the customer sees of one field."""

    text: str
    """Empty where the field is left out."""
    color: str | None
    count: int
    """Characters, as the style counts them."""
    limit: int
    losses: tuple[str, ...] = ()
    """What of the text is not shown, each as a message."""


class Style(ABC):
    """One display style. A new one is a subclass in a file of its own, and its entry in `registry.STYLES`."""

    name: str
    """As in `style:` of templates.yaml."""
    kinds: Mapping[str, FieldKind] = {PLAIN.name: PLAIN}
    """The kinds that `type:` of a field may name."""
    refuses: bool = False
    """Whether the channel refuses a message for a value over its field's limits; otherwise it shows what it can."""
    modes: Mapping[Mode, str] = {
        Mode.WECHAT: phrase("WeChat since May 2023"),
        Mode.LEGACY: phrase("WeChat before May 2023"),
    }
    """The modes in which such messages are shown, each with its title; the first is today's."""
    key_hint: str = ""
    """For a key that names no kind."""

    @property
    def mode(self) -> Mode:
        """The mode in which such messages are shown today."""
        return next(iter(self.modes))

    def kind_of(self, key: str) -> FieldKind | None:
        """The kind of the field `key`; None where the style has typed keys and this one names no type."""
        del key
        return PLAIN

    def owns(self, key: str) -> bool:
        """Whether a key looks like a field of this style, for hints where it is in the wrong part of a file."""
        del key
        return False

    @abstractmethod
    def shown(self, key: str, kind: FieldKind, text: str, color: str | None) -> Shown:
        """What the customer sees of a field in the mode `WECHAT`."""

"""The catalogue of templates, as rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.styles.channel import FieldKind


class Style(StrEnum):
    """How the channel treats a template's fields."""

    HISTORY = "history"
    """`first`, `keyword1`…, `remark`, each with a colour; nothing is an error for its length."""
    CATEGORY = "category"
    """Typed keys (`thing4`, `time12`); a value over its limit is refused with 47003."""
    ALIPAY = "alipay"
    """As history, and every field is shown."""


@dataclass(frozen=True, slots=True)
class TemplateField:
    """One field, in the order shown."""

    key: str
    kind: FieldKind
    label: str = ""
    example: str | None = None
    optional: bool = False
    values: tuple[str, ...] = ()
    """For kinds `enum` and `const`: the registered values."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template under its alias; the platform's id differs by environment."""

    alias: str
    title: str
    style: Style
    ids: Mapping[str, str]
    fields: tuple[TemplateField, ...]

    def field(self, key: str) -> TemplateField | None:
        """The field of that key, if there is one."""
        return next((field for field in self.fields if field.key == key), None)

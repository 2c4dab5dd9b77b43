"""The catalogue of templates, as rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.model.notice import DEFAULT_API
from pipeline.styles.field_kind import FieldKind
from pipeline.styles.style import Style


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
    api: str = DEFAULT_API
    """Name of the API that messages go through."""

    def field(self, key: str) -> TemplateField | None:
        """The field of that key, if there is one."""
        return next((field for field in self.fields if field.key == key), None)

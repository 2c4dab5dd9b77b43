"""The format of rule and template files, declared once: the parser and the JSON Schema for editors derive from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from pipeline.model.notice import DEFAULT_API
from pipeline.phrases import phrase
from pipeline.rules.functions.times import DEFAULT_ZONE
from pipeline.styles.registry import STYLES, kinds

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_LAST_DAY = date(9999, 1, 1)
SECONDS = re.compile(r"([0-9]{1,6})(s|m|h|d)")
"""The form of a duration."""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_COLOR = r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"
MOST_PER_MINUTE = 1_000_000
CATEGORIES = ("transactional", "marketing", "security")
"""Categories that a rule may have without a care.yaml; the first is that of a rule which names none."""
SHAPES = {
    _ID: phrase(
        "may have only lowercase letters, digits, `-` and `_`, at most 64 of them, beginning with a letter or digit"
    ),
    _COLOR: phrase("is a colour like #rrggbb or #rgb, in quotes"),
}
"""The meaning of each pattern, for messages."""
Id = Annotated[str, Field(pattern=_ID)]
Color = Annotated[str, Field(pattern=_COLOR)]


def duration_seconds(text: str) -> int | None:
    """The seconds of a duration such as `24h`; None where it is not one."""
    match = SECONDS.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match is not None else None


def duration_text(seconds: float) -> str:
    """A duration as rules write it: `24h`; days from two on."""
    whole = round(seconds)
    days, hours, minutes = _UNITS["d"], _UNITS["h"], _UNITS["m"]
    if whole % days == 0 and whole > days:
        return f"{whole // days}d"
    if whole % hours == 0:
        return f"{whole // hours}h"
    return f"{whole // minutes}m" if whole % minutes == 0 else f"{whole}s"


def _seconds(value: object) -> object:
    seconds = duration_seconds(value) if isinstance(value, str) else None
    if seconds is None:
        raise ValueError(phrase("write a duration like 30m, 24h or 7d"))
    return seconds


def later(*values: str) -> Callable[[object], object]:
    """A validator that refuses values which the format has and this release does not carry out."""

    def refuse(value: object) -> object:
        if value in values:
            raise PydanticCustomError(LATER, "{value}", {"value": str(value)})
        return value

    return refuse


LATER = "not_in_this_release"
"""Pydantic's kind of error of what this release does not carry out."""
LATER_KEYS = frozenset({"send", "unless", "digest", "spread", "held"})
"""Keys that the format has and this release does not carry out."""


def _text(value: object) -> object:
    """A number or truth value written without quotes is the text it looks like."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _per_minute(value: object) -> object:
    # A number in a rule file is read as the text that was written.
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,6}", value) and int(value) <= MOST_PER_MINUTE:
        return int(value)
    raise ValueError(
        phrase("write a whole number from 1 to {most_per_minute}, like 600", most_per_minute=MOST_PER_MINUTE)
    )


Category = Annotated[
    str,
    Field(
        pattern=_ID,
        json_schema_extra={"anyOf": [{"enum": list(CATEGORIES)}, {"type": "string", "pattern": _ID}]},
    ),
]
PerMinute = Annotated[int, BeforeValidator(_per_minute), Field(ge=1, le=MOST_PER_MINUTE)]


def _day(value: object) -> object:
    if not isinstance(value, str) or (found := _DATE.fullmatch(value)) is None:
        raise ValueError(phrase("write a day like 2026-11-30, without a time"))
    try:
        day = date(*map(int, found.groups()))
    except ValueError:
        raise ValueError(phrase("there is no such day: a day is written like 2026-11-30")) from None
    if day >= _LAST_DAY:
        raise ValueError(phrase("leave out a day that never comes"))
    return day


Day = Annotated[date, BeforeValidator(_day), Field(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}$"})]
Duration = Annotated[
    int, BeforeValidator(_seconds), Field(gt=0, json_schema_extra={"type": "string", "pattern": r"^\d{1,6}(s|m|h|d)$"})
]
Text = Annotated[str, BeforeValidator(_text), Field(max_length=8_192)]
Expression = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=4_096)]


class _Choice(NamedTuple):
    """Names of which one is allowed, looked up at each use: styles may be registered later."""

    names: Callable[[], Iterable[str]]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {**handler(schema), "enum": list(self.names())}

    def _checked(self, value: str) -> str:
        names = list(self.names())
        if value not in names:
            expected = ", ".join(f"'{name}'" for name in names)
            raise PydanticCustomError("literal_error", "not one of {expected}", {"expected": expected})
        return value


StyleName = Annotated[str, _Choice(lambda: STYLES)]
KindName = Annotated[str, _Choice(kinds)]


class FormatModel(BaseModel):
    """The base of everything in a file: unknown keys are errors."""

    # Built at first use: most commands read only some of the formats.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


_NO_VALUE = phrase("has no value; write one, or leave the line out")


class GivenModel(FormatModel):
    """What has no key without a value: `until:` left empty would never end, and `color: #ff0000` is a comment."""

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None:
            raise ValueError(_NO_VALUE)
        return value


class FieldValue(GivenModel):
    """A field with a colour."""

    value: Text = Field(description="Text with `${…}`.")
    color: Color | None = Field(None, description="Colour of the text, `#rgb` or `#rrggbb`.")


class ActiveModel(GivenModel):
    """The days on which a rule is active."""

    first: Day | None = Field(None, alias="from", description="First day: `2026-11-01`.")
    until: Day | None = Field(None, description="Last day, which is whole: `2026-12-31`.")

    @model_validator(mode="after")
    def _has_a_day(self) -> ActiveModel:
        if self.first is None and self.until is None:
            raise ValueError(phrase("needs a day: from, until or both"))
        return self


class TemplateByValue(FormatModel):
    """One of several templates, by a value of the event."""

    by: Expression = Field(description="Expression whose value chooses: `event.locale`.")
    of: dict[str, str] = Field(
        description='Value to alias in templates.yaml; `"*"` is for every other value.', min_length=1
    )


class OnceModel(FormatModel):
    """No second message with the same key to the same recipient."""

    by: Text = Field(description="The key: text with `${…}`.")
    within: Duration = Field(description="How long after a message the next one with its key is not sent: `24h`.")


class RuleFields(GivenModel):
    """What `defaults:` may hold for all rules of a file."""

    owner: str | None = Field(None, description="Who is responsible for the rule.")
    on: tuple[str, ...] | str | None = Field(None, description="Event type, or a list of them.")
    when: Expression | None = Field(None, description="Condition in CEL; without it the rule matches every event.")
    for_each: Expression | None = Field(
        None,
        description="One message for each item of a list: `person in event.people`. The other keys but `when` may read "
        "the item by its name.",
    )
    to: Text | None = Field(None, description="The recipient: text with `${…}`.")
    template: TemplateByValue | str | None = Field(
        None, description="Alias in templates.yaml, or several by a value of the event: `{by: event.locale, of: {…}}`."
    )
    url: Text | None = Field(None, description="Where a tap on the message leads: https only.")
    reference: Text | None = Field(
        None, description="What support looks the message up by, such as the order number: text with `${…}`."
    )
    category: Category | None = Field(
        None,
        description="What kind of message it is: transactional, marketing, security, or a category of care.yaml. "
        "Marketing is blocked and punished on many accounts.",
    )
    once: OnceModel | None = Field(
        None, description='No second message with the same key: `{by: "${event.tracking_no}", within: 24h}`.'
    )
    expires_after: Duration | None = Field(None, description="Too late is worse than never: `30m`, `24h`, `7d`.")
    color: Color | None = Field(None, description="Colour of every field that names none.")
    data: dict[str, FieldValue | Text] | None = Field(
        None, description="Template field to text. Those of `defaults:` are added where the template has the field."
    )
    overflow: dict[str, Literal["reject", "truncate"]] = Field(
        default_factory=dict, description="What to do when a field's text is over its limit; reject is the default."
    )
    active: ActiveModel | None = Field(
        None,
        description="The days of the events that the rule is for, in the file's `timezone`; without it, every day.",
    )
    enabled: bool = Field(True, description="Whether the rule is used.")
    stop: bool = Field(False, description="Whether rules after it are skipped for an event that this one matches.")
    order: Literal["recipient", "none"] = Field(
        "recipient", description="Whether it waits for earlier messages to the same recipient."
    )
    on_ambiguous: Literal["repeat", "give_up"] = Field(
        "repeat", description="What to do when a request may or may not have arrived."
    )
    max_per_minute: PerMinute | None = Field(
        None,
        description="Notices that may leave in any 60 s, of all members together; one more pauses the rule.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        """A key with an empty text is an error as well: `when: ""` would match every event."""
        if isinstance(value, str) and not value.strip():
            raise ValueError(_NO_VALUE)
        if isinstance(value, list) and any(item is None or item == "" for item in value):
            raise ValueError(phrase("has an empty entry"))
        return value


class RuleModel(RuleFields):
    """One rule."""

    id: Id = Field(description="Unique and stable: it is in metrics, outcomes and idempotency keys.")
    description: str | None = Field(None, description="What it is for, in a sentence.")


class RuleFile(FormatModel):
    """A file of rules."""

    defaults: RuleFields | None = Field(None, description="Keys of every rule of this file that does not set them.")
    rules: tuple[RuleModel, ...] = Field(description="The rules, in the order in which they are tried.")
    timezone: str = Field(DEFAULT_ZONE, description="Time zone of the days of `active`, such as `Asia/Shanghai`.")


class TemplateFieldModel(FormatModel):
    """One field of a template."""

    label: str = Field("", description="The label before it on the card.")
    example: Text | None = Field(None, description="What it may look like.")
    optional: bool = Field(False, description="Whether it may be left out.")
    type: KindName | None = Field(None, description="Its kind, where the key's prefix does not name it.")
    values: tuple[str, ...] = Field((), description="Registered values of kinds `enum` and `const`.")


class TemplateModel(FormatModel):
    """One template."""

    title: str = Field(description="The card's title.")
    style: StyleName = Field("category", description="How the channel treats it.")
    ids: dict[str, str] = Field(description="Environment to the platform's template id.", min_length=1)
    api: Id = Field(
        DEFAULT_API,
        description="API that messages go through: `notices`, or a name under `apis` of the service's configuration.",
    )
    fields: dict[str, TemplateFieldModel | None] = Field(description="Field key to its description.", min_length=1)


class TemplateFile(FormatModel):
    """The catalogue of templates."""

    templates: dict[str, TemplateModel] = Field(description="Alias to template.")

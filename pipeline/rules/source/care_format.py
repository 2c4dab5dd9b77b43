"""The format of care.yaml, declared once: the parser and the JSON Schema for editors derive from it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from pipeline.phrases import phrase
from pipeline.rules.functions.times import DEFAULT_ZONE
from pipeline.rules.source.format import SECONDS, FormatModel, Id, duration_seconds, later

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
MOST_OF_A_CAP = 1_000
"""Messages that a cap may allow: the state of a recipient has an entry for each."""


def _clock(value: object) -> object:
    if isinstance(value, str) and (found := _CLOCK.fullmatch(value)):
        return int(found[1]) * 60 + int(found[2])
    if isinstance(value, str) and _CLOCK.fullmatch(f"0{value}"):
        raise ValueError(phrase('write it with two digits: "0{given}"', given=value))
    if value == "24:00":
        raise ValueError(phrase('midnight is "00:00"'))
    raise ValueError(phrase('write a time of day like "22:00"'))


def _count(value: object) -> object:
    if isinstance(value, int | str) and re.fullmatch(r"[0-9]{1,4}", str(value)) and int(value) <= MOST_OF_A_CAP:
        return int(value)
    raise ValueError(phrase("write a whole number of at most {most_of_a_cap}", most_of_a_cap=MOST_OF_A_CAP))


def _per(value: object) -> object:
    if value == "day" or value == "week":  # noqa: PLR1714 - a list is in no set
        return value
    if isinstance(value, str) and SECONDS.fullmatch(value) and duration_seconds(value):
        return duration_seconds(value)
    raise ValueError(phrase("write day, week, or a duration like 24h"))


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _of(value: object) -> object:
    if value == "all":
        return {"category": []}
    if isinstance(value, str):
        raise PydanticCustomError("of", phrase("write all, or {example}"), {"example": "{category: marketing}"})
    return value


def _zone(value: object) -> object:
    return {"default": value} if isinstance(value, str) else value


def _or_text(schema: dict[str, Any]) -> None:
    """The zone alone, in place of its keys."""
    schema["anyOf"] = [{"type": "string"}, {"$ref": schema.pop("$ref")}]


_ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_CATEGORIES = {"type": "object", "additionalProperties": False, "properties": {"category": _ONE_OR_MORE}}
_DURATION_PATTERN = r"^\d{1,6}(s|m|h|d)$"
Clock = Annotated[
    int,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Count = Annotated[
    int, BeforeValidator(_count), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST_OF_A_CAP})
]
Per = Annotated[
    Literal["day", "week"] | int,
    BeforeValidator(_per),
    WithJsonSchema({"anyOf": [{"enum": ["day", "week"]}, {"type": "string", "pattern": _DURATION_PATTERN}]}),
]
Names = Annotated[tuple[str, ...], BeforeValidator(_names), WithJsonSchema(_ONE_OR_MORE)]


class CareFormatModel(FormatModel):
    """The base of the parts of care.yaml: a key without a value is an error."""

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None or (isinstance(value, str) and not value.strip()):
            raise ValueError(phrase("has no value; write one, or leave the line out"))
        return value


class CareZoneModel(CareFormatModel):
    """The clock of a recipient."""

    source: Literal["preferences"] | None = Field(
        None, alias="from", description="`preferences`: the zone that the recipient's preferences name."
    )
    default: str = Field(DEFAULT_ZONE, description="Zone of a recipient of whom none is known: `Asia/Shanghai`.")


class QuietHoursModel(CareFormatModel):
    """Hours of every day, on the recipient's clock."""

    start: Clock = Field(alias="from", description='First minute: `"22:00"`.')
    end: Clock = Field(
        alias="to", description='Minute after the last: `"08:00"`. Before `from`, it is the next day\'s.'
    )


class CapOfModel(CareFormatModel):
    """The messages that a cap counts."""

    category: Names = Field(description="A category, or a list of them.")


class CapModel(CareFormatModel):
    """At most so many messages to one recipient within a window."""

    of: Annotated[CapOfModel, BeforeValidator(_of), WithJsonSchema({"anyOf": [{"const": "all"}, _CATEGORIES]})] = Field(
        description="What it counts: `all`, or `{category: marketing}`."
    )
    at_most: Count = Field(description="Messages to one recipient within the window.")
    per: Per = Field(
        description="The window: `day` or `week` of the recipient's calendar, or a duration that moves along: `24h`."
    )
    reserve: dict[str, Count] = Field(
        default_factory=dict, description="Category to messages that the other categories leave free for it."
    )


class QuietModel(CareFormatModel):
    """What becomes of a category's messages in quiet hours."""

    hours: str = Field(description="Name below `quiet_hours`.")
    then: Annotated[Literal["drop", "send"], BeforeValidator(later("hold"))] = Field(
        "drop", description="`drop`: it is not sent. `send`: it is sent all the same."
    )


class CategoryModel(CareFormatModel):
    """The care for messages of one category."""

    caps: tuple[str, ...] = Field((), description="Names below `caps` that hold its messages back.")
    over_cap: Annotated[Literal["drop", "send"], BeforeValidator(later("hold", "digest"))] = Field(
        "drop", description="`drop`: a message over a cap is not sent. `send`: it is sent, and counts."
    )
    quiet: QuietModel | None = Field(None, description="Its quiet hours: `{hours: night, then: drop}`.")
    opt_out: Id | None = Field(None, description="List in preferences: a recipient on it gets none of these messages.")
    urgent: bool = Field(False, description="Whether its messages pass every cap and quiet hours, and count nowhere.")


class CareModel(CareFormatModel):
    """The care for recipients."""

    timezone: Annotated[CareZoneModel, BeforeValidator(_zone)] = Field(
        default_factory=CareZoneModel,
        json_schema_extra=_or_text,
        description="Whose clock decides: `{from: preferences, default: Asia/Shanghai}`, or one zone for all.",
    )
    quiet_hours: dict[str, QuietHoursModel] = Field(default_factory=dict, description="Name to hours of the day.")
    caps: dict[str, CapModel] = Field(default_factory=dict, description="Name to cap.")
    categories: dict[Id, CategoryModel] = Field(
        default_factory=dict, description="Category of rules (`category:`) to its care."
    )


class CareFile(FormatModel):
    """care.yaml: the care for the person at the other end."""

    care: CareModel = Field(description="Caps, quiet hours and opt-outs.")

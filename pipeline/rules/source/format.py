"""The format of rule, template and test files, declared once: parser and JSON Schema for editors derive from it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.rules.source.templates import Style
from pipeline.styles.channel import FieldKind

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_COLOR = r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"
SHAPES = {
    _ID: "has small letters, digits, `-` and `_` alone, 64 at most",
    _COLOR: "is a colour like #rrggbb or #rgb, in quotes",
}
"""What each pattern asks for, in words."""
Id = Annotated[str, Field(pattern=_ID)]
Color = Annotated[str, Field(pattern=_COLOR)]


def _seconds(value: object) -> object:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return int(match[1]) * _SECONDS[match[2]]
    raise ValueError("write a duration like 30m, 24h or 7d")


def _text(value: object) -> object:
    """A number or truth value written without quotes is the text it looks like."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Duration = Annotated[
    int, BeforeValidator(_seconds), Field(gt=0, json_schema_extra={"type": "string", "pattern": r"^\d{1,6}(s|m|h|d)$"})
]
Text = Annotated[str, BeforeValidator(_text), Field(max_length=8_192)]
Expression = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=4_096)]


class _Model(BaseModel):
    # Built when first used: rules are read by commands that never see a test.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


class FieldValue(_Model):
    """A field with a colour."""

    value: Text = Field(description="Text with `${…}`.")
    color: Color | None = Field(None, description="Colour of the text, `#rgb` or `#rrggbb`.")


class RuleFields(_Model):
    """What `defaults:` may hold for all rules of a file."""

    owner: str | None = Field(None, description="Who answers for the rule.")
    on: tuple[str, ...] | str | None = Field(None, description="Event type, or a list of them.")
    when: Expression | None = Field(None, description="Condition in CEL; without it the rule matches every event.")
    to: Text | None = Field(None, description="The recipient: text with `${…}`.")
    template: str | None = Field(None, description="Alias in templates.yaml.")
    url: Text | None = Field(None, description="Where a tap on the message leads: https only.")
    category: Literal["transactional", "marketing", "security"] | None = Field(
        None, description="What kind of message it is: marketing is blocked and punished on many accounts."
    )
    expires_after: Duration | None = Field(None, description="Too late is worse than never: `30m`, `24h`, `7d`.")
    color: Color | None = Field(None, description="Colour of every field that names none.")
    data: dict[str, FieldValue | Text] | None = Field(None, description="Template field to text.")
    overflow: dict[str, Literal["reject", "truncate"]] = Field(
        default_factory=dict, description="What to do when a field's text is over its limit; reject is the default."
    )
    enabled: bool = Field(True, description="Whether the rule takes part.")
    stop: bool = Field(False, description="Whether rules after it are passed over for an event that this one matches.")
    order: Literal["recipient", "none"] = Field(
        "recipient", description="Whether it waits for earlier messages to the same recipient."
    )
    on_ambiguous: Literal["repeat", "give_up"] = Field(
        "repeat", description="What to do when a request may or may not have arrived."
    )


class RuleModel(RuleFields):
    """One rule."""

    id: Id = Field(description="Unique and stable: it is in metrics, outcomes and idempotency keys.")
    description: str | None = Field(None, description="What it is for, in a sentence.")


class RuleFile(_Model):
    """A file of rules."""

    defaults: RuleFields | None = Field(None, description="What rules of this file have where they say nothing.")
    rules: tuple[RuleModel, ...] = Field(description="The rules, in the order in which they are tried.")


class TemplateFieldModel(_Model):
    """One field of a template."""

    label: str = Field("", description="The words before it on the card.")
    example: Text | None = Field(None, description="What it may look like.")
    optional: bool = Field(False, description="Whether it may be left out.")
    type: FieldKind | None = Field(None, description="Its kind, where the key's prefix does not tell.")
    values: tuple[str, ...] = Field((), description="Registered values of kinds `enum` and `const`.")


class TemplateModel(_Model):
    """One template."""

    title: str = Field(description="The card's title.")
    style: Style = Field(Style.CATEGORY, description="How the channel treats it.")
    ids: dict[str, str] = Field(description="Environment to the platform's template id.", min_length=1)
    fields: dict[str, TemplateFieldModel | None] = Field(description="Field key to what is known of it.", min_length=1)


class TemplateFile(_Model):
    """The catalogue of templates."""

    templates: dict[str, TemplateModel] = Field(description="Alias to template.")


class ExpectedNotice(_Model):
    """A notice that must come out; what is not named is not looked at."""

    rule: str = Field(description="The rule that makes it.")
    to: Text | None = Field(None, description="Its recipient.")
    template: str | None = Field(None, description="Its template's alias.")
    url: Text | None = Field(None, description="Its url.")
    data: dict[str, FieldValue | Text] = Field(default_factory=dict, description="Fields with their texts.")
    whole: bool = Field(False, description="Whether `data` names every field there is.")


class Expected(_Model):
    """What must follow from the event."""

    notices: tuple[ExpectedNotice, ...] | None = Field(None, description="These notices, in this order, and no other.")
    none: Literal["no_match", "refused"] | None = Field(
        None, description="No notice: because no rule matched, or because one could not make a message."
    )
    reason: str | None = Field(None, description="With `none: refused`: the reason, such as `field_limit`.")
    rule: str | None = Field(None, description="With `none: refused`: the rule that could not.")


class TestEvent(_Model):
    """The event that a test gives."""

    __test__ = False

    type: str = Field(description="Event type.")
    data: dict[str, object] | None = Field(None, description="The event, whole.")
    example: bool = Field(False, description="Begin with an example made from the schema.")
    file: str | None = Field(None, description="Begin with a JSON file, named from this folder.")
    override: dict[str, object] = Field(default_factory=dict, alias="with", description="Fields to set on top.")
    time: str | None = Field(None, description="The event's time.")


class TestCase(_Model):
    """One row of a table of cases."""

    __test__ = False

    name: Text | None = Field(None, description="What is special about it.")
    override: dict[str, object] = Field(default_factory=dict, alias="with", description="Fields to set on top.")
    expect: Expected = Field(description="What must follow.")


class TestModel(_Model):
    """One test, or a table of them."""

    __test__ = False

    name: Text = Field(description="What it shows.")
    event: TestEvent = Field(description="The event given.")
    expect: Expected | None = Field(None, description="What must follow; left out with `cases`.")
    cases: tuple[TestCase, ...] = Field((), description="The same event with changes, each with what must follow.")


class TestFile(_Model):
    """A file of rule tests."""

    __test__ = False

    tests: tuple[TestModel, ...] = Field(description="The tests.")

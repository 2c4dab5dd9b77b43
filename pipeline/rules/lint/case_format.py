"""The format of rule tests, declared once: the parser and the JSON Schema for editors derive from it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.rules.source.format import Duration, FieldValue, FormatModel, Text


class ExpectedNotice(FormatModel):
    """A notice that must come out; what is not named is not looked at."""

    rule: str = Field(description="The rule that makes it.")
    to: Text | None = Field(None, description="Its recipient.")
    template: str | None = Field(None, description="Its template's alias.")
    url: Text | None = Field(None, description="Its url.")
    reference: Text | None = Field(None, description="What support looks it up by.")
    data: dict[str, FieldValue | Text] = Field(default_factory=dict, description="Fields with their texts.")
    expires_after: Duration | None = Field(None, description="How long after its event it may be sent: `24h`.")
    category: Literal["transactional", "marketing", "security"] | None = Field(None, description="Its rule's category.")
    whole: bool = Field(False, description="Whether `data` names every field there is.")


class Expected(FormatModel):
    """What must follow from the event."""

    notices: tuple[ExpectedNotice, ...] | None = Field(None, description="These notices, in this order, and no other.")
    none: Literal["no_match", "refused"] | None = Field(
        None, description="No notice: because no rule matched, or because one could not make a message."
    )
    reason: str | None = Field(None, description="With `none: refused`: the reason, such as `field_limit`.")
    rule: str | None = Field(None, description="With `none: refused`: the rule that could not.")


class TestEvent(FormatModel):
    """The event that a test gives."""

    __test__ = False

    type: str = Field(description="Event type.")
    data: dict[str, object] | None = Field(None, description="The event, whole.")
    example: bool = Field(False, description="Begin with an example made from the schema.")
    file: str | None = Field(
        None,
        description="Begin with a JSON file in this folder or in `events/`; `recorded.jsonl:3` is its third event.",
    )
    override: dict[str, object] = Field(default_factory=dict, alias="with", description="Fields to set on top.")
    time: str | None = Field(None, description="The event's time.")


class TestCase(FormatModel):
    """One row of a table of cases."""

    __test__ = False

    name: Text | None = Field(None, description="What is special about it.")
    override: dict[str, object] = Field(default_factory=dict, alias="with", description="Fields to set on top.")
    expect: Expected = Field(description="What must follow.")


class TestModel(FormatModel):
    """One test, or a table of them."""

    __test__ = False

    name: Text = Field(description="What it shows.")
    event: TestEvent = Field(description="The event given.")
    expect: Expected | None = Field(None, description="What must follow; left out with `cases`.")
    cases: tuple[TestCase, ...] = Field((), description="The same event with changes, each with what must follow.")


class TestFile(FormatModel):
    """A file of rule tests."""

    __test__ = False

    tests: tuple[TestModel, ...] = Field(description="The tests.")

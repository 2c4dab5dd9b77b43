"""The format of rule tests, declared once: the parser and the JSON Schema for editors derive from it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.rules.source.format import Category, Duration, FieldValue, FormatModel, Text

MOST_ENTRIES = 200
"""Entries of a timeline."""


class ExpectedNotice(FormatModel):
    """A notice that must come out; what is not named is not looked at."""

    rule: str = Field(description="The rule that makes it.")
    to: Text | None = Field(None, description="Its recipient.")
    template: str | None = Field(None, description="Its template's alias.")
    url: Text | None = Field(None, description="Its url.")
    reference: Text | None = Field(None, description="What support looks it up by.")
    data: dict[str, FieldValue | Text] = Field(default_factory=dict, description="Fields with their texts.")
    expires_after: Duration | None = Field(None, description="How long after its event it may be sent: `24h`.")
    category: Category | None = Field(None, description="Its rule's category.")
    whole: bool = Field(False, description="Whether `data` names every field there is.")


class Expected(FormatModel):
    """What must follow from the event."""

    notices: tuple[ExpectedNotice, ...] | None = Field(None, description="These notices, in this order, and no other.")
    none: Literal["no_match", "refused", "suppressed"] | None = Field(
        None,
        description="No notice: because no rule matched, one could not make a message, or recipient care suppressed it "
        "(in a timeline).",
    )
    reason: str | None = Field(
        None, description="With `none: refused` the reason, such as `field_limit`; with `suppressed`: `cap_reached`, …"
    )
    rule: str | None = Field(None, description="With `none: refused` or `suppressed`: the rule.")
    cap: str | None = Field(None, description="With `reason: cap_reached`: the cap.")


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


class TestRecipient(FormatModel):
    """The preferences of the recipients of a timeline."""

    __test__ = False

    timezone: str | None = Field(None, description="Their time zone: `Asia/Shanghai`.")
    opted_out: tuple[str, ...] = Field((), description="Lists that they opted out of.")


class TimelineEvent(FormatModel):
    """The event of an entry; what it leaves out is that of the test's `event`."""

    type: str | None = Field(None, description="Event type.")
    data: dict[str, object] | None = Field(None, description="The event, whole.")
    example: bool = Field(False, description="Begin with an example made from the schema.")
    file: str | None = Field(None, description="Begin with a JSON file in this folder or in `events/`.")
    override: dict[str, object] = Field(default_factory=dict, alias="with", description="Fields to set on top.")


class TimelineEntry(FormatModel):
    """One moment of a timeline."""

    at: str = Field(description="The moment, with its offset: `2026-11-30T09:00+08:00`; after the entry before it.")
    event: TimelineEvent | None = Field(None, description="The event that happens; left out: time alone passes.")
    expect: Expected | None = Field(None, description="What must follow.")


class TestModel(FormatModel):
    """One test, a table of them, or a timeline."""

    __test__ = False

    name: Text = Field(description="What it shows.")
    event: TestEvent | None = Field(None, description="The event given; of a timeline, what its events have in common.")
    expect: Expected | None = Field(None, description="What must follow; left out with `cases` and `timeline`.")
    cases: tuple[TestCase, ...] = Field((), description="The same event with changes, each with what must follow.")
    recipient: TestRecipient | None = Field(None, description="Of a timeline: what its recipients prefer.")
    timeline: tuple[TimelineEntry, ...] = Field(
        (),
        description="Events one after the other, in virtual time: recipient care decides about each message.",
        max_length=MOST_ENTRIES,
    )


class TestFile(FormatModel):
    """A file of rule tests."""

    __test__ = False

    tests: tuple[TestModel, ...] = Field(description="The tests.")

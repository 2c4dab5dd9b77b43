"""The cases of test files: each row of a table is a case of its own, with its location in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.lint.case_format import (
    Expected,
    ExpectedNotice,
    TestEvent,
    TestFile,
    TestModel,
    TestRecipient,
    TimelineEntry,
)
from pipeline.rules.source.document import Document, Path, parse, texts_and_numbers
from pipeline.rules.source.format import FieldValue
from pipeline.rules.source.report import Report
from pipeline.rules.source.structure import validate


class Moment(NamedTuple):
    """The place of a case in its timeline."""

    at: float
    """Seconds since the epoch."""
    recipient: TestRecipient
    recipient_path: Path
    before: tuple[Case, ...]
    """The events before it, in order."""


class Case(NamedTuple):
    """One event, and what must follow from it."""

    name: str
    """The test's name, and that of its row."""
    document: Document
    path: Path
    """The case's path in the document."""
    event: TestEvent
    event_path: Path
    overrides: tuple[tuple[Path, Mapping[str, object]], ...]
    """Fields to set on top, in this order, each with its path."""
    expect: Expected
    expect_path: Path
    moment: Moment | None = None
    """Of an entry of a timeline."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that the expectation names."""
        named = [notice.rule for notice in self.expect.notices or ()]
        return tuple(named if self.expect.rule is None else [*named, self.expect.rule])


def read_cases(path: str, text: str) -> tuple[tuple[Case, ...], tuple[Finding, ...]]:
    """The cases of one file, and the errors in its form; a test with such an error has no cases."""
    document = parse(path, text, texts_and_numbers)
    if isinstance(document, Finding):
        return (), (document,)
    model, findings = validate(document, TestFile)
    cases: list[Case] = []
    for index, test in enumerate(model.tests if model is not None else ()):
        base: Path = ("tests", index)
        problem = _misplaced(document, base, test)
        if problem is not None:
            findings.append(problem)
        elif test.timeline:
            entries, faults = _timeline(document, base, test)
            cases += entries
            findings += faults
        elif test.event is not None:
            cases += _cases(document, base, test, test.event)
    return tuple(cases), tuple(findings)


def _misplaced(document: Document, base: Path, test: TestModel) -> Finding | None:
    if test.timeline:
        other = next((key for key in ("expect", "cases") if getattr(test, key)), None)
        if other is not None:
            hint = phrase("each entry of a timeline has its own `expect`")
            return document.finding(
                (*base, other),
                "bad-test",
                phrase("test `{name}` has both `timeline` and `{other}`", name=test.name, other=other),
                hint,
            )
        if test.event is not None and test.event.time is not None:
            path = (*base, "event", "time")
            return document.finding(
                path, "bad-test", phrase("`at` is the time of the event"), phrase("leave out `time`")
            )
        return None
    if test.recipient is not None:
        hint = phrase("write `timeline:`; the other tests show what a rule makes of one event")
        return document.finding((*base, "recipient"), "bad-test", phrase("`recipient` goes with `timeline` only"), hint)
    if test.event is None:
        return document.finding((*base, "event"), "missing-key", phrase("`event` is missing"))
    if test.expect is None and not test.cases:
        hint = phrase("say what must follow: `expect:`, or `cases:` with one each; `test --accept` writes what comes")
        return document.finding(
            (*base, "name"), "bad-test", phrase("test `{name}` expects nothing", name=test.name), hint
        )
    if test.expect is not None and test.cases:
        message = phrase("test `{name}` has both `expect` and `cases`", name=test.name)
        hint = phrase("make what is expected the first of the cases")
        return document.finding((*base, "expect"), "bad-test", message, hint)
    return None


def _cases(document: Document, base: Path, test: TestModel, event: TestEvent) -> Iterator[Case]:
    event_path: Path = (*base, "event")
    common = ((*event_path, "with"), event.override)
    if test.expect is not None:
        path: Path = (*base, "expect")
        expect = _as_written(document, path, test.expect)
        yield Case(test.name, document, base, event, event_path, (common,), expect, path)
    for number, case in enumerate(test.cases):
        path = (*base, "cases", number)
        name = f"{test.name}: {case.name or f'case {number + 1}'}"
        expect = _as_written(document, (*path, "expect"), case.expect)
        overrides = (common, ((*path, "with"), case.override))
        yield Case(name, document, path, event, event_path, overrides, expect, (*path, "expect"))


def _timeline(document: Document, base: Path, test: TestModel) -> tuple[list[Case], list[Finding]]:
    """A case for each event of the timeline, and the errors in its form."""
    cases: list[Case] = []
    report = Report(document)
    recipient = test.recipient or TestRecipient()
    latest = float("-inf")
    for number, entry in enumerate(test.timeline):
        path: Path = (*base, "timeline", number)
        at = _moment(report, (*path, "at"), entry.at, latest)
        if at is None:
            continue
        latest = at
        if entry.event is None:
            _check_time_alone(report, path, entry)
            continue
        event = _merged(report, (*path, "event"), entry, test.event)
        if event is None:
            continue
        if entry.expect is None:
            report.add(path, "bad-test", phrase("nothing is expected"), phrase("say what must follow: `expect:`"))
            continue
        common: Path = (*base, "event", "with")
        overrides = (
            *(((common, test.event.override),) if test.event is not None and test.event.type == event.type else ()),
            ((*path, "event", "with"), entry.event.override),
        )
        expect = _as_written(document, (*path, "expect"), entry.expect)
        moment = Moment(at, recipient, (*base, "recipient"), tuple(cases))
        name = f"{test.name}: {entry.at}"
        event_path = (*path, "event")
        cases.append(Case(name, document, path, event, event_path, overrides, expect, (*path, "expect"), moment))
    return cases, list(report.findings)


def _moment(report: Report, path: Path, text: str, latest: float) -> float | None:
    hint = phrase("write it with the offset: 2026-11-30T09:00+08:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        report.add_inside(path, 0, "bad-test", phrase("`{text}` is not a time", text=text), hint)
        return None
    if moment.tzinfo is None:
        report.add_inside(
            path, 0, "bad-test", phrase("the time has no offset"), phrase("write {text}+08:00, or Z for UTC", text=text)
        )
        return None
    if moment.timestamp() <= latest:
        report.add_inside(
            path, 0, "bad-test", phrase("it is not after the entry before it"), phrase("entries are in order of time")
        )
        return None
    return moment.timestamp()


def _check_time_alone(report: Report, path: Path, entry: TimelineEntry) -> None:
    """This release holds nothing back for later, so that nothing follows from time alone."""
    expect = entry.expect
    if expect is not None and (expect.notices or expect.none is not None):
        hint = phrase("leave out `expect`; a later release holds messages and releases them")
        message = phrase("messages that wait for their time are not in this release: nothing follows from time alone")
        report.add((*path, "expect"), "not-in-release", message, hint)


def _merged(report: Report, path: Path, entry: TimelineEntry, common: TestEvent | None) -> TestEvent | None:
    """The event of an entry, with what it leaves out from the test's `event`."""
    given = entry.event
    assert given is not None  # noqa: S101 - an entry of time alone has no event
    kind = given.type or (common.type if common is not None else None)
    if kind is None:
        hint = phrase("write `type:` in it, or once for all: `event: {type: …}` of the test")
        report.add(path, "bad-test", phrase("the event has no type"), hint)
        return None
    begins = given.model_fields_set & {"data", "example", "file"} or common is None
    first = given if begins or common is None else common
    return TestEvent(type=kind, data=first.data, example=first.example, file=first.file, time=entry.at)


def _as_written(document: Document, path: Path, expect: Expected) -> Expected:
    """Expected texts as the file has them: in a test's event `0012.50` is a number, in a message it is a text."""
    notices = tuple(
        _notice_as_written(document, (*path, "notices", number), notice)
        for number, notice in enumerate(expect.notices or ())
    )
    return expect.model_copy(update={"notices": notices}) if expect.notices else expect


def _notice_as_written(document: Document, path: Path, notice: ExpectedNotice) -> ExpectedNotice:
    data: dict[str, FieldValue | str] = {}
    for key, given in notice.data.items():
        inner = isinstance(given, FieldValue)
        scalar = document.scalars.get((*path, "data", key, *(("value",) if inner else ())))
        if isinstance(given, FieldValue):
            data[key] = given if scalar is None else given.model_copy(update={"value": scalar.value})
        else:
            data[key] = given if scalar is None else scalar.value
    texts = {
        name: document.scalars[(*path, name)].value
        for name in ("to", "url", "reference")
        if getattr(notice, name) is not None and (*path, name) in document.scalars
    }
    return notice.model_copy(update={"data": data, **texts})

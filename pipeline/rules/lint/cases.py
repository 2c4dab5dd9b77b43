"""The cases of test files: each row of a table is a case of its own, with its location in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.model.finding import Finding
from pipeline.rules.lint.case_format import Expected, ExpectedNotice, TestEvent, TestFile, TestModel
from pipeline.rules.source.document import Document, Path, parse, texts_and_numbers
from pipeline.rules.source.format import FieldValue
from pipeline.rules.source.structure import validate


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
        else:
            cases += _cases(document, base, test)
    return tuple(cases), tuple(findings)


def _misplaced(document: Document, base: Path, test: TestModel) -> Finding | None:
    if test.expect is None and not test.cases:
        hint = "say what must follow: `expect:`, or `cases:` with one each; `test --accept` writes what comes"
        return document.finding((*base, "name"), "bad-test", f"test `{test.name}` expects nothing", hint)
    if test.expect is not None and test.cases:
        message = f"test `{test.name}` has both `expect` and `cases`"
        hint = "make what is expected the first of the cases"
        return document.finding((*base, "expect"), "bad-test", message, hint)
    return None


def _cases(document: Document, base: Path, test: TestModel) -> Iterator[Case]:
    event_path: Path = (*base, "event")
    common = ((*event_path, "with"), test.event.override)
    if test.expect is not None:
        path: Path = (*base, "expect")
        expect = _as_written(document, path, test.expect)
        yield Case(test.name, document, base, test.event, event_path, (common,), expect, path)
    for number, case in enumerate(test.cases):
        path = (*base, "cases", number)
        name = f"{test.name}: {case.name or f'case {number + 1}'}"
        expect = _as_written(document, (*path, "expect"), case.expect)
        overrides = (common, ((*path, "with"), case.override))
        yield Case(name, document, path, test.event, event_path, overrides, expect, (*path, "expect"))


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

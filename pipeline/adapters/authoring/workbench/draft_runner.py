"""Evaluates a draft: its findings, the messages that it makes of an event, and why. Results are plain values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.adapters.authoring.event_files import EventFault, EventTyper, GivenEvent
from pipeline.adapters.authoring.event_forms import UnrecognisedShape, given
from pipeline.adapters.authoring.rule_test_events import read_test_events
from pipeline.adapters.authoring.workbench.draft import EMPTY, NEW, Draft, Whole
from pipeline.adapters.authoring.workbench.event_choices import EventChoices
from pipeline.adapters.authoring.workbench.results import (
    MOST_MESSAGES,
    failed_as_values,
    findings_as_values,
    messages_as_values,
    why_as_values,
)
from pipeline.adapters.authoring.workbench.rule_folder import RuleFolder, inside, rule_types
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.events.strict_json import Malformed, loads
from pipeline.authoring.completion.complete import complete
from pipeline.authoring.completion.functions import CALLABLES
from pipeline.authoring.completion.hover import hover
from pipeline.authoring.completion.known import Known
from pipeline.authoring.completion.shapes import FileKind
from pipeline.authoring.completion.sound import unclosed_lines, without_rules
from pipeline.authoring.explain import explain
from pipeline.authoring.rule_tests.reports import Timed, as_json
from pipeline.authoring.rule_tests.running import run
from pipeline.authoring.rule_tests.writing import test_item
from pipeline.model.event import Event, Position
from pipeline.phrases import Say, phrase
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.schema.event_schema import SchemaCatalogue

MOST_TESTS = 500
SHOWN_IN = ZoneInfo("Asia/Shanghai")
"""Where the phone is on which messages are shown."""


class _Tried(NamedTuple):
    """A draft, checked; and what of it can be evaluated."""

    checked: CheckResult
    evaluated: CheckResult
    """The same without the rules that have errors, where that helps."""
    left_out: tuple[str, ...] = ()


class DraftRunner:
    """Evaluates drafts with the rules and schemas of a folder."""

    def __init__(self, folder: Path, schemas: SchemaCatalogue, environment: str | None) -> None:
        self.say: Say = str
        """Has the language of the job."""
        self._rules = RuleFolder(folder)
        self._schemas = schemas
        self._environment = environment
        self._events = EventChoices(folder, schemas)
        self._known = Known(schemas)

    def open(self, file: str | None, rule: str | None, event_type: str | None) -> dict[str, object]:
        """A file and an event for its rules. Arguments that are None or do not exist are chosen.

        Raises:
            UserError: the folder cannot be read.
        """
        sources = self._rules.read()
        texts = self._rules.named(sources)
        abouts = {self._rules.name(path): inside(path, text) for path, text in sources.rules.items()}
        first = file if file is not None and (file in texts or file == NEW) else next(iter(texts), NEW)
        chosen = next((name for name, about in abouts.items() if rule in about.ids), first)
        text = texts.get(chosen, "")
        known = sorted({*self._schemas, *(one for about in abouts.values() for one in about.types)})
        if event_type is None or event_type not in known:
            event_type = self._first_type(chosen, text, rule, known)
        return {
            "files": [*texts, NEW],
            "file": chosen,
            "rules": text or EMPTY,
            "types": known,
            "type": event_type,
            "event": self.example(event_type),
            "choices": self.choices(event_type),
        }

    def example(self, event_type: str, number: int = 0) -> str:
        """An example event of its type, one that makes a message if there is one; each number gives another."""
        checked = check(self._rules.relevant(NEW, "rules: []", event_type), self._schemas)
        return self._events.example(event_type, checked.compiled, number)

    def choices(self, event_type: str) -> dict[str, object]:
        """The events of that type that can be chosen, by group: `key` and `name` of each."""
        found = self._events.choices(event_type, self._rules.read())
        return {group: [one._asdict() for one in choices] for group, choices in found.items()}

    def event(self, key: str) -> str | None:
        """A chosen event as JSON; None if it does not exist any more."""
        return self._events.event(key, self._rules.read())

    def complete(self, file: str, text: str, offset: int) -> list[dict[str, object]]:
        """What can be written at an offset of a draft."""
        return [item._asdict() for item in complete(FileKind.of(file), text, offset, self._known_now())]

    def hover(self, file: str, text: str, offset: int) -> dict[str, object] | None:
        """What is at an offset of a draft."""
        found = hover(FileKind.of(file), text, offset, self._known_now())
        if found is None:
            return None
        return {"start": found.span.start, "end": found.span.end, "title": found.title, "body": found.body}

    def palette(self, event_type: str) -> dict[str, object]:
        """The fields of an event type, and the functions that an expression may call."""
        fields = self._known.fields(event_type)
        rows = fields.rows if fields is not None else ()
        return {
            "doc": fields.doc if fields is not None else "",
            "fields": [{**row._asdict(), "values": list(row.values)} for row in rows],
            "functions": [{**one._asdict(), "signatures": list(one.signatures)} for one in CALLABLES.values()],
        }

    def try_out(self, draft: Draft) -> dict[str, object]:
        """Evaluate a draft.

        Raises:
            UserError: the folder cannot be read.
        """
        path = self._rules.path(draft.file)
        whole = Whole.of(draft.rules) if FileKind.of(draft.file) is FileKind.RULES else Whole(draft.rules, 0, 0)
        event_type, event, problem = self._event(draft)
        tried = self._tried(draft.file, whole.text, event_type)
        result: dict[str, object] = {
            "findings": list(findings_as_values(tried.checked, path, whole, draft.rules)),
            "sound": tried.checked.compiled is not None,
            "left_out": list(tried.left_out),
            "evaluated": tried.evaluated.compiled is not None,
            "event_type": event_type,
            "event_problem": problem,
            "messages": [],
            "why": [],
            "tests": self._tests(tried.evaluated, path, draft.file),
        }
        happened = datetime.fromtimestamp(event.time_ms / 1_000, SHOWN_IN) if event is not None else None
        result["day"] = f"{happened.month}月{happened.day}日" if happened is not None else ""
        result["clock"] = f"{happened:%H:%M}" if happened is not None else ""
        rules = tried.evaluated.compiled
        if rules is not None and event is not None:
            result["messages"] = list(messages_as_values(rules, event, self.say))
            explanation = explain(rules, tried.evaluated.locations, event)
            result["why"] = [why_as_values(one, path, whole) for one in explanation.rules[:MOST_MESSAGES]]
        return result

    def as_test(self, draft: Draft, name: str) -> dict[str, object]:
        """A test that expects what the draft makes of its event.

        Returns `file`, the name of the test file, and `test`, the lines of the test; or `problem`.
        """
        if FileKind.of(draft.file) is not FileKind.RULES:
            return {"problem": phrase("a test belongs to a file of rules"), "hint": phrase("open the file of the rule")}
        whole = Whole.of(draft.rules)
        event_type, event, problem = self._event(draft)
        if event is None or event_type is None or problem is not None:
            return {"problem": phrase("the event cannot be read"), "hint": phrase("correct it first")}
        tried = self._tried(draft.file, whole.text, event_type)
        if tried.checked.compiled is None:
            return {"problem": phrase("the rules have errors"), "hint": phrase("correct them first")}
        data = given(loads(draft.event), Position("studio", 0, 0)).data
        assert isinstance(data, dict)  # noqa: S101 - an event that is read has an object
        folder, _, file = draft.file.rpartition("/")
        lines = test_item(name, event_type, data, tried.checked.compiled.evaluate(event))
        if lines is None:
            return {"problem": phrase("some rules make a message of this event and others cannot"), "hint": None}
        return {"file": f"{folder}/tests/{file}".lstrip("/"), "test": lines}

    def _known_now(self) -> Known:
        self._known = self._known.with_files(self._rules.read())
        return self._known

    def _tried(self, name: str, text: str, event_type: str | None) -> _Tried:
        checked = self._checked(name, text, event_type)
        if checked.compiled is not None or FileKind.of(name) is not FileKind.RULES:
            return _Tried(checked, checked)
        errors = [finding for finding in checked.findings if finding.is_error]
        path = self._rules.path(name)
        if any(finding.path != path for finding in errors):
            return _Tried(checked, checked)
        reported = {finding.line for finding in errors}
        unclosed = unclosed_lines(text) if any(finding.code == "not-yaml" for finding in errors) else set()
        for lines in (unclosed, reported):
            remaining = without_rules(text, lines) if lines else None
            evaluated = self._checked(name, remaining.text, event_type) if remaining is not None else checked
            if remaining is not None and evaluated.compiled is not None:
                return _Tried(checked, evaluated, remaining.left_out)
        return _Tried(checked, checked)

    def _checked(self, name: str, text: str, event_type: str | None) -> CheckResult:
        return check(
            self._rules.relevant(name, text, event_type),
            self._schemas,
            environment=self._environment,
            now=SystemClock().now(),
        )

    def _tests(self, checked: CheckResult, path: str, name: str) -> dict[str, object] | None:
        """Results of the tests for events of the draft's types, or of the draft's own; None if there are none."""
        if checked.compiled is None:
            return None
        cases = checked.cases
        if FileKind.of(name) is FileKind.RULES:
            own = {id_ for id_, locations in checked.locations.items() if locations.path == path}
            types = {kind for rule in checked.compiled.rules if rule.id in own for kind in rule.on}
            cases = tuple(case for case in cases if case.event.type in types)
        cases = cases[:MOST_TESTS]
        files = read_test_events(cases)
        results = [run(case, checked.compiled, self._schemas, files) for case in cases]
        failed = [as_json(Timed(result, 0.0)) for result in results if not result.passed]
        shown = [failed_as_values(one) for one in failed[:MOST_MESSAGES]]
        return {"run": len(results), "failed": shown} if results else None

    def _event(self, draft: Draft) -> tuple[str | None, Event | None, dict[str, object] | None]:
        try:
            found = given(loads(draft.event), Position("studio", 0, 0))
            now_ms = time.time_ns() // 1_000_000
            # People who edit an event see each field that does not fit, whether a rule reads it or not.
            typer = EventTyper(self._schemas, time_ms=now_ms, keeps_unreadable=False)
            one = typer.event(GivenEvent("event", found), draft.type or None)
        except Malformed as fault:
            words = fault.args[0]
            if fault.at is not None:
                line = draft.event.count("\n", 0, fault.at) + 1
                words = phrase("line {line}: {fault}", line=line, fault=words)
            return draft.type or None, None, {"words": words, "hint": None}
        except UnrecognisedShape as fault:
            return draft.type or None, None, {"words": fault.args[0], "hint": None}
        except EventFault as fault:
            return draft.type or None, None, {"words": fault.message.removeprefix("event: "), "hint": fault.hint}
        return one.type, one, None

    def _first_type(self, name: str, text: str, rule: str | None, known: Sequence[str]) -> str:
        """The type of the rule or, in a file of another kind, of the first event that it names."""
        if FileKind.of(name) is FileKind.RULES:
            looked_at = [one for id_, types in rule_types(NEW, text) for one in types if rule in {None, id_}]
        else:
            looked_at = sorted((one for one in known if one in text), key=text.index)
        return next((one for one in looked_at if one in known), known[0] if known else "")

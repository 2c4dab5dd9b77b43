"""Evaluates a draft: its findings, the messages that it makes of an event, and why. Results are plain values."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from pipeline.adapters.authoring.event_files import EventFault, EventTyper, GivenEvent
from pipeline.adapters.authoring.event_forms import UnrecognisedShape, given
from pipeline.adapters.authoring.lifelike_events import DEFAULT_SEED, example_event
from pipeline.adapters.authoring.rule_test_events import read_test_events
from pipeline.adapters.authoring.workbench.rule_folder import RuleFolder, inside, rule_types
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.events.strict_json import Malformed, loads
from pipeline.authoring.cards.card import card, values_of
from pipeline.authoring.cards.html import to_html
from pipeline.authoring.explain import RuleExplanation, Value, explain
from pipeline.authoring.rule_tests.reports import Timed, as_json
from pipeline.authoring.rule_tests.running import run
from pipeline.authoring.terminal_escape import shown
from pipeline.model.event import Event, Position
from pipeline.model.finding import Finding, Level
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.document import Location

MOST_FINDINGS = 50
MOST_MESSAGES = 20
MOST_TESTS = 500
NEW = "new.yaml"
"""Name of a draft without a file."""


EMPTY = """\
rules:
  - id: my-rule
    on:
    to: ${event.sub}
    template:
    expires_after: 24h
    data:
"""


class Draft(NamedTuple):
    """The text of a draft, and the event to try it with."""

    file: str
    """Name of a rule file in the folder, or `NEW`."""
    rules: str
    """YAML: a whole file of rules, or one rule alone."""
    type: str
    event: str
    """JSON."""


class DraftRunner:
    """Evaluates drafts with the rules and schemas of a folder."""

    def __init__(self, folder: Path, schemas: SchemaCatalogue, environment: str | None) -> None:
        self._rules = RuleFolder(folder)
        self._folder = folder
        self._schemas = schemas
        self._environment = environment

    def open(self, file: str | None, rule: str | None, event_type: str | None) -> dict[str, object]:
        """A file and an event for its rules. Arguments that are None or do not exist are chosen.

        Raises:
            UserError: the folder cannot be read.
        """
        sources, names = self._rules.read(), self._rules.names()
        abouts = {name: inside(path, sources.rules[path]) for name, path in names.items()}
        first = file if file is not None and (file in names or file == NEW) else next(iter(names), NEW)
        chosen = next((name for name, about in abouts.items() if rule in about.ids), first)
        text = sources.rules[names[chosen]] if chosen in names else ""
        known = sorted({*self._schemas, *(one for about in abouts.values() for one in about.types)})
        if event_type is None or event_type not in known:
            event_type = _first_type(text, rule, known)
        return {
            "files": [*names, NEW],
            "file": chosen,
            "rules": text or EMPTY,
            "types": known,
            "type": event_type,
            "event": self.example(event_type),
        }

    def example(self, event_type: str, seed: int = DEFAULT_SEED) -> str:
        """An example event made from the schema of its type; empty without a schema."""
        schema = self._schemas.newest(event_type)
        event = example_event(schema, seed) if schema is not None else {}
        return json.dumps(event, ensure_ascii=False, indent=2)

    def try_out(self, draft: Draft) -> dict[str, object]:
        """Evaluate a draft.

        Raises:
            UserError: the folder cannot be read.
        """
        path = self._rules.names().get(draft.file, str(self._folder / NEW))
        whole = _Whole.of(draft.rules)
        event_type, event, problem = self._event(draft)
        checked = check(
            self._rules.relevant(path, whole.text, event_type),
            self._schemas,
            environment=self._environment,
            now=SystemClock().now(),
        )
        result: dict[str, object] = {
            "findings": list(_findings(checked, path, whole, draft.rules)),
            "sound": checked.compiled is not None,
            "event_type": event_type,
            "event_problem": problem,
            "messages": [],
            "why": [],
            "tests": self._tests(checked, path),
        }
        if checked.compiled is not None and event is not None:
            result["messages"] = list(_messages(checked.compiled, event))
            explanation = explain(checked.compiled, checked.locations, event)
            result["why"] = [_why(one, path, whole) for one in explanation.rules[:MOST_MESSAGES]]
        return result

    def _tests(self, checked: CheckResult, path: str) -> dict[str, object] | None:
        """Results of the tests for events of the draft's types; None if there are none."""
        if checked.compiled is None:
            return None
        own = {name for name, locations in checked.locations.items() if locations.path == path}
        types = {kind for rule in checked.compiled.rules if rule.id in own for kind in rule.on}
        cases = [case for case in checked.cases if case.event.type in types][:MOST_TESTS]
        files = read_test_events(cases)
        results = [run(case, checked.compiled, self._schemas, files) for case in cases]
        failed = [as_json(Timed(result, 0.0)) for result in results if not result.passed]
        return {"run": len(results), "failed": [_failed(one) for one in failed[:MOST_MESSAGES]]} if results else None

    def _event(self, draft: Draft) -> tuple[str | None, Event | None, dict[str, object] | None]:
        try:
            found = given(loads(draft.event), Position("studio", 0, 0))
            one = EventTyper(self._schemas, time_ms=time.time_ns() // 1_000_000).event(
                GivenEvent("event", found), draft.type or None
            )
        except Malformed as fault:
            at = "" if fault.at is None else f"line {draft.event.count(chr(10), 0, fault.at) + 1}: "
            return draft.type or None, None, {"words": f"{at}{fault}", "hint": None}
        except UnrecognisedShape as fault:
            return draft.type or None, None, {"words": str(fault), "hint": None}
        except EventFault as fault:
            return draft.type or None, None, {"words": fault.message.removeprefix("event: "), "hint": fault.hint}
        return one.type, one, None


def _first_type(text: str, rule: str | None, known: Sequence[str]) -> str:
    looked_at = [one for id_, types in rule_types(NEW, text) for one in types if rule in {None, id_}]
    return next((one for one in looked_at if one in known), known[0] if known else "")


class _Whole(NamedTuple):
    """A draft as a whole file, and the offset of its locations."""

    text: str
    lines: int
    columns: int

    @classmethod
    def of(cls, text: str) -> _Whole:
        """Make a whole file of a draft that is one rule."""
        first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
        if re.match(r"- ", first):
            return cls(f"rules:\n{text}", 1, 0)
        if re.match(r"(id|description|owner|on):", first):
            body = "\n".join(f"    {line}" if line.strip() else line for line in text.splitlines())
            return cls(f"rules:\n  -\n{body}\n", 2, 4)
        return cls(text, 0, 0)

    def location(self, line: int, column: int) -> Location:
        """The location in the draft of a location in the file."""
        return Location(max(1, line - self.lines), max(1, column - self.columns))


def _findings(checked: CheckResult, path: str, whole: _Whole, text: str) -> Iterator[dict[str, object]]:
    """Findings of the draft, then errors of other files, which prevent its evaluation."""
    lines = text.splitlines()
    own = [finding for finding in checked.findings if finding.path == path]
    others = [finding for finding in checked.findings if finding.path != path and finding.level is Level.ERROR]
    for finding in own[:MOST_FINDINGS]:
        line, column = whole.location(finding.line, finding.column)
        excerpt = lines[line - 1][:400] if line <= len(lines) else ""
        yield _finding(finding) | {"line": line, "column": column, "excerpt": excerpt, "elsewhere": None}
    for finding in others[:5]:
        yield _finding(finding) | {"excerpt": "", "elsewhere": Path(finding.path).name}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "line": finding.line,
        "column": finding.column,
        "level": finding.level.value,
        "code": finding.code,
        "words": finding.message,
        "hint": finding.hint,
    }


def _messages(rules: RuleSet, event: Event) -> Iterator[dict[str, object]]:
    for item in rules.evaluate(event)[:MOST_MESSAGES]:
        if isinstance(item, Refusal):
            yield {"rule": item.rule, "refused": item.reason.value, "detail": item.detail}
        else:
            yield {"rule": item.rule, **_shown(rules, item)}


def _shown(rules: RuleSet, notice: Notice) -> dict[str, object]:
    body = orjson.loads(notice.body)
    template = rules.templates[notice.template]
    values, url = values_of(body), body.get("url")
    return {
        "template": notice.template,
        "to": notice.recipient,
        "cards": [to_html(card(template, values, mode, url)) for mode in template.style.modes],
        "body": orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(),
    }


def _failed(case: Mapping[str, object]) -> dict[str, object]:
    shown_parts = {name: case[name] for name in ("name", "line", "mismatches")}
    return {**shown_parts, "file": Path(str(case["path"])).name}


def _why(one: RuleExplanation, path: str, whole: _Whole) -> dict[str, object]:
    """Why a rule makes a message or not, with locations in the draft."""

    def value_of(value: Value) -> dict[str, object]:
        location = whole.location(*value.location) if one.path == path else None
        shown_value = None if value.failed is not None else shown(value.value)
        return {"text": value.text, "value": shown_value, "failed": value.failed, "line": location and location.line}

    decisions = one.fault.decisions if one.fault is not None else one.decisions
    return {
        "rule": one.id,
        "match": one.match.value,
        "stopped_by": one.stopped_by,
        "inactive": one.inactive,
        "items": one.items,
        "conditional": one.condition is not None,
        "decisions": [
            {**value_of(decision.part), "operands": [value_of(operand) for operand in decision.operands]}
            for decision in decisions
        ],
    }

"""The results of a draft as plain values, which the child process writes as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from pipeline.adapters.authoring.workbench.draft import Whole
from pipeline.authoring.cards.card import Card, card, values_of
from pipeline.authoring.cards.html import card_html, near_limits
from pipeline.authoring.explain import RuleExplanation, Value
from pipeline.authoring.positions import Positions
from pipeline.model.event import Event
from pipeline.model.finding import Finding, Level
from pipeline.model.notice import Notice, Refusal
from pipeline.phrases import Say
from pipeline.rules.lint.check import CheckResult
from pipeline.rules.ruleset import RuleSet
from pipeline.terminal_escape import shown

MOST_FINDINGS = 50
MOST_MESSAGES = 20
ACCOUNT = "服务号"
"""What a customer sees as the sender: an official account of WeChat."""
ACCOUNTS: Mapping[str, str] = {"alipay": "生活号"}
"""The same by style, where it is another one."""


def findings_as_values(checked: CheckResult, path: str, whole: Whole, text: str) -> Iterator[dict[str, object]]:
    """Findings of the draft, then errors of other files, which prevent its evaluation."""
    lines, positions = text.split("\n"), Positions(text)
    own = [finding for finding in checked.findings if finding.path == path]
    others = [finding for finding in checked.findings if finding.path != path and finding.level is Level.ERROR]
    for finding in own[:MOST_FINDINGS]:
        line, column = whole.location(finding.line, finding.column)
        excerpt = lines[line - 1][:400] if line <= len(lines) else ""
        start, end = positions.marked(line, column)
        own_values = {"line": line, "column": column, "excerpt": excerpt, "elsewhere": None, "start": start, "end": end}
        yield _finding(finding) | own_values
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


def messages_as_values(rules: RuleSet, event: Event, say: Say) -> Iterator[dict[str, object]]:
    """The messages of an event with their cards, and why others cannot be made."""
    for item in rules.evaluate(event)[:MOST_MESSAGES]:
        if isinstance(item, Refusal):
            yield {"rule": item.rule, "refused": item.reason.value, "detail": item.detail}
        else:
            yield {"rule": item.rule, **_shown(rules, item, say)}


def _card(one: Card, say: Say) -> dict[str, object]:
    return {"mode": one.mode.value, "title": one.mode_title, "html": card_html(one), "near": near_limits(one, say)}


def _shown(rules: RuleSet, notice: Notice, say: Say) -> dict[str, object]:
    body = orjson.loads(notice.body)
    template = rules.templates[notice.template]
    values, url = values_of(body), body.get("url")
    return {
        "template": notice.template,
        "to": notice.recipient,
        "url": url,
        "account": ACCOUNTS.get(template.style.name, ACCOUNT),
        "cards": [_card(card(template, values, mode, url), say) for mode in template.style.modes],
        "body": orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(),
    }


def failed_as_values(case: Mapping[str, object]) -> dict[str, object]:
    """A test that fails."""
    shown_parts = {name: case[name] for name in ("name", "line", "mismatches")}
    return {**shown_parts, "file": Path(str(case["path"])).name}


def why_as_values(one: RuleExplanation, path: str, whole: Whole) -> dict[str, object]:
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
        "care": list(one.care),
        "conditional": one.condition is not None,
        "decisions": [
            {**value_of(decision.part), "operands": [value_of(operand) for operand in decision.operands]}
            for decision in decisions
        ],
    }

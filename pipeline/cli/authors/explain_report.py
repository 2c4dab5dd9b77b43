"""Prints an explanation as text, and converts it to JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from pipeline.authoring.explain import Decision, Explanation, Fault, Match, RuleExplanation, Value, one_line
from pipeline.cli.printing import bad, faint, good, plain, say, strong
from pipeline.model.notice import Notice, Refusal
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import counted, joined, phrase
from pipeline.rules.ruleset import Rule
from pipeline.rules.source.document import Location
from pipeline.terminal_escape import shown

_WORDS = {
    Match.NOTICE: phrase("makes a message"),
    Match.REFUSED: phrase("cannot make its message"),
    Match.NO_MATCH: phrase("does not match"),
    Match.EMPTY: phrase("matches and makes no message: its list is empty"),
    Match.STOPPED: phrase("is not evaluated"),
}
_MARKS = {
    Match.NOTICE: good("✓"),
    Match.REFUSED: bad("✗"),
    Match.NO_MATCH: faint("·"),
    Match.EMPTY: faint("·"),
    Match.STOPPED: faint("-"),
}


def show(explanation: Explanation, rules: Sequence[Rule], where: str) -> None:
    """Print it as text; `rules` are the selected ones."""
    event = explanation.event
    say(strong(event.type), faint("  " + where + "  " + _time(event.time_ms)))
    if not explanation.rules:
        types = dict.fromkeys(name for rule in rules for name in rule.on)
        hint = did_you_mean(event.type, types) or (
            phrase("it is for {types}", types=joined(", ", types)) if len(rules) == 1 else ""
        )
        only = rules[0] if len(rules) == 1 else None
        which = phrase("no rule is for events of this type")
        if only is not None:
            which = phrase("`{rule}` is not for events of this type", rule=only.id)
        say(bad(which), plain(phrase("; {hint}", hint=hint) if hint else ""))
    for rule in explanation.rules:
        say()
        _show_rule(rule)
    if explanation.others:
        say()
        say(
            faint(
                counted(
                    explanation.others,
                    "{count} rule is for other event types only.",
                    "{count} rules are for other event types only.",
                )
            )
        )


def _show_rule(rule: RuleExplanation) -> None:
    say(
        _MARKS[rule.match],
        strong(f" {rule.id}"),
        plain(" " + _WORDS[rule.match]),
        faint(f"  {_at(rule, rule.location)}"),
    )
    if rule.stopped_by is not None:
        say(
            plain(
                phrase("    the earlier rule `{stopped_by}` matched and has `stop: true`", stopped_by=rule.stopped_by)
            )
        )
        return
    if rule.inactive is not None:
        say(plain("    " + rule.inactive))
        return
    if rule.condition is None:
        say(plain(phrase("    it has no `when`: every event of the type matches")))
    for decision in rule.decisions:
        _show_decision(rule, decision)
    if rule.items is not None:
        say(plain("    " + rule.items))
    if rule.choice is not None and isinstance(rule.result, Notice):
        chosen = phrase(
            " = {value} chooses the template {template}", value=shown(rule.choice.value), template=rule.result.template
        )
        say(plain(f"    {one_line(rule.choice.text)}" + chosen), faint(f"  {_at(rule, rule.choice.location)}"))
    if rule.fault is not None and isinstance(rule.result, Refusal):
        _show_fault(rule, rule.fault, rule.result)
    for one in rule.results:
        if isinstance(one, Notice):
            _show_notice(one)
        elif one is not rule.result:
            say(
                bad(
                    phrase(
                        "    item {item}: {reason}: {detail}", item=one.item, reason=one.reason.value, detail=one.detail
                    )
                )
            )
    for line in rule.care:
        say(faint(phrase("    subject to ")), plain(line))


def _show_decision(rule: RuleExplanation, decision: Decision, indent: str = "    ") -> None:
    part = decision.part
    came = (
        bad(phrase(" fails: {failed}", failed=part.failed))
        if part.failed is not None
        else plain(phrase(" is {value}", value=shown(part.value)))
    )
    say(plain(f"{indent}{one_line(part.text)}"), came, faint(f"  {_at(rule, part.location)}"))
    for operand in decision.operands:
        value = operand.failed if operand.failed is not None else shown(operand.value)
        say(faint(f"{indent}    {one_line(operand.text)} = "), plain(value))


def _show_fault(rule: RuleExplanation, fault: Fault, refusal: Refusal) -> None:
    say(
        bad("    " + phrase("{reason}: {detail}", reason=refusal.reason.value, detail=refusal.detail)),
        faint(f"  {_at(rule, fault.location)}"),
    )
    alone = [decision.part.value for decision in fault.decisions] == [fault.text]
    if fault.text is not None and not alone:
        say(faint(f"        {fault.name} = "), plain(shown(fault.text)))
    if fault.name != "when":
        for decision in fault.decisions:
            _show_decision(rule, decision, "        ")


def _show_notice(notice: Notice) -> None:
    body = orjson.loads(notice.body)
    expires = (
        phrase(", expires {expires_at}", expires_at=_time(int(notice.expires_at * 1000)))
        if notice.expires_at is not None
        else ""
    )
    item = phrase("item {item}: ", item=notice.item) if notice.item is not None else ""
    say(
        plain(
            phrase(
                "    {item}to {recipient}, template {template}{expires}",
                item=item,
                recipient=notice.recipient,
                template=notice.template,
                expires=expires,
            )
        ),
        faint(f"  {notice.id}"),
    )
    if notice.reference is not None:
        say(faint("        reference = "), plain(shown(notice.reference)))
    if "url" in body:
        say(faint("        url = "), plain(shown(body["url"])))
    for key, field in body["data"].items():
        say(faint(f"        {key} = "), plain(shown(field["value"])))


def _at(rule: RuleExplanation, location: Location) -> str:
    return f"{rule.path}:{location.line}:{location.column}"


def _time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):  # years beyond the calendar
        return phrase("{milliseconds} ms", milliseconds=milliseconds)


def as_json(explanation: Explanation, where: str) -> dict[str, object]:
    """The explanation as JSON values."""
    event = explanation.event
    return {
        "event": {"type": event.type, "where": where, "time": _time(event.time_ms), "identity": event.identity},
        "rules": [_rule_json(rule) for rule in explanation.rules],
        "rules_on_other_types": explanation.others,
    }


def _rule_json(rule: RuleExplanation) -> dict[str, object]:
    result: dict[str, object] = {
        "rule": rule.id,
        "match": rule.match.value,
        "place": _at(rule, rule.location),
        "when": _value_json(rule, rule.condition) if rule.condition is not None else None,
        "decided_by": [_decision_json(rule, one) for one in rule.decisions],
    }
    if rule.stopped_by is not None:
        result["stopped_by"] = rule.stopped_by
    if rule.choice is not None:
        result["template_by"] = _value_json(rule, rule.choice)
    if rule.inactive is not None:
        result["inactive"] = rule.inactive
    if rule.care:
        result["subject_to"] = list(rule.care)
    if rule.items is not None:
        result["items"] = rule.items
        result["messages"] = [_message_json(one) for one in rule.results]
    if isinstance(rule.result, Notice):
        notice = rule.result
        expires = _time(int(notice.expires_at * 1000)) if notice.expires_at is not None else None
        result["notice"] = {
            "id": notice.id,
            "expires_at": expires,
            "reference": notice.reference,
            "request": orjson.loads(notice.body),
        }
    if isinstance(rule.result, Refusal) and rule.fault is not None:
        result["refusal"] = {
            "reason": rule.result.reason.value,
            "detail": rule.result.detail,
            "place": _at(rule, rule.fault.location),
            "text": rule.fault.text,
            "decided_by": [_decision_json(rule, one) for one in rule.fault.decisions],
        }
    return result


def _message_json(one: Notice | Refusal) -> dict[str, object]:
    if isinstance(one, Refusal):
        return {"item": one.item, "id": one.id, "refused": one.reason.value, "detail": one.detail}
    return {"item": one.item, "id": one.id, "reference": one.reference, "request": orjson.loads(one.body)}


def _decision_json(rule: RuleExplanation, decision: Decision) -> dict[str, object]:
    operands = [_value_json(rule, one) for one in decision.operands]
    return {**_value_json(rule, decision.part), "operands": operands}


def _value_json(rule: RuleExplanation, value: Value) -> dict[str, object]:
    came: dict[str, object] = {"failed": value.failed} if value.failed is not None else {"value": value.value}
    return {"expression": value.text, **came, "place": _at(rule, value.location)}

"""Errors in tests that show before they run: rules and fields that do not exist, events that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.care.declaration import NO_CARE, Care
from pipeline.model.outcome import Reason
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.functions.times import unknown_zone
from pipeline.rules.lint.case_format import Expected, ExpectedNotice
from pipeline.rules.lint.cases import Case, Moment
from pipeline.rules.lint.given_events import Unfit, given
from pipeline.rules.rule_compiler import event_types, template_aliases
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.document import Path
from pipeline.rules.source.format import FieldValue, RuleModel
from pipeline.rules.source.report import Report
from pipeline.rules.source.templates import Template

REFUSALS = (
    Reason.FIELD_LIMIT,
    Reason.FIELD_EMPTY,
    Reason.EXPRESSION_FAILED,
    Reason.WRONG_TYPE,
    Reason.RECIPIENT_EMPTY,
    Reason.URL_REFUSED,
)
"""Why a rule that matches may not make a message: what `reason:` of a test may be."""

SUPPRESSIONS = (Reason.CAP_REACHED, Reason.DUPLICATE, Reason.OPTED_OUT, Reason.QUIET_HOURS)
"""Why recipient care may suppress a message: the others that `reason:` of a test may be."""

MAX_NAMED = 8
"""Rules that a hint lists at most."""


class Known(NamedTuple):
    """What tests may name."""

    rules: Mapping[str, RuleModel]
    """By id, with the defaults of their files; disabled rules as well."""
    is_whole: bool
    """Whether these are all rules: a rule that one file alone does not have is not unknown."""
    templates: Mapping[str, Template]
    schemas: SchemaCatalogue
    types: frozenset[str]
    """The event types that a rule or a schema knows."""
    care: Care = NO_CARE


def check_case(report: Report, case: Case, known: Known) -> None:
    """What can be checked of a case without running it; `report` is that of its file."""
    if known.is_whole and case.event.type not in known.types:
        message = phrase("neither a rule nor a schema knows `{type}`", type=case.event.type)
        report.add_inside(
            (*case.event_path, "type"), 0, "bad-test", message, did_you_mean(case.event.type, known.types)
        )
    elif case.event.file is None:  # what a file holds is known when the tests are run
        try:
            given(case, known.schemas, {})
        except Unfit as unfit:
            add_unfit(report, unfit)
    _check_expectation(report, case, known)
    if case.moment is not None:
        _check_recipient(report, case.moment, known.care)


def rules_off(case: Case, known: Known) -> tuple[str, ...]:
    """The disabled rules of which the case expects something: it cannot be run while they are off."""
    return tuple(name for name in case.rules if name in known.rules and not known.rules[name].enabled)


def add_unfit(report: Report, unfit: Unfit) -> None:
    """The error of a case's event, at its location."""
    if unfit.at_key:
        report.add(unfit.path, "unfit-event", unfit.message, unfit.hint)
    else:
        report.add_inside(unfit.path, 0, "unfit-event", unfit.message, unfit.hint)


def _check_expectation(report: Report, case: Case, known: Known) -> None:
    expect, path = case.expect, case.expect_path
    _check_form(report, path, expect, is_moment=case.moment is not None)
    if expect.none == "suppressed" or expect.cap is not None:
        _check_suppressed(report, case, known.care)
    if expect.rule is not None:
        _check_rule(report, (*path, "rule"), case, expect.rule, known)
    if expect.reason is not None and expect.none != "suppressed" and expect.reason not in REFUSALS:
        like = did_you_mean(expect.reason, REFUSALS) or phrase(
            "it is one of {refusals}", refusals=joined(", ", REFUSALS)
        )
        report.add_inside(
            (*path, "reason"), 0, "bad-test", phrase("no message is refused for `{reason}`", reason=expect.reason), like
        )
    for number, notice in enumerate(expect.notices or ()):
        _check_notice(report, (*path, "notices", number), case, notice, known)


def _check_form(report: Report, path: Path, expect: Expected, *, is_moment: bool) -> None:
    if expect.notices is not None and expect.none is not None:
        hint = phrase("keep `notices:` where messages must come, `none:` where none may")
        report.add((*path, "none"), "bad-test", phrase("both `notices` and `none` are expected"), hint)
    elif expect.notices is None and expect.none is None and expect.rule is None and expect.reason is None:
        hint = phrase("`notices: [{rule: …}]`, `none: no_match` or `none: refused`")
        report.add(path, "bad-test", phrase("nothing is expected"), hint)
    if expect.none not in {"refused", "suppressed"}:
        in_list = phrase("put it into the list: `notices: [{rule: …}]`") if expect.none is None else None
        for name, advice in (("rule", in_list), ("reason", None)):
            if getattr(expect, name) is not None:
                others = phrase(" or `none: suppressed`") if is_moment else ""
                message = phrase("`{name}` goes with `none: refused`{others} only", name=name, others=others)
                report.add((*path, name), "bad-test", message, advice)


def _check_suppressed(report: Report, case: Case, care: Care) -> None:
    expect, path = case.expect, case.expect_path
    if case.moment is None:
        hint = phrase("write `timeline:`, with the moment of each event")
        report.add((*path, "none"), "bad-test", phrase("recipient care decides in a timeline only"), hint)
        return
    if expect.reason is not None and expect.reason not in SUPPRESSIONS:
        like = did_you_mean(expect.reason, SUPPRESSIONS) or phrase(
            "it is one of {suppressions}", suppressions=joined(", ", SUPPRESSIONS)
        )
        report.add_inside(
            (*path, "reason"),
            0,
            "bad-test",
            phrase("no message is suppressed for `{reason}`", reason=expect.reason),
            like,
        )
    if expect.cap is None:
        return
    if expect.none != "suppressed" or expect.reason not in {None, Reason.CAP_REACHED}:
        message = phrase("`cap` goes with `none: suppressed` and `reason: cap_reached` only")
        report.add((*path, "cap"), "bad-test", message)
    elif expect.cap not in care.caps:
        hint = did_you_mean(expect.cap, care.caps) or phrase(
            "there are {caps}", caps=joined(", ", care.caps) if care.caps else phrase("none in care.yaml")
        )
        report.add_inside((*path, "cap"), 0, "unknown-cap", phrase("there is no cap `{cap}`", cap=expect.cap), hint)


def _check_recipient(report: Report, moment: Moment, care: Care) -> None:
    lists = sorted({one.opt_out for one in care.categories.values() if one.opt_out is not None})
    path = moment.recipient_path
    for number, name in enumerate(moment.recipient.opted_out):
        if name not in lists:
            hint = did_you_mean(name, lists) or phrase(
                "there are {lists}", lists=joined(", ", lists) if lists else phrase("none in care.yaml")
            )
            message = phrase("no category has `opt_out: {name}`", name=name)
            report.add_inside((*path, "opted_out", number), 0, "unknown-list", message, hint)
    zone = moment.recipient.timezone
    if zone is None:
        return
    if (fault := unknown_zone(zone)) is not None:
        report.add_inside((*path, "timezone"), 0, "unknown-zone", *fault)
    elif not care.zone_of_preferences and zone != care.zone:
        message = phrase("care.yaml does not read zones of preferences: the clock of `{zone}` decides", zone=care.zone)
        hint = phrase("write `timezone: {from: preferences}` in care.yaml, or leave it out here")
        report.add_inside((*path, "timezone"), 0, "bad-test", message, hint)


def _check_notice(report: Report, path: Path, case: Case, notice: ExpectedNotice, known: Known) -> None:
    _check_rule(report, (*path, "rule"), case, notice.rule, known)
    if notice.template is not None and known.templates and notice.template not in known.templates:
        message, hint = (
            phrase("there is no template `{template}`", template=notice.template),
            did_you_mean(notice.template, known.templates),
        )
        report.add_inside((*path, "template"), 0, "unknown-template", message, hint)
    rule = known.rules.get(notice.rule)
    aliases = template_aliases(rule) if rule is not None else ()
    templates = [known.templates[alias] for alias in aliases if alias in known.templates]
    for key, value in notice.data.items():
        location: Path = (*path, "data", key)
        if templates and all(template.field(key) is None for template in templates):
            template = templates[0]
            names = [field.key for field in template.fields]
            message = phrase("template `{alias}` has no field `{key}`", alias=template.alias, key=key)
            report.add(
                location,
                "unknown-template-field",
                message,
                did_you_mean(key, names) or phrase("it has {names}", names=joined(", ", names)),
            )
        if isinstance(value, FieldValue):
            _check_plain(report, (*location, "value"), value.value)
        else:
            _check_plain(report, location, value)
    for name in ("to", "url", "reference"):
        _check_plain(report, (*path, name), getattr(notice, name) or "")


def _check_plain(report: Report, path: Path, text: str) -> None:
    at = text.find("${")
    if at >= 0:
        message = phrase("what is expected is the text itself: `${…}` is not evaluated here")
        hint = phrase("write what the customer reads for the event of this test")
        report.add_inside(path, at, "bad-test", message, hint)


def _check_rule(report: Report, path: Path, case: Case, name: str, known: Known) -> None:
    rule = known.rules.get(name)
    if rule is None:
        if known.is_whole:
            hint = did_you_mean(name, known.rules) or phrase(
                "there are {rules}", rules=joined(", ", list(known.rules)[:MAX_NAMED])
            )
            report.add_inside(path, 0, "unknown-rule", phrase("there is no rule `{name}`", name=name), hint)
    elif event_types(rule) and case.event.type not in event_types(rule):
        message = phrase(
            "rule `{name}` looks at {rule}, not at `{type}`",
            name=name,
            rule=joined(", ", event_types(rule)),
            type=case.event.type,
        )
        report.add_inside(path, 0, "bad-test", message)

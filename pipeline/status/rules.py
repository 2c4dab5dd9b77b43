"""Conditions of rules and credentials."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.model.pause import EVERYTHING, Pause, ScopeKind
from pipeline.phrases import counted, phrase
from pipeline.status.condition import Severity, StatusMessage
from pipeline.status.facts import Facts, RefusedRules
from pipeline.status.wording import IN_EVIDENCE, NAMED, clock, events, first_of, listed, rules_are

MIN_FAILURES = 10
FAILING_SHARE = 0.5
REMOVED_SECONDS = 3_600.0
"""How long removed rules are shown."""

Found = Iterator[StatusMessage]


def rule_failing(facts: Facts) -> Found:
    """Most of the last notices of a rule failed."""
    failing = {rule: one for rule, one in facts.failing.items() if is_failing(one.failed, one.ended)}
    for rule, one in sorted(failing.items(), key=lambda item: -item[1].failed)[:NAMED]:
        advice = phrase("Each is a dead letter and can be sent again. The recent failures below have the reasons.")
        more = len(failing) - NAMED
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "Rule {rule} fails: {failed} of its last {ended} notices were not delivered",
                rule=rule,
                failed=one.failed,
                ended=one.ended,
            ),
            phrase("{advice} {count} more rules fail.", advice=advice, count=more) if more > 0 else advice,
            "NoticeRuleFailing",
            summary=f"rule {rule} fails: {one.failed} of {one.ended}",
            evidence={"rule": rule, "failed": one.failed, "ended": one.ended},
        )


def is_failing(failed: int, ended: int) -> bool:
    """Whether so many failures are more than single customers who cannot be reached."""
    return failed >= MIN_FAILURES and failed >= FAILING_SHARE * ended


def rule_suspended(facts: Facts) -> Found:
    """The API refuses a rule's template or account."""
    suspended = facts.delivery.suspended
    if suspended:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "{rules} suspended since {since}: the API refuses the template or the account",
                rules=rules_are(list(suspended)),
                since=clock(min(suspended.values())),
            ),
            phrase(
                "Their notices become dead letters without being sent, except for probes. An accepted probe ends the "
                "suspension."
            ),
            "NoticeRuleSuspended",
            summary=f"suspended rules: {listed(list(suspended))}",
            evidence={"rules": list(suspended)[:IN_EVIDENCE], "count": len(suspended)},
        )


def paused(facts: Facts) -> Found:
    """Rules or templates are paused, by an operator or by their limit; a pause of everything is a halt."""
    pauses = [pause for pause in facts.pauses if pause.scope != EVERYTHING]
    if pauses:
        names = listed([_paused(pause) for pause in pauses])
        yield StatusMessage(
            Severity.ATTENTION,
            phrase("Paused: {pauses}", pauses=names),
            phrase(
                "Their notices end as suppressed; others are sent. `notice-pipeline pause --list` shows since when, "
                "`notice-pipeline resume` lifts it."
            ),
            "NoticeRuleOverLimit" if any(pause.by_limit for pause in pauses) else "NoticePausedForLong",
            summary=f"paused: {names}",
            evidence={"scopes": [str(pause.scope) for pause in pauses[:IN_EVIDENCE]]},
        )


def _paused(pause: Pause) -> str:
    if pause.scope.kind is ScopeKind.TEMPLATE:
        return phrase("template {name} {origin}", name=pause.scope.name, origin=pause.origin)
    return phrase("rule {name} {origin}", name=pause.scope.name, origin=pause.origin)


def none_matched(facts: Facts) -> Found:
    """Events are read, and no rule matches."""
    unmatched = facts.unmatched
    if unmatched is not None:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "No rule matched since {since}, of {events} read",
                since=clock(unmatched.since),
                events=events(unmatched.events),
            ),
            phrase(
                "Are the rules in use those for these topics? The log event `no_rule_for_type` names event types "
                "without a rule. `rule_options.none_matched_minutes` sets when this is reported."
            ),
            "NoticeNoneMatched",
            summary=f"no rule matched of {events(unmatched.events)} read",
            evidence={"events": unmatched.events, "since": unmatched.since},
        )


def rules_removal_refused(facts: Facts) -> Found:
    """Newer rules lack rules that are in use."""
    refused = facts.refused_rules
    if refused is not None and refused.removal:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "The newest rules on disk lack rules that are in use; they were refused at {time}",
                time=clock(refused.at),
            ),
            phrase(
                "The previous rules stay in use. A restart would use what is on disk. {error}",
                error=first_of(refused.message),
            ),
            "NoticeRulesRemovalRefused",
            summary="newer rules refused: they lack rules that are in use",
            evidence={"errors": list(refused.message), "since": refused.at},
        )


def rules_refused(facts: Facts) -> Found:
    """Newer rules have errors."""
    refused = facts.refused_rules
    if refused is not None and not refused.removal:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "The newest rules on disk were refused at {time}; the previous rules stay in use",
                time=clock(refused.at),
            ),
            _advice_for(refused),
            "NoticeRulesReloadRefused",
            summary=f"newer rules refused: {refused.errors:,} {'error' if refused.errors == 1 else 'errors'}",
            evidence={"errors": list(refused.message), "since": refused.at},
        )


def _advice_for(refused: RefusedRules) -> str:
    if not refused.message:
        return phrase("Fix the files: they are then read again automatically.")
    first = refused.message[0]
    if refused.errors == 1:
        return phrase("Fix the files: they are then read again automatically. First error: {error}.", error=first)
    return phrase(
        "Fix the files: they are then read again automatically. First error: {error} (and {more} more).",
        error=first,
        more=refused.errors - 1,
    )


def rules_removed(facts: Facts) -> Found:
    """A reload took rules out of use."""
    removed = facts.removed_rules
    if removed is not None and facts.now - removed.at < REMOVED_SECONDS:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "{rules} no longer in use since {since}: a reload removed or switched off what was in use",
                rules=rules_are(removed.rules),
                since=clock(removed.at),
            ),
            phrase(
                "Events of these rules get no message. {notices} ended as cancelled. This is shown for an hour.",
                notices=counted(removed.cancelled, "{count:,} waiting notice", "{count:,} waiting notices"),
            )
            if removed.cancelled
            else phrase("Events of these rules get no message. This is shown for an hour."),
            "NoticeRulesRemoved",
            summary=f"rules removed: {listed(removed.rules)}",
            evidence={
                "rules": list(removed.rules[:IN_EVIDENCE]),
                "count": len(removed.rules),
                "notices_cancelled": removed.cancelled,
                "since": removed.at,
            },
        )


def credentials_refused(facts: Facts) -> Found:
    """New secrets or certificates cannot be used."""
    for setting, one in facts.refused_credentials.items():
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "The newest files of `{setting}` are not in use, since {since}", setting=setting, since=clock(one.at)
            ),
            phrase("What was read before stays in use. {error}.", error=one.error),
            "NoticeCredentialsRefused",
            summary=f"newer files of {setting} refused",
            evidence={"setting": setting, "since": one.at},
        )

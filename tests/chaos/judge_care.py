"""The verdict on recipient care after a run: caps, `once` and opt-outs, from Kafka and the API's journal alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.model.outcome import COUNTED, RECIPIENT_CARE, OutcomeKind, Reason
from tests.chaos.care import CAP_OF, CATEGORY, counted
from tests.chaos.journal import Journal
from tests.chaos.kafka import Found
from tests.chaos.say import some


class CareEvidence(NamedTuple):
    """What Kafka knows beside outcomes."""

    ranks: Mapping[str, int]
    """Where each notice is among its recipient's, in the intents topic."""
    forbidden: Mapping[str, float]
    """Notices that come after their recipient's opt-out, and until when they may not leave."""
    opted_out_once: frozenset[str]
    """Recipients who were opted out at any time."""
    behind: Mapping[str, int]
    """Records of the intents topic and of the preferences that the group has not committed, by topic."""
    audit: Mapping[str, int]
    """Findings of `audit`, by code."""


EXCUSED_FINDINGS = frozenset({"duplicate", "accepted-twice", "stray-dead-letter"})
"""What a crash may leave: `judge` counts it itself, and excuses it by name."""


def care_violations(
    care: CareEvidence,
    ledger: Found,
    journal: Journal,
    excused: frozenset[str],
    *,
    lost_state: bool = False,
    expected: frozenset[str] = frozenset(),
) -> Iterable[str]:
    """Every broken promise of recipient care, as text.

    `excused` are notices that the API had taken and the ledger did not have when their owner was killed; `lost_state`
    says that the scenario has deleted what was counted; `expected` are findings of audit that it explains.
    """
    suppressed = {
        name: found[-1].reason
        for name, found in ledger.outcomes.items()
        if found[-1].kind is OutcomeKind.SUPPRESSED and found[-1].reason in RECIPIENT_CARE
    }
    keys = {line.key: (line.recipient, line.number) for line in list(journal.lines)}
    # Taken from a member that was killed, or cut off, before it could write that down: its successor decided again, and
    # the recipient had opted out meanwhile. The first one's outcome may come late.
    uncounted = {name for name in excused if any(one.reason in RECIPIENT_CARE for one in ledger.outcomes.get(name, ()))}
    taken = {name: keys[name] for name in journal.accepted.keys() - uncounted if name in keys}
    capped, once = counted(taken)
    if not lost_state:
        over = (f"{who} ({', '.join(sorted(got))})" for who, got in capped.items() if len(got) > CAP_OF)
        yield from some(f"recipients got more than {CAP_OF}", over)
        yield from some("keys of `once` were sent twice", (key for key, names in once.items() if len(names) > 1))
    sent = {line.key for line in list(journal.lines) if line.at < care.forbidden.get(line.key, 0.0)}
    yield from some("sent after an opt-out", sent)
    yield from _needless(care, ledger, suppressed)
    yield from some("records not committed", (f"{topic}: {count}" for topic, count in care.behind.items() if count))
    yield from some("findings of audit", (code for code in care.audit if code not in EXCUSED_FINDINGS | expected))


def _needless(care: CareEvidence, ledger: Found, suppressed: Mapping[str, Reason]) -> Iterable[str]:
    """What was suppressed without a cause."""
    by_recipient: dict[str, int] = defaultdict(int)
    rules: dict[str, set[str]] = defaultdict(set)
    for found in ledger.outcomes.values():
        last = found[-1]
        if last.kind in COUNTED and last.recipient is not None:
            by_recipient[last.recipient] += last.category == CATEGORY
            rules[last.recipient].add(last.rule or "")
    needless: list[str] = []
    for name, reason in suppressed.items():
        last = ledger.outcomes[name][-1]
        who = last.recipient or ""
        is_due = {
            Reason.CAP_REACHED: by_recipient[who] >= CAP_OF,
            Reason.DUPLICATE: last.rule in rules[who],
            Reason.OPTED_OUT: who in care.opted_out_once,
        }.get(reason, False)
        if not is_due:
            needless.append(f"{name} ({reason})")
    yield from some("suppressed without a cause", needless)

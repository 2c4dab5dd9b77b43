"""What operators use, with recipient care on a real Kafka: `find`, `explain`, `replay`, `redrive` and `audit`."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.parcels import RECIPIENTS, RULES, Parcels
from tests.acceptance.service import END_SECONDS
from tests.broker.handle import Broker
from tests.broker.unreadable import write_bomb

pytestmark = pytest.mark.kafka
CARE = """\
care:
  caps:
    once-a-week: {of: {category: marketing}, at_most: 1, per: week}
    often: {of: {category: transactional}, at_most: 1, per: week}
  categories:
    marketing: {caps: [once-a-week]}
    transactional: {caps: [often], over_cap: send}
"""
CAPPED = RULES.replace("id: sent,", "id: sent, category: transactional,").replace(
    "id: track,", "id: track, category: marketing,"
)


@pytest.fixture
def parcels(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Parcels]:
    """Messages of `track` have a cap; those of `sent` are sent over theirs."""
    with running_sandbox(SandboxOptions(port=0, keep_messages=1_000)) as sandbox:
        parcels = Parcels(tmp_path, real_kafka, topic("parcels", partitions=2), sandbox)
        (tmp_path / "rules" / "post.yaml").write_text(CAPPED, encoding="utf-8")
        (tmp_path / "rules" / "care.yaml").write_text(CARE, encoding="utf-8")
        care = {
            "intents_topic": f"{parcels.topic}.intents",
            "care_topic": f"{parcels.topic}.care",
            "partitions": 3,
            "replication_factor": 1,
        }
        control = {"topic": f"{parcels.topic}.control", "replication_factor": 1}
        parcels.service.configure({**parcels.service.configuration, "recipient_care": care, "control": control})
        yield parcels


def ends(outcomes: list[Outcome]) -> Counter[tuple[str | None, OutcomeKind]]:
    """How the messages of each rule ended."""
    return Counter((one.rule, one.kind) for one in outcomes)


def test_the_tools_of_operators_work_with_recipient_care(parcels: Parcels) -> None:
    """Two rounds of events, of which the second is over the caps; a third for others, which the API refuses."""
    folder = parcels.service.folder
    with parcels.service.running() as service:
        parcels.emit(range(2 * RECIPIENTS), rubbish=False)
        outcomes = parcels.outcomes(4 * RECIPIENTS)
        assert ends(outcomes) == {
            ("sent", OutcomeKind.ACCEPTED): 2 * RECIPIENTS,
            ("track", OutcomeKind.ACCEPTED): RECIPIENTS,
            ("track", OutcomeKind.SUPPRESSED): RECIPIENTS,
        }
        over = [one for one in outcomes if one.rule == "sent" and one.because]
        assert {(why.what, why.name) for one in over for why in one.because} == {("cap", "often")}
        assert len(over) == RECIPIENTS

        held = next(one for one in outcomes if one.kind is OutcomeKind.SUPPRESSED)
        (found,) = parcels.reported(0, "find", str(held.position))["events"]
        answers = {notice["rule"]: notice["answer"] for notice in found["notices"]}
        assert answers["track"].startswith("Matched, not sent: cap `once-a-week` is reached (")
        assert "care.yaml:3:5); 1 of 1 in week " in answers["track"]
        assert answers["sent"].startswith("Sent: the platform accepted it, although cap `often` is reached (")
        explained = parcels.reported(0, "explain", str(held.position))
        assert {one["rule"]: one["answer"] for one in explained["outcomes"]} == answers

        looked = parcels.reported(0, "replay", "--rule", "track", "--lost", "--dry-run")
        assert looked["others"] == {"twice": RECIPIENTS, "held-back": RECIPIENTS}
        named = folder / "positions.txt"
        named.write_text(f"{held.position}\n", encoding="utf-8")
        assert parcels.reported(0, "replay", "--rule", "track", "--positions", str(named))["sent"] == 1
        outcomes = parcels.outcomes(4 * RECIPIENTS + 1)
        (again,) = [one for one in outcomes if one.redrives]
        assert (again.kind, again.reason, again.first) == (OutcomeKind.SUPPRESSED, Reason.CAP_REACHED, held.position)

        parcels.sandbox.state.follow(FaultPlan.model_validate({"faults": [{"probability": 1, "code": 43101}]}))
        others = range(2 * RECIPIENTS, 4 * RECIPIENTS)
        parcels.emit(range(others.start + RECIPIENTS, others.stop), rubbish=False, recipients=2 * RECIPIENTS)
        outcomes = parcels.outcomes(6 * RECIPIENTS + 1)
        assert ends(outcomes)["track", OutcomeKind.REJECTED] == RECIPIENTS
        parcels.sandbox.state.follow(FaultPlan())
        assert parcels.reported(0, "redrive", "--yes")["sent"] == 2 * RECIPIENTS
        outcomes = parcels.outcomes(8 * RECIPIENTS + 1)
        assert ends(outcomes)["track", OutcomeKind.ACCEPTED] == 2 * RECIPIENTS, "what was refused does not count"

        report = parcels.reported(0, "audit")
        assert (report["pending"], report["unproven"]) == (0, {})
        assert {code for code, count in report["findings"].items() if count} <= {"accepted-twice"}
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log


def test_a_partition_of_events_goes_on_after_a_skip(parcels: Parcels) -> None:
    """The map role is stuck at a batch that nobody can inflate; what follows it is sent once it is skipped."""
    parcels.emit(range(2 * RECIPIENTS), rubbish=False)
    with parcels.service.running() as service:
        parcels.outcomes(4 * RECIPIENTS)
        bomb = write_bomb(parcels.properties, parcels.topic, 0)
        parcels.emit(range(2 * RECIPIENTS, 4 * RECIPIENTS), rubbish=False)
        assert parcels.service.reported("partition_stuck")
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log
    assert parcels.reported(0, "skip", f"{parcels.topic}/0/{bomb.start}", "--yes")["offsets"] == len(bomb)
    with parcels.service.running() as service:
        outcomes = parcels.outcomes(8 * RECIPIENTS + len(bomb))
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log
    assert ends(outcomes) == {
        ("sent", OutcomeKind.ACCEPTED): 4 * RECIPIENTS,
        ("track", OutcomeKind.ACCEPTED): RECIPIENTS,
        ("track", OutcomeKind.SUPPRESSED): 3 * RECIPIENTS,
        (None, OutcomeKind.UNDECODABLE): len(bomb),
    }
    report = parcels.reported(0, "audit")
    assert (report["pending"], report["unproven"]) == (0, {})

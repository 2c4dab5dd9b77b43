"""Permanently failed notices, sent again: the service, the sandbox, `redrive` and `audit`, each as its users run it."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from pipeline.styles.category import CATEGORY, KINDS
from tests.acceptance.parcels import EVENTS, RECIPIENTS, RULES, Parcels
from tests.acceptance.service import END_SECONDS
from tests.broker.handle import Broker

pytestmark = pytest.mark.kafka


def _template(alias: str, field: str) -> Template:
    ids = {"production": f"{alias}-template"}
    return Template(alias, alias, CATEGORY, ids, (TemplateField(field, KINDS["number"]),))


WRONG = {"sent-template": _template("sent", "number1"), "track-template": _template("track", "number9")}
"""At the platform, one template has another field than ours: each of its messages is refused."""
FIXED = {"sent-template": _template("sent", "number1"), "track-template": _template("track", "number1")}


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Parcels]:
    with running_sandbox(SandboxOptions(port=0, templates=WRONG)) as sandbox:
        yield Parcels(tmp_path, real_kafka, topic("parcels", partitions=2), sandbox)


def _kinds(outcomes: list[Outcome]) -> Counter[tuple[OutcomeKind, str | None]]:
    return Counter((outcome.kind, outcome.rule) for outcome in outcomes)


def test_what_was_refused_is_fixed_redriven_and_accepted_once_in_order(stage: Parcels) -> None:
    """Redriven too early it is refused again, and the loop guard stops it; fixed, it is accepted under a new key.

    Only the rule that failed runs again, an interrupted run is taken up where it stopped, and the audit agrees.
    """
    stage.emit()
    with stage.service.running() as service:
        outcomes = stage.outcomes(2 * EVENTS + 1)
        assert _kinds(outcomes) == {
            (OutcomeKind.ACCEPTED, "sent"): EVENTS,
            (OutcomeKind.REJECTED, "track"): EVENTS,
            (OutcomeKind.UNDECODABLE, None): 1,
        }
        looked = stage.reported(0, "redrive", "--dry-run")
        assert (looked["selected"], looked["others"]) == (EVENTS, {"ask-by-name": 1})
        assert {"fate": "send", "reason": Reason.CONTENT, "rule": "track", "letters": EVENTS} in looked["by"]

        # Too early: nothing is fixed yet.
        assert stage.reported(0, "redrive", "--max-redrives", "1")["sent"] == EVENTS
        assert _kinds(stage.outcomes(3 * EVENTS + 1))[OutcomeKind.REJECTED, "track"] == 2 * EVENTS
        guarded = stage.reported(1, "redrive", "--max-redrives", "1")
        assert (guarded["sent"], guarded["others"]["loop-guard"], guarded["others"]["done"]) == (0, EVENTS, EVENTS)

        # Fixed, interrupted, continued.
        stage.sandbox.state.templates = FIXED
        slow = stage.call("redrive", "--rate", "5")
        stage.wait_for_outcomes(3 * EVENTS + 1 + 4)
        slow.send_signal(signal.SIGINT)
        out, err = slow.communicate(timeout=END_SECONDS)
        assert slow.returncode == 130, err
        first = json.loads(out)
        assert first["interrupted"]
        rest = stage.reported(0, "redrive")
        assert 0 < first["sent"] < EVENTS
        assert first["sent"] + rest["sent"] == EVENTS

        outcomes = stage.outcomes(4 * EVENTS + 1)
        assert _kinds(outcomes)[OutcomeKind.ACCEPTED, "track"] == EVENTS
        assert len({outcome.id for outcome in outcomes if outcome.rule == "track"}) == EVENTS
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, stage.service.log
    assert stage.taken() == {
        f"r{recipient}": list(range(recipient, EVENTS, RECIPIENTS)) for recipient in range(RECIPIENTS)
    }
    counts = stage.sandbox.state.memory.counts
    assert (counts.accepted, counts.repeats, counts.key_reused) == (2 * EVENTS, 0, 0)
    audited = stage.reported(0, "audit", "--strict")
    assert audited["clean"]
    assert audited["redriven"] == {"accepted": EVENTS, "rejected": EVENTS}
    assert audited["events"] == 3 * EVENTS + 1
    assert (audited["expected"], audited["pending"]) == (4 * EVENTS + 1, 0)


def test_a_rule_that_is_no_more_is_reported_by_an_outcome(stage: Parcels) -> None:
    """The redrive's outcome shows that nothing came of it, though events without a rule have no outcome otherwise."""
    stage.emit()
    with stage.service.running() as service:
        stage.outcomes(2 * EVENTS + 1)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, stage.service.log
    (stage.service.folder / "rules" / "post.yaml").write_text(
        "\n".join(line for line in RULES.splitlines() if "id: track" not in line)
    )
    assert stage.reported(0, "redrive", "--rule", "track", "--key", "r3")["sent"] == EVENTS // RECIPIENTS
    with stage.service.running() as service:
        outcomes = stage.outcomes(2 * EVENTS + 1 + EVENTS // RECIPIENTS)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, stage.service.log
    unmatched = [outcome for outcome in outcomes if outcome.kind is OutcomeKind.UNMATCHED]
    assert len(unmatched) == EVENTS // RECIPIENTS
    assert "track" in unmatched[0].detail

"""Events of a rule that had vanished, sent once each: the service, the sandbox and `replay`, on a real Kafka."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.model.outcome import OutcomeKind
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.parcels import RECIPIENTS, RULES, Parcels
from tests.acceptance.service import END_SECONDS
from tests.broker.handle import Broker

pytestmark = pytest.mark.kafka
EVENTS = 300
WITHOUT = "\n".join(line for line in RULES.splitlines() if "id: track" not in line)
IN_ORDER = {f"r{recipient}": list(range(recipient, EVENTS, RECIPIENTS)) for recipient in range(RECIPIENTS)}


@pytest.fixture
def parcels(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Parcels]:
    """Events that came while the rule `track` was gone; it is back now."""
    with running_sandbox(SandboxOptions(port=0, keep_messages=4 * EVENTS)) as sandbox:
        parcels = Parcels(tmp_path, real_kafka, topic("parcels", partitions=2), sandbox)
        control = {"topic": f"{parcels.topic}.control", "replication_factor": 1}
        parcels.service.configure({**parcels.service.configuration, "control": control})
        rules = tmp_path / "rules" / "post.yaml"
        rules.write_text(WITHOUT, encoding="utf-8")
        parcels.emit(range(EVENTS))
        with parcels.service.running() as service:
            parcels.outcomes(EVENTS + 1)
            service.send_signal(signal.SIGTERM)
            assert service.wait(END_SECONDS) == 0, parcels.service.log
        rules.write_text(RULES, encoding="utf-8")
        yield parcels


def test_events_of_a_vanished_rule_are_sent_once_each_although_replay_is_killed(parcels: Parcels) -> None:
    """In order, by this rule alone; a further run sends nothing, and those who have the message are named."""
    looked = parcels.reported(0, "replay", "--rule", "track", "--lost", "--dry-run")
    assert (looked["selected"], looked["others"]) == (EVENTS, {"not-an-event": 1})
    with parcels.service.running() as service:
        killed = parcels.call("replay", "--rule", "track", "--lost", "--rate", "20")
        parcels.wait_for_outcomes(EVENTS + 1 + 20)
        killed.kill()
        killed.communicate(timeout=END_SECONDS)
        first = len(parcels.sandbox.state.memory.messages) - EVENTS
        rest = parcels.reported(0, "replay", "--rule", "track", "--lost")
        assert 0 < rest["sent"] < EVENTS
        assert first <= EVENTS - rest["sent"]
        outcomes = parcels.outcomes(2 * EVENTS + 1)
        assert {outcome.kind for outcome in outcomes if outcome.rule} == {OutcomeKind.ACCEPTED}
        assert parcels.taken() == IN_ORDER
        assert parcels.taken("sent-template") == IN_ORDER

        again = parcels.reported(0, "replay", "--rule", "track", "--lost", "--twice")
        assert (again["selected"], again["others"]["done"], again["others"]["copy"]) == (0, EVENTS, EVENTS)
        named = parcels.reported(0, "replay", "--rule", "track", "--lost", "--round", "2", "--dry-run")
        assert (named["selected"], named["others"]["twice"]) == (0, EVENTS)
        assert named["twice"]["events"] == EVENTS
        assert sorted(named["twice"]["recipients"].values()) == [EVENTS // RECIPIENTS] * RECIPIENTS
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log
    assert parcels.sandbox.state.memory.counts.repeats == 0


def test_named_events_get_a_second_message_if_that_is_asked_for(parcels: Parcels) -> None:
    """Under a new key, once for each round; what the service has not read yet is left to it."""
    positions = parcels.service.folder / "positions.txt"
    absent = f"{parcels.topic}/1/{10 * EVENTS}"
    text = f"# wrong text\n{parcels.topic}/0/0\n{parcels.topic}/0/1\n\n{absent}\n"
    positions.write_text(text, encoding="utf-8")
    named = ("replay", "--rule", "sent", "--positions", str(positions))
    parcels.emit(range(1), rubbish=False)
    assert parcels.reported(0, "replay", "--rule", "sent", "--lost", "--dry-run")["others"]["ahead"] == 1
    with parcels.service.running() as service:
        looked = parcels.reported(0, *named)
        assert (looked["others"]["twice"], looked["absent"]) == (2, [absent])
        assert parcels.reported(0, *named, "--twice")["sent"] == 2
        assert parcels.reported(0, *named, "--twice")["sent"] == 0
        parcels.outcomes(EVENTS + 1 + 2 + 2)
        assert parcels.reported(0, *named, "--twice", "--round", "2")["sent"] == 2
        outcomes = parcels.outcomes(EVENTS + 1 + 2 + 4)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log
    sent = [one for one in outcomes if one.rule == "sent" and one.redrives]
    assert sorted(one.redrives for one in sent) == [1, 1, 2, 2]
    assert len({one.id for one in sent}) == 2
    assert sum(map(len, parcels.taken("sent-template").values())) == EVENTS + 1 + 4
    assert parcels.sandbox.state.memory.counts.key_reused == 0


def test_what_cannot_be_replayed_is_refused(parcels: Parcels) -> None:
    """An unknown rule with a suggestion, no choice of events, a line that is no position, another topic."""
    broken, other = (parcels.service.folder / name for name in ("broken.txt", "other.txt"))
    broken.write_text("here/0/1\nthere\n", encoding="utf-8")
    rules = parcels.service.folder / "rules" / "post.yaml"
    rules.write_text(RULES.replace("{id: sent,", "{id: sent, enabled: false,"), encoding="utf-8")
    other.write_text("here/0/1\n", encoding="utf-8")
    for arguments, message in (
        (("--rule", "trakc", "--lost"), "did you mean `track`?"),
        (("--rule", "sent", "--lost"), "the rule sent is switched off"),
        (("--rule", "track"), "which events?"),
        (("--rule", "track", "--lost", "--from", "-1h"), "which events?"),
        (("--rule", "track", "--positions", str(broken)), "broken.txt:2: `there` is not TOPIC/PARTITION/OFFSET"),
        (("--rule", "track", "--positions", str(other)), "the service does not read this topic"),
        (("--rule", "track", "--lost", "--into", "elsewhere"), "the service does not read this topic"),
    ):
        process = parcels.call("replay", *arguments)
        _, error = process.communicate(timeout=END_SECONDS)
        assert process.returncode == 2, error
        assert message in error

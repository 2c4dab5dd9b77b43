"""`run` on a Kafka with an authorizer, SASL and TLS: no notice leaves before every right is proven."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import NamedTuple

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.kafka.rights import Right
from pipeline.bootstrap.kafka_rights import needed, needed_with_care
from pipeline.model.outcome import OutcomeKind
from pipeline.settings import load_settings
from tests.acceptance.service import END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.test_tls import configuration
from tests.acceptance.test_tls import secured as secured  # noqa: PLC0414 - a fixture
from tests.broker import secure
from tests.broker.rights import PRINCIPAL, Rights

pytestmark = pytest.mark.kafka
EVENTS = 40


def _log(stage: Stage) -> str:
    return stage.service.log if (stage.service.folder / "log").exists() else ""


class Office(NamedTuple):
    """The service, its user's rights, and the rights that the table names for `run`."""

    stage: Stage
    rights: Rights
    needed: list[Right]

    def run(self, *options: str) -> int:
        """Run the service until it ends by itself; gives the exit code."""
        with self.stage.service.running(options=options) as process:
            return process.wait(END_SECONDS)


@pytest.fixture
def office(secured: Stage) -> Office:
    """Events that wait, and topics that exist; the user may do all that `run` needs."""
    chosen = configuration(secured, secured.sandbox.url)
    chosen["kafka"]["drain_seconds"] = 2  # a member that may not write its outcomes drains in vain
    secured.service.configure(chosen)
    settings = load_settings(secured.service.folder / "pipeline.yaml", {})
    topics = [settings.outcomes.topic, settings.dead_letters.topic, settings.control.topic]
    admin = AdminClient({"bootstrap.servers": secured.broker.bootstrap_servers})
    for made in admin.create_topics([NewTopic(topic, 3, 1) for topic in topics]).values():
        made.result(20)
    secured.emit(EVENTS)
    office = Office(secured, Rights(secured.broker.bootstrap_servers), needed("run", settings))
    office.rights.grant(office.needed)
    return office


def test_nothing_is_sent_without_each_right_and_all_is_sent_with_them(office: Office) -> None:
    """A missing right ends it with 2 and a message with user, operation and resource."""
    stage = office.stage
    for right in office.needed:
        office.rights.revoke([right])
        before = len(_log(stage))
        assert office.run() == 2, stage.service.log[before:]
        office.rights.grant([right])
        log = stage.service.log[before:]
        assert f"{PRINCIPAL} needs {right}" in log
        assert "KIP-848" not in log
        assert "Traceback" not in log
    assert not stage.sandbox.state.memory.messages
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * EVENTS
    assert secure.PASSWORD not in stage.service.log


def test_workers_end_when_a_right_is_taken_away_while_they_run(office: Office) -> None:
    """A worker whose outcome is refused ends and is started once more; that start proves the right is gone."""
    stage = office.stage
    write = next(right for right in office.needed if right == Right("WRITE", "topic", stage.outcomes))
    with stage.service.running(options=("--workers", "2")) as process:
        stage.wait_for_outcomes(EVENTS)
        office.rights.revoke([write])
        stage.emit(EVENTS)
        begin = time.monotonic()
        assert process.wait(END_SECONDS) == 2, stage.service.log
        assert time.monotonic() - begin < END_SECONDS
    assert f"{PRINCIPAL} needs {write}" in stage.service.log
    sent = len(stage.sandbox.state.memory.messages)
    assert sent <= 3 * EVENTS, "sent again at restarts"


def test_a_limit_of_rules_needs_the_right_to_pause_them(office: Office) -> None:
    """Proven at the start, and only with a limit: a member that could not share its pause would let others send on."""
    stage = office.stage
    settings = {**stage.service.configuration, "rule_options": {"max_per_minute": 1}}
    stage.service.configure(settings)
    control = load_settings(stage.service.folder / "pipeline.yaml", {}).control.topic
    assert office.run() == 2, stage.service.log
    assert f"{PRINCIPAL} needs WRITE on the topic {control}" in stage.service.log
    office.rights.grant([Right("WRITE", "topic", control)])
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    kinds = Counter(outcome.kind for outcome in outcomes)
    assert kinds == {OutcomeKind.ACCEPTED: 1, OutcomeKind.SUPPRESSED: EVENTS - 1}


def test_recipient_care_needs_each_right_of_its_table(office: Office) -> None:
    """Proven before anything is read; a topic that may not be seen is not taken for one that does not exist."""
    stage = office.stage
    care = {
        name: f"{stage.topic}.{name.partition('_')[0]}" for name in ("intents_topic", "care_topic", "preferences_topic")
    }
    configured = {"recipient_care": {"enabled": True, "partitions": 3, **care}}
    stage.service.configure({**stage.service.configuration, **configured})
    admin = AdminClient({"bootstrap.servers": stage.broker.bootstrap_servers})
    compact = {"cleanup.policy": "compact"}
    made = [NewTopic(topic, 3, 1, config={} if name == "intents_topic" else compact) for name, topic in care.items()]
    for created in admin.create_topics(made).values():
        created.result(20)
    rights = needed_with_care("run", load_settings(stage.service.folder / "pipeline.yaml", {}))
    office.rights.grant(rights)
    for right in rights:
        office.rights.revoke([right])
        before = len(_log(stage))
        assert office.run() == 2, stage.service.log[before:]
        office.rights.grant([right])
        assert f"{PRINCIPAL} needs {right}" in stage.service.log[before:]
    assert not stage.sandbox.state.memory.messages
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * EVENTS

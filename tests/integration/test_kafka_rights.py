"""Each command on a Kafka with an authorizer, SASL and TLS: the table of rights is enough, and each right is needed.

`run` is in `tests/acceptance/test_kafka_rights.py`; `history` and `studio` have their own tests, because they do not
end by themselves.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.adapters.kafka.rights import Right, principal
from pipeline.adapters.shipped import shipped
from pipeline.bootstrap.kafka_rights import COMMANDS, WITH_CARE, needed, needed_with_care
from pipeline.settings import load_settings
from tests.acceptance.test_studio_newest import studio
from tests.broker import secure
from tests.broker.handle import Broker
from tests.broker.rights import PRINCIPAL, Rights
from tests.fakes.real_kafka import RealKafka
from tests.integration.commands import Command, Ran
from tests.integration.test_audit_command import Shop
from tests.integration.test_skip_command import commit, write_bomb

pytestmark = pytest.mark.kafka


class Office(NamedTuple):
    """A shop with an event, its configuration for the secure listener, and that user's rights."""

    shop: Shop
    config: Path
    rights: Rights
    marks: str

    def needed(self, command: str) -> list[Right]:
        """The table's rights of a command."""
        settings = load_settings(self.config, {})
        return needed(command, settings, topics=[self.shop.kafka.names.events])


@pytest.fixture
def office(real_kafka: Broker, kafka: RealKafka, topic: Callable[..., str], tmp_path: Path) -> Office:
    """Two events that are done; the user may do nothing yet."""
    if real_kafka.secure is None:
        pytest.skip(f"needs a Kafka with users; ran on {real_kafka.version}")
    shop = Shop(kafka, tmp_path)
    shop.emit(2)
    shop.settle(shop.position(0), shop.position(1))
    configuration = json.loads(shop.config.read_text(encoding="utf-8"))
    properties = dict(real_kafka.secure)
    configuration["kafka"] |= {"bootstrap_servers": properties.pop("bootstrap.servers"), "properties": properties}
    marks = topic("redriven")
    configuration["dead_letters"]["redriven_topic"] = marks
    configuration["control"] = {"topic": topic("control")}
    config = tmp_path / "secure.yaml"
    config.write_text(json.dumps(configuration), encoding="utf-8")
    return Office(shop, config, Rights(real_kafka.bootstrap_servers), marks)


def arguments(office: Office, command: str) -> list[str]:
    """How a command is called."""
    shop = office.shop
    name, config = command.split(maxsplit=1)[0], ["-c", str(office.config)]
    given = {
        "audit": [],
        "pause --list": ["--list"],
        "pause": ["--all"],
        "resume": ["--all"],
        "find": [str(shop.position(0))],
        "redrive": ["--yes", "--not-compacted"],
        "redrive --dry-run": ["--dry-run"],
        "replay": ["--rule", "wallet-recharged", "--lost", "--yes", "--not-compacted"],
        "replay --dry-run": ["--rule", "wallet-recharged", "--lost", "--dry-run"],
        "skip": [str(shop.position(2)), "--yes"],
        "emit": ["order.paid.v1", "-n", "1", "--topic", shop.kafka.names.events],
        "explain TOPIC/PARTITION/OFFSET": [str(shop.position(0))],
        "preview TOPIC/PARTITION/OFFSET": [str(shop.position(0))],
        "diff --topic": [str(shipped("rules")), str(shipped("rules")), "--topic", shop.kafka.names.events],
    }
    return [name, *given[command], *config]


@pytest.fixture
def call(office: Office, command: Command) -> Callable[[str], Ran]:
    """Call a command of the table."""
    return lambda name: command(*arguments(office, name))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"run", "history", "studio --config"}])
def test_the_table_of_rights_is_enough_and_each_right_is_needed(
    name: str, office: Office, call: Callable[[str], Ran]
) -> None:
    """A missing right is a message with user, operation and resource; with all of them the command does its work."""
    if name == "skip":
        write_bomb(office.shop.kafka)
        commit(office.shop, 2)
    if name == "replay":
        office.shop.emit(1)
        commit(office.shop, 3)
    if name == "redrive":
        office.shop.bury(office.shop.position(1))
    rights = office.needed(name)
    office.rights.grant(rights)
    for right in rights:
        office.rights.revoke([right])
        ran = call(name)
        office.rights.grant([right])
        assert ran.code == 2, (right, ran)
        assert f"{PRINCIPAL} needs {right}" in ran.err
        assert "kafka-acls" in ran.err
        assert "Traceback" not in ran.err
        assert secure.PASSWORD not in ran.err
    ran = call(name)
    assert ran.code == 0, ran


@pytest.mark.parametrize("name", [name for name in WITH_CARE if name != "run"])
def test_recipient_care_needs_its_rights_besides(
    name: str, office: Office, call: Callable[[str], Ran], topic: Callable[..., str]
) -> None:
    """What may not be seen would look like what does not exist, and what is on its way in it like lost."""
    if name == "replay":
        office.shop.emit(1)
        commit(office.shop, 3)
    configuration = json.loads(office.config.read_text(encoding="utf-8"))
    care = {"enabled": True, "intents_topic": topic("intents"), "care_topic": topic("care")}
    office.config.write_text(json.dumps({**configuration, "recipient_care": care}), encoding="utf-8")
    rights = needed_with_care(name, load_settings(office.config, {}))
    office.rights.grant([*office.needed(name), *rights])
    for right in rights:
        office.rights.revoke([right])
        ran = call(name)
        office.rights.grant([right])
        assert ran.code == 2, (right, ran)
        assert f"{PRINCIPAL} needs {right}" in ran.err
    ran = call(name)
    assert ran.code == 0, ran


def test_history_needs_each_right_of_the_table(office: Office, command: Command, tmp_path: Path) -> None:
    """It ends before it reads; with all of them it would not end."""
    config = office.config.with_name("history.yaml")
    settings = json.loads(office.config.read_text(encoding="utf-8"))
    settings["history"] = {"url": f"sqlite:///{tmp_path}/history.db", "http": {"port": 0}}
    config.write_text(json.dumps(settings), encoding="utf-8")
    rights = office.needed("history")
    assert {(right.operation, right.resource) for right in rights} == {("READ", "topic"), ("READ", "group")}
    office.rights.grant(rights)
    for right in rights:
        office.rights.revoke([right])
        ran = command("history", "-c", str(config))
        office.rights.grant([right])
        assert ran.code == 2, (right, ran)
        assert f"{PRINCIPAL} needs {right}" in ran.err
        assert "Traceback" not in ran.err


def test_studio_shows_the_missing_right_on_its_page(office: Office) -> None:
    """It continues, and reads once the right is granted."""
    (right,) = office.needed("studio --config")
    with studio(shipped("rules"), office.config) as opened:
        reading = opened.newest()["reading"]
        assert f"{PRINCIPAL} needs {right}" in reading["problem"]
        assert "kafka-acls" in reading["hint"]
        assert secure.PASSWORD not in str(reading)
        office.rights.grant([right])
        reading = opened.newest()["reading"]
        assert (reading["problem"], reading["records"]) == ("", 2)
        opened.process.send_signal(signal.SIGINT)


def test_a_topic_that_may_not_be_seen_is_not_reported_as_missing(office: Office, call: Callable[[str], Ran]) -> None:
    """Kafka hides whether it exists; the message asks for the right."""
    ran = call("emit")
    assert ran.code == 2
    assert f"{PRINCIPAL} needs WRITE on the topic {office.shop.kafka.names.events}" in ran.err
    assert "missing" not in ran.err
    assert "no topic" not in ran.err


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({}, "User:ANONYMOUS"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "shop"}, "User:shop"),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanisms": "OAUTHBEARER"}, "the user of the OAuth token"),
        ({"security.protocol": "sasl_ssl", "sasl.kerberos.principal": "shop@REALM"}, "User:shop"),
        ({"security.protocol": "ssl", "ssl.certificate.location": "/c.pem"}, "the user of the certificate /c.pem"),
    ],
)
def test_the_principal_is_named_as_the_brokers_know_it(properties: dict[str, str], name: str) -> None:
    """As far as the client's settings show it."""
    assert principal(properties) == name

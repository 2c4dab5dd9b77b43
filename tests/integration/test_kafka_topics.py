"""Finding out at start that Kafka is there, lets us in, and has the topics; clearly where not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # not in its stub

from pipeline.adapters.kafka.topics import DEAD_LETTER_CONFIG, LEDGER_CONFIG, TopicCheck, TopicToMake
from pipeline.errors import ConfigurationError, RightsMissing, Unreachable
from tests.broker import secure
from tests.broker.handle import Broker, free_ports

TIMEOUT = 2.0
Change = Callable[[Mapping[str, str]], dict[str, Any]]


def _check(broker: Broker, **properties: object) -> TopicCheck:
    return TopicCheck({"bootstrap.servers": broker.bootstrap_servers, **properties}, 10)


def test_an_address_without_a_broker_is_reported_within_the_time_given() -> None:
    """The words name the address and what happened there."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    started = time.monotonic()
    with pytest.raises(Unreachable, match="Connection refused") as caught:
        TopicCheck({"bootstrap.servers": address}, TIMEOUT).partitions()
    assert time.monotonic() - started < 20 * TIMEOUT
    assert address in caught.value.message
    assert "bootstrap_servers" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "properties",
    [
        {"no.such.property": "1"},
        {"security.protocol": "TELEPATHY"},
        {"ssl.ca.location": "/no/such/file.pem", "security.protocol": "SSL"},
        {"socket.timeout.ms": "-5"},
    ],
)
def test_a_setting_that_librdkafka_refuses_is_a_mistake_in_the_configuration(properties: dict[str, str]) -> None:
    """Reported as such before anything is connected."""
    with pytest.raises(ConfigurationError, match=r"kafka\.properties"):
        TopicCheck({"bootstrap.servers": "127.0.0.1:9", **properties}, TIMEOUT)


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda given: {**given, "sasl.password": "wrong"}, "SASL"),
        (lambda given: {**given, "sasl.mechanism": "PLAIN"}, "SASL"),
        (lambda given: {name: value for name, value in given.items() if name != "ssl.ca.location"}, "ssl.ca.location"),
    ],
    ids=["password", "mechanism", "certificate"],
)
def test_a_broker_that_turns_us_away_is_reported_at_once_and_why(real_kafka: Broker, change: Change, hint: str) -> None:
    """Not as a broker that does not answer; and never with the password in it."""
    if real_kafka.secure is None:
        pytest.skip("needs a Kafka with users")
    started = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        TopicCheck(change(real_kafka.secure), 300).partitions()
    assert time.monotonic() - started < 150
    assert hint in (caught.value.hint or "")
    assert secure.PASSWORD not in caught.value.message


@pytest.mark.kafka
def test_a_topic_we_have_no_right_to_is_not_reported_as_missing(real_kafka: Broker, topic: Callable[..., str]) -> None:
    """Kafka hides what we may not see; we ask and say which it is."""
    if real_kafka.secure is None:
        pytest.skip("needs a Kafka with users")
    check = TopicCheck(dict(real_kafka.secure), 10)
    with pytest.raises(RightsMissing, match="needs DESCRIBE on the topic hidden"):
        check.require([topic("hidden")])
    with pytest.raises(RightsMissing, match="needs DESCRIBE on the topic not-ours-to-make"):
        check.ensure(TopicToMake("not-ours-to-make", 1, 1, create=True), LEDGER_CONFIG)


def test_a_missing_topic_is_reported_with_a_near_name(
    kafka_broker: Broker, topic: Callable[..., str], unique: Callable[[str], str]
) -> None:
    """A slip of the pen is the usual cause."""
    name = topic("trade.order.events")
    check = _check(kafka_broker)
    check.require([name])
    with pytest.raises(Unreachable, match="no topic") as caught:
        check.require([name, name.replace("order", "ordre")])
    assert name in (caught.value.hint or "")
    with pytest.raises(Unreachable, match="may not be created"):
        check.ensure(TopicToMake(unique("not-created"), 1, -1, create=False), {})


@pytest.mark.kafka
def test_our_topics_are_made_as_configured_once(real_kafka: Broker, unique: Callable[[str], str]) -> None:
    """Partitions and retention as requested; a second member finds them and changes nothing."""
    name = unique("outcomes")
    check = _check(real_kafka)
    assert check.ensure(TopicToMake(name, 6, -1, create=True), LEDGER_CONFIG) == 6
    assert check.ensure(TopicToMake(name, 3, -1, create=True), DEAD_LETTER_CONFIG) == 6
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    config = admin.describe_configs([resource])[resource].result(10)
    assert config["retention.ms"].value == LEDGER_CONFIG["retention.ms"]
    assert config["cleanup.policy"].value == "delete"


@pytest.mark.kafka
def test_a_topic_of_which_nothing_is_expected_is_made_with_the_brokers_defaults(
    real_kafka: Broker, unique: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`emit --create` makes a topic of events; a second call finds it."""
    name = unique("events")
    for _ in range(2):
        assert _check(real_kafka).ensure(TopicToMake(name, 4, -1, create=True), {}) == 4
    assert capsys.readouterr().out == ""


@pytest.mark.kafka
def test_more_replicas_than_brokers_is_reported_clearly(real_kafka: Broker, unique: Callable[[str], str]) -> None:
    """The usual slip of a first try on one machine."""
    with pytest.raises(Unreachable, match="could not be created") as caught:
        _check(real_kafka).ensure(TopicToMake(unique("outcomes"), 1, 99, create=True), {})
    assert "fewer brokers" in (caught.value.hint or "")


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("config", "event"),
    [({"cleanup.policy": "compact"}, "topic_is_compacted"), ({"retention.ms": "60000"}, "topic_forgets_soon")],
)
def test_a_topic_that_would_forget_outcomes_is_warned_of(
    real_kafka: Broker,
    topic: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    config: dict[str, str],
    event: str,
) -> None:
    """Someone else made it otherwise than we would have: it works, but not for long."""
    name = topic("outcomes", **config)
    _check(real_kafka).ensure(TopicToMake(name, 1, -1, create=True), LEDGER_CONFIG)
    assert event in capsys.readouterr().out


@pytest.mark.kafka
def test_the_new_group_protocol_is_seen(real_kafka: Broker) -> None:
    """Kafka 4 offers KIP-848 by itself."""
    assert _check(real_kafka).has_next_generation_groups()

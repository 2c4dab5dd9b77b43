"""Risky properties of Kafka's client are reported before they cause harm."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline.adapters.kafka.property_check import check_properties
from pipeline.cli import app
from pipeline.errors import ConfigurationError
from pipeline.settings import load_settings
from pipeline.settings.kafka_cautions import (
    DEFAULTS,
    HEARTBEAT,
    INSTANCE,
    ISOLATION,
    OURS,
    POLL,
    SESSION,
    STATISTICS,
    Properties,
    cautions,
    heartbeat_ms,
    take_over,
)

from .test_load import SMALL

HEAD = "kafka:\n  properties: "


def written(tmp_path: Path, properties: str, more: str = "") -> Path:
    file = tmp_path / "pipeline.yaml"
    file.write_text(SMALL.replace("kafka:\n", f"{HEAD}{properties}\n") + more, encoding="utf-8")
    return file


def found(properties: Properties, drain_seconds: float = 20) -> list[str]:
    return [caution.key.removeprefix("kafka.properties.") for caution in cautions(properties, drain_seconds)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SESSION, "9s"),
        ("linger.ms", "10 ms"),
        ("fetch.max.bytes", "50MB"),
        (POLL, "5min"),
        ("fetch.wait.max.ms", "1.5s"),
    ],
)
def test_a_number_with_a_unit_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """librdkafka reads only its digits: a session of 9 s would be one of 9 ms."""
    with pytest.raises(ConfigurationError, match=f"{name}.*`{value}`.*without a unit"):
        load_settings(written(tmp_path, f"{{{name}: '{value}'}}"), {})


def test_texts_of_properties_may_look_like_a_number_with_a_unit(tmp_path: Path) -> None:
    """A name is not a quantity."""
    load_settings(written(tmp_path, "{client.id: 7up, sasl.username: 12ms, security.protocol: sasl_ssl}"), {})


def test_sasl_without_a_mechanism_names_those_that_there_are() -> None:
    """librdkafka's default is Kerberos, which its packages for Python lack."""
    (fault,) = check_properties({"security.protocol": "SASL_SSL"})
    assert fault.is_error
    assert "set sasl.mechanism to PLAIN" in fault.message
    given = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "a", "sasl.password": "b"}
    assert list(check_properties(given)) == []


@pytest.mark.parametrize(
    ("properties", "keys"),
    [
        ({"security.protocol": "ssl", "enable.ssl.certificate.verification": False},
         ["enable.ssl.certificate.verification"]),
        ({"security.protocol": "SASL_SSL", "ssl.endpoint.identification.algorithm": "none"},
         ["ssl.endpoint.identification.algorithm"]),
        ({"security.protocol": "ssl", "ssl.endpoint.identification.algorithm": "https"}, []),
        ({"enable.ssl.certificate.verification": False}, []),
    ],
)  # fmt: skip
def test_tls_that_proves_nothing_is_reported(properties: Properties, keys: list[str]) -> None:
    """Who is in between could read and change everything."""
    assert found(properties) == keys


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (f"{{{SESSION}: 3000, {HEARTBEAT}: 3000}}", f"{SESSION} (3000) is not above {HEARTBEAT} (3000)"),
        (f"{{{HEARTBEAT}: '60000'}}", f"{SESSION} (45000) is not above {HEARTBEAT} (60000)"),
        (f"{{{SESSION}: 6000, {HEARTBEAT}: 7000}}", "between two heartbeats"),
    ],
)
def test_a_session_without_a_heartbeat_in_it_is_refused(tmp_path: Path, properties: str, message: str) -> None:
    """With its location: no member could stay in the group."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings(written(tmp_path, properties), {})
    assert "pipeline.yaml:2:3: `kafka.properties`: " in refused.value.message
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("protocol", "properties", "message"),
    [
        ("classic", {}, "after 45 s (session.timeout.ms, group protocol `classic`)"),
        ("auto", {SESSION: 9_000}, "after 9 s (session.timeout.ms, group protocol `classic`)"),
        ("auto", {HEARTBEAT: 1_000}, "after 45 s (session.timeout.ms, group protocol `classic`)"),
        ("consumer", {}, "after the brokers' group.consumer.session.timeout.ms, 45 s by default"),
        ("auto", {}, "after 45 s (session.timeout.ms, group protocol `classic`) where they lack that protocol"),
    ],
)
def test_the_time_of_a_take_over_is_reported_with_what_decides_it(
    protocol: str, properties: Properties, message: str
) -> None:
    """A property of the classic protocol makes `auto` choose it, as the service does."""
    assert message in take_over(protocol, properties)


@pytest.mark.parametrize(
    ("properties", "milliseconds"),
    [
        ({}, 3_000),
        ({SESSION: 9_000}, 500),
        ({SESSION: "60000"}, 3_000),
        ({SESSION: 9_000, HEARTBEAT: 2_000}, 2_000),
        ({SESSION: "soon"}, None),
    ],
)
def test_a_session_that_is_set_has_more_heartbeats(properties: Properties, milliseconds: float | None) -> None:
    """So that the partitions of a killed member are soon taken over once it has ended."""
    assert heartbeat_ms(properties) == milliseconds


@pytest.mark.parametrize("given", [{"max.in.flight.requests.per.connection": 10}, {"max.in.flight": 6}, {"retries": 0}])
def test_what_a_safe_producer_refuses_is_found_without_a_network(given: Properties) -> None:
    """As `run` creates it: with `enable.idempotence`."""
    (fault,) = check_properties(given)
    assert fault.is_error
    assert "idempotence" in fault.message


def test_a_signal_that_ends_the_process_is_refused(tmp_path: Path) -> None:
    """With 9, `config check` itself was killed by the first client that it closed."""
    with pytest.raises(ConfigurationError, match="would end the process"):
        load_settings(written(tmp_path, "{internal.termination.signal: 9}"), {})
    load_settings(written(tmp_path, "{internal.termination.signal: 0}"), {})


@pytest.mark.parametrize(
    ("properties", "keys"),
    [
        ({"message.max.bytes": 1_000}, ["message.max.bytes"]),
        ({"queue.buffering.max.kbytes": 1}, ["queue.buffering.max.kbytes"]),
        ({"socket.timeout.ms": 10}, ["socket.timeout.ms"]),
        ({"request.timeout.ms": "5"}, ["request.timeout.ms"]),
        ({"linger.ms": 100_000}, ["linger.ms"]),
        ({"reconnect.backoff.max.ms": 3_600_000}, ["reconnect.backoff.max.ms"]),
        ({"linger.ms": 0, "message.max.bytes": 2_000_000, "queue.buffering.max.kbytes": 65_536}, []),
        ({"sasl.mechanism": "SCRAM-SHA-1", "security.protocol": "SASL_SSL"}, ["sasl.mechanism"]),
        ({"sasl.mechanism": "OAUTHBEARER", "security.protocol": "SASL_SSL"}, ["sasl.mechanism"]),
        ({"sasl.mechanisms": "oauthbearer", "sasl.oauthbearer.method": "OIDC", "security.protocol": "SASL_SSL"}, []),
        ({"ssl.ca.location": "/ca.pem"}, ["ssl.ca.location"]),
        ({"ssl.ca.location": "/ca.pem", "security.protocol": "ssl"}, []),
    ],
)  # fmt: skip
def test_values_that_harm_are_reported(properties: Properties, keys: list[str]) -> None:
    """librdkafka takes each of them."""
    assert found(properties) == keys


def test_sasl_without_its_protocol_is_reported() -> None:
    """The client would connect without a password, and without a message."""
    assert found({"sasl.mechanism": "PLAIN", "sasl.username": "a"}) == ["security.protocol"]
    assert found({"sasl.mechanism": "PLAIN", "security.protocol": "SASL_SSL"}) == []


def test_one_instance_id_for_several_workers_is_refused(tmp_path: Path) -> None:
    """A single worker may have it: static membership of one member works."""
    file = written(tmp_path, "{group.instance.id: one}")
    assert load_settings(file, {}).kafka.properties
    with pytest.raises(ConfigurationError, match="end each other's membership"):
        load_settings(file, {"NOTICE_PIPELINE_WORKERS": "2"})


@pytest.mark.parametrize(
    ("properties", "keys"),
    [
        ({}, []),
        (dict(DEFAULTS), []),
        ({SESSION: 9_000, HEARTBEAT: 3_000}, []),
        ({SESSION: 8_999, HEARTBEAT: 3_000}, [SESSION]),
        ({SESSION: 6_000}, []),
        ({SESSION: "6000", HEARTBEAT: "2000"}, []),
        ({SESSION: 5_999, HEARTBEAT: 1_000}, [SESSION]),
        ({HEARTBEAT: 15_001}, [SESSION]),
        ({POLL: 60_000}, []),
        ({POLL: 59_999}, [POLL]),
        ({STATISTICS: 0}, [STATISTICS]),
        ({STATISTICS: 1_000}, []),
        ({ISOLATION: "read_uncommitted"}, [ISOLATION]),
        ({ISOLATION: "read_committed"}, []),
        ({INSTANCE: "one"}, [INSTANCE]),
        ({SESSION: "soon", POLL: True}, []),
        *(({name: "x"}, [name]) for name in OURS),
    ],
)
def test_a_risky_property_is_a_warning(properties: Properties, keys: list[str]) -> None:
    """Just inside and just outside each bound. Values that are not numbers are left to Kafka's client."""
    assert found(properties) == keys


def test_a_long_drain_needs_a_longer_poll_interval() -> None:
    """The thread that drains does not poll."""
    assert found({POLL: 100_000}, drain_seconds=50) == []
    assert found({POLL: 100_000}, drain_seconds=51) == [POLL]


def test_a_transactional_id_is_refused(tmp_path: Path) -> None:
    """Outcomes are not written in transactions, and librdkafka would refuse every write."""
    with pytest.raises(ConfigurationError, match=r"transactional\.id cannot be used"):
        load_settings(written(tmp_path, "{transactional.id: one}"), {})


def test_config_check_prints_warnings_and_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with a hint; the exit code is 0."""
    file = written(tmp_path, f"{{{POLL}: 6000}}")
    for name in [name for name in os.environ if name.startswith("NOTICE_PIPELINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NOTICE_PIPELINE_KAFKA__GROUP_ID", "shop")
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "config", "check", "-c", str(file)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    out, err = capsys.readouterr()
    assert not ended.value.code
    assert "fine" in out
    assert f"warning kafka.properties.{POLL}: a member that drains" in err
    assert "the default is 300000" in err

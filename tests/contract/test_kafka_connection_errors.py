"""Why a broker cannot be connected to: errors that librdkafka words alike are distinguished, at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError

from pipeline.adapters.kafka.connection_errors import RECENT_SECONDS, ConnectionErrors, explain
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.errors import Unreachable
from tests.fakes.certificates import make_pair
from tests.fakes.guarded_server import GuardedServer

AUTHORITY, STRANGER = make_pair("authority"), make_pair("stranger")
SERVER = make_pair("server", AUTHORITY)
SECONDS = 30.0
"""For a busy machine; the start timeout that is not waited for."""
REFUSED = KafkaError(
    KafkaError._AUTHENTICATION, "sasl_ssl://127.0.0.1:9/1: SASL authentication failed (after 3ms in state AUTH_REQ)"
)


def refusal(tmp_path: Path, host: str, authority: bytes) -> Unreachable:
    """What a start reports about a broker at `host` that shows a certificate for 127.0.0.1."""
    (tmp_path / "ca.pem").write_bytes(authority)
    with GuardedServer(lambda _: (404, b""), SERVER) as server:
        address = server.url.removeprefix("https://").replace("127.0.0.1", host)
        properties = {
            "bootstrap.servers": address,
            "security.protocol": "ssl",
            "ssl.ca.location": str(tmp_path / "ca.pem"),
            "broker.address.family": "v4",
        }
        started = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            TopicCheck(properties, 2 * SECONDS).partitions()
        assert time.monotonic() - started < SECONDS
        assert address in caught.value.message
        return caught.value


def test_a_certificate_for_another_name_is_reported_as_such(tmp_path: Path) -> None:
    """The authority is right, so nothing is wrong with `ssl.ca.location`."""
    error = refusal(tmp_path, "localhost", AUTHORITY.pem)
    assert "TLS host name mismatch: the broker's certificate is valid, but not for localhost" in error.message
    assert "advertised.listeners" in str(error.hint)
    assert "ssl.ca.location" not in str(error.hint)


def test_an_unknown_authority_is_reported_as_such(tmp_path: Path) -> None:
    """The name is right."""
    error = refusal(tmp_path, "127.0.0.1", STRANGER.pem)
    assert "signed by an unknown authority" in error.message
    assert "ssl.ca.location" in str(error.hint)


def test_an_advertised_name_that_is_not_known_is_reported_with_the_right_hint() -> None:
    """The bootstrap address answered, so it is not at fault; librdkafka would try the name for a minute."""
    check = TopicCheck({"bootstrap.servers": "127.0.0.1:9"}, 1)
    broker = SimpleNamespace(id=1, host="kafka-1.invalid", port=9092)
    with pytest.raises(Unreachable, match=r"broker 1 is advertised as kafka-1\.invalid:9092") as caught:
        check._require_known_addresses([broker])
    assert "advertised.listeners" in str(caught.value.hint)
    check = TopicCheck({"bootstrap.servers": "127.0.0.1:9"}, 1)
    check._require_known_addresses([broker, SimpleNamespace(id=2, host="localhost", port=9092)])


@pytest.mark.parametrize(("node", "hint"), [("1", "advertised.listeners"), ("bootstrap", "kafka.bootstrap_servers")])
def test_a_name_that_is_not_known_has_a_hint_by_its_origin(node: str, hint: str) -> None:
    """A name of ours, or one that a broker gave."""
    text = f"kafka.invalid:9092/{node}: Failed to resolve 'kafka.invalid:9092' (after 1ms in state CONNECT)"
    assert hint in str(explain(KafkaError(KafkaError._RESOLVE, text), {}).hint)


def test_the_last_refusal_is_kept_for_a_while() -> None:
    """Without librdkafka's count of milliseconds; other errors, and other credentials, leave none."""
    now = [1_000.0]
    errors = ConnectionErrors({}, lambda: now[0])
    errors.heard(KafkaError(KafkaError._TRANSPORT, "127.0.0.1:9/1: Connection refused"))
    assert errors.recent() is None
    errors.heard(REFUSED)
    assert errors.recent() == "sasl_ssl://127.0.0.1:9/1: SASL authentication failed"
    now[0] += RECENT_SECONDS
    assert errors.recent() is None
    errors.heard(REFUSED)
    errors.forget()
    assert errors.recent() is None


def test_a_refused_certificate_is_explained_in_the_background(tmp_path: Path) -> None:
    """The thread that polls the client is not held up; until then librdkafka's text stands."""
    (tmp_path / "ca.pem").write_bytes(STRANGER.pem)
    with GuardedServer(lambda _: (404, b""), SERVER) as server:
        address = server.url.removeprefix("https://")
        errors = ConnectionErrors({"ssl.ca.location": str(tmp_path / "ca.pem")})
        errors.heard(KafkaError(KafkaError._SSL, f"ssl://{address}/1: SSL handshake failed: certificate verify failed"))
        for thread in threading.enumerate():
            if thread.name == "tls-look":
                thread.join(SECONDS)
    assert "signed by an unknown authority" in str(errors.recent())


ALERT = (
    "ssl://127.0.0.1:9/bootstrap: Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: "
    "SSL alert number 42 (after 3ms in state APIVERSION_QUERY)"
)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "127.0.0.1:9: TLS: the broker requires a client certificate (bad certificate)"),
        (
            {"ssl.certificate.location": "c.pem"},
            "127.0.0.1:9: TLS: the broker refuses our client certificate (bad certificate)",
        ),
    ],
)
def test_a_refused_client_certificate_is_reported_as_such(properties: dict[str, str], message: str) -> None:
    """librdkafka has the code of a broken connection for it; neither address nor broker is at fault."""
    error = KafkaError(KafkaError._TRANSPORT, ALERT)
    found = explain(error, properties)
    assert found.message == message
    assert "ssl.certificate.location" in str(found.hint)
    errors = ConnectionErrors(properties)
    errors.heard(error)
    deadline = time.monotonic() + SECONDS
    while errors.recent() != message and time.monotonic() < deadline:
        time.sleep(0.01)
    assert errors.recent() == message

"""A Kafka that lets in only clients with a certificate: the whole way, a renewal while running, and a refusal."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.service import END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_credentials import accepted, refusals, reloads
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.test_tls import grant
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes.certificates import Pair, make_pair

pytestmark = pytest.mark.kafka
EVENTS = 4


def trust(broker: Broker, trusted: Path, authority: Pair) -> None:
    """Let in the clients of this authority alone."""
    broker.stop()
    trusted.write_bytes(authority.pem)
    broker.start()


def configuration(stage: Stage, mutual: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, Any]:
    properties = {name: value for name, value in mutual.items() if name != "trusted"}
    usual: dict[str, Any] = dict(stage.service.configuration)
    kafka = {
        **usual["kafka"],
        "bootstrap_servers": properties.pop("bootstrap.servers"),
        "properties": {
            **usual["kafka"]["properties"],
            **properties,
            **{f"ssl.{name}.location": str(path) for name, path in files.items()},
        },
    }
    return {**usual, "control": {"topic": f"{stage.topic}.control"}, "kafka": kafka}


def test_a_client_s_certificate_is_used_and_renewed_without_a_restart(stage: Stage, stoppable_kafka: Broker) -> None:
    """With the documented rights of its name; a key that does not fit is refused and the former pair stays in use."""
    if stoppable_kafka.mutual is None:
        pytest.skip(f"needs a Kafka that requires certificates; ran on {stoppable_kafka.version}")
    trusted = Path(stoppable_kafka.mutual["trusted"])
    before, service = trusted.read_bytes(), stage.service
    files = {name: service.folder / f"client-{name}.pem" for name in ("certificate", "key")}

    def write(pair: Pair, *names: str) -> None:
        for name in names or files:
            files[name].write_bytes(pair.pem if name == "certificate" else pair.key_pem)

    authority, newer = make_pair("clients 1"), make_pair("clients 2")
    first, second = make_pair("notices", authority), make_pair("notices", newer)
    grant(stage, "CN=notices")
    write(first)
    service.configure(configuration(stage, stoppable_kafka.mutual, files))
    try:
        trust(stoppable_kafka, trusted, authority)
        with service.running() as process:
            stage.emit(EVENTS)
            accepted(stage, EVENTS)
            write(second, "key")
            wait_for(lambda: "kafka.properties" in refusals(service).get("kafka", ""))
            stage.emit(EVENTS)
            accepted(stage, 2 * EVENTS)
            write(second, "certificate")
            wait_for(lambda: reloads(service, "kafka") == 1)
            assert service.reported("group_rejoined", seconds=END_SECONDS)
            trust(stoppable_kafka, trusted, newer)
            stage.emit(EVENTS)
            accepted(stage, 3 * EVENTS)

            trust(stoppable_kafka, trusted, authority)  # the service's certificate is now a stranger's
            wait_for(lambda: "certificate" in service.answer("/readyz"))
            write(first)
            stage.emit(EVENTS)
            accepted(stage, 4 * EVENTS)
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0, service.log
    finally:
        stoppable_kafka.stop()
        trusted.write_bytes(before)
        stoppable_kafka.start()
    assert len(stage.sandbox.state.memory.messages) == 4 * EVENTS
    assert stage.uncommitted() == 0


@pytest.mark.parametrize("has_certificate", [False, True], ids=["no certificate", "a stranger's certificate"])
def test_a_start_that_kafka_refuses_for_its_certificate_says_so(
    stage: Stage,
    real_kafka: Broker,
    has_certificate: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Exit code 2, and the message names the certificate instead of a broker that cannot be reached."""
    if real_kafka.mutual is None:
        pytest.skip(f"needs a Kafka that requires certificates; ran on {real_kafka.version}")
    files: dict[str, Path] = {}
    if has_certificate:
        pair = make_pair("stranger", make_pair("strangers"))
        files = {name: stage.service.folder / f"client-{name}.pem" for name in ("certificate", "key")}
        files["certificate"].write_bytes(pair.pem)
        files["key"].write_bytes(pair.key_pem)
    chosen = configuration(stage, real_kafka.mutual, files)
    chosen["kafka"]["start_timeout_seconds"] = 5
    stage.service.configure(chosen)
    with stage.service.running() as process:
        assert process.wait(END_SECONDS) == 2, stage.service.log
    assert "client certificate" in stage.service.log, stage.service.log
    assert "Traceback" not in stage.service.log

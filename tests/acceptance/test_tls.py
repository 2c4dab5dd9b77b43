"""The service over TLS: to a Kafka with SCRAM users and rights, and to an API with an authority of its own."""

from __future__ import annotations

import json
import re
import shutil
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from pipeline.model.outcome import OutcomeKind
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.broker import secure
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
EVENTS = 20


class TlsApi:
    """Accepts every notice, over TLS."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.taken: list[str] = []


@contextmanager
def tls_api(folder: Path) -> Iterator[tuple[TlsApi, Path]]:
    """The API, and the authority that signed its certificate."""
    keys = secure.make_keys(folder)
    taken: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["to"])
            self.send_response(200)
            self.send_header("content-length", "12")
            self.end_headers()
            self.wfile.write(b'{"code":200}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle_error(self, *_: object) -> None:
            """A client that does not trust us ends the handshake."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.broker)
    # The handshake is the connection's own thread's: one that fails must not end the server.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    api = TlsApi(f"https://127.0.0.1:{server.server_port}/message/v2/notices")
    api.taken = taken
    try:
        yield api, keys.authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def grant(stage: Stage, user: str = secure.USER) -> None:
    """The rights that docs/reference/kafka-rights.md names, and those to create the topics."""
    dead, control = f"{stage.topic}.dead", f"{stage.topic}.control"
    rights = [
        (ResourceType.TOPIC, stage.topic, AclOperation.READ),
        (ResourceType.TOPIC, stage.outcomes, AclOperation.READ),
        (ResourceType.TOPIC, stage.outcomes, AclOperation.WRITE),
        (ResourceType.TOPIC, stage.outcomes, AclOperation.CREATE),
        (ResourceType.TOPIC, dead, AclOperation.WRITE),
        (ResourceType.TOPIC, dead, AclOperation.CREATE),
        (ResourceType.TOPIC, control, AclOperation.READ),
        (ResourceType.TOPIC, control, AclOperation.CREATE),
        (ResourceType.GROUP, stage.group, AclOperation.READ),
    ]
    bindings = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", right, AclPermissionType.ALLOW)
        for kind, name, right in rights
    ]
    admin = AdminClient({"bootstrap.servers": stage.broker.bootstrap_servers})
    for future in admin.create_acls(bindings).values():
        future.result(15)


def configuration(stage: Stage, url: str, **notices: object) -> dict[str, Any]:
    """TLS and SCRAM to Kafka, the password in a file."""
    properties = dict(stage.broker.secure or {})
    password = stage.service.folder / "kafka-password"
    password.write_text(f"{properties.pop('sasl.password')}\n", encoding="utf-8")
    usual: dict[str, Any] = dict(stage.service.configuration)
    return {
        **usual,
        "control": {"topic": f"{stage.topic}.control"},
        "kafka": {
            **usual["kafka"],
            "bootstrap_servers": properties.pop("bootstrap.servers"),
            "properties": {**usual["kafka"]["properties"], **properties},
            "properties_files": {"sasl.password": str(password)},
        },
        "notices": {"url": url, "token": "a-token-for-tls", **notices},
    }


def wait_for_attempts(stage: Stage, count: int, seconds: float = 150) -> None:
    """Until the service has tried so often, by its own count, and has none accepted."""
    deadline = time.monotonic() + seconds
    tried = 0.0
    while tried < count and time.monotonic() < deadline:
        time.sleep(0.2)
        found = re.search(r'"endpoint": "(http://[^"]+)"', stage.service.log)
        if found is not None:
            text = plain_http.get(f"{found[1]}/metrics", timeout=ANSWER_SECONDS).text
            counted = re.findall(r'^notice_pipeline_attempts_total\{verdict="(\w+)"\} (\S+)', text, re.MULTILINE)
            tried = sum(float(value) for _, value in counted)
            assert dict(counted).get("accepted", "0.0") == "0.0"
    assert tried >= count


@pytest.fixture
def secured(stage: Stage) -> Stage:
    """A stage whose Kafka has users."""
    if stage.broker.secure is None:
        pytest.skip(f"needs a Kafka with TLS and users; ran on {stage.broker.version}")
    return stage


def test_the_whole_way_goes_over_tls(secured: Stage, tmp_path: Path) -> None:
    """With exactly the documented rights: every event accepted, everything committed, a clean end."""
    grant(secured)
    (tmp_path / "api").mkdir()
    with tls_api(tmp_path / "api") as (api, authority):
        ca_file = shutil.copy(authority, secured.service.folder / "api-ca.pem")
        secured.service.configure(configuration(secured, api.url, ca_file=str(ca_file)))
        secured.emit(EVENTS)
        with secured.service.running() as process:
            outcomes = secured.wait_for_outcomes(EVENTS)
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0, secured.service.log
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * EVENTS
    assert len(api.taken) == EVENTS
    assert secured.uncommitted() == 0
    assert secure.PASSWORD not in secured.service.log


def test_an_api_whose_certificate_nobody_vouches_for_gets_nothing(secured: Stage, tmp_path: Path) -> None:
    """Neither token nor text leaves; events wait, and nothing is dead-lettered."""
    grant(secured)
    (tmp_path / "api").mkdir()
    with tls_api(tmp_path / "api") as (api, _):
        secured.service.configure(configuration(secured, api.url))
        secured.emit(3)
        with secured.service.running() as process:
            wait_for_attempts(secured, 3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0, secured.service.log
    assert api.taken == []
    assert secured.uncommitted() == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [({"sasl.password": "wrong"}, "authentic"), ({"ssl.ca.location": None}, "certificate")],
    ids=["wrong password", "unknown authority"],
)
def test_a_kafka_that_refuses_us_or_that_we_cannot_trust_is_reported(
    secured: Stage, change: dict[str, str | None], message: str
) -> None:
    """Exit code 2 and words that name the cause; never the password."""
    chosen = configuration(secured, secured.sandbox.url)
    for name, value in change.items():
        chosen["kafka"]["properties"].pop(name, None)
        chosen["kafka"]["properties_files"].pop(name, None)
        if value is not None:
            chosen["kafka"]["properties"][name] = value
    chosen["kafka"]["start_timeout_seconds"] = 5
    secured.service.configure(chosen)
    with secured.service.running() as process:
        assert process.wait(END_SECONDS) == 2, secured.service.log
    assert message in secured.service.log.lower()
    assert secure.PASSWORD not in secured.service.log
    assert "Traceback" not in secured.service.log

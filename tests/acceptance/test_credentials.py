"""A running service whose secrets and certificates are replaced, one kind after another, without a restart."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.model.outcome import Outcome, OutcomeKind
from pipeline.rules.schema.event_schema import EventSchema
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS, ServiceUnderTest
from tests.acceptance.stage import SCHEMA, Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.test_tls import configuration, grant, secured
from tests.acceptance.waiting import wait_for
from tests.broker import secure
from tests.broker.handle import Broker
from tests.fakes import plain_http
from tests.fakes.certificates import make_pair
from tests.fakes.guarded_server import Asked, GuardedServer
from tests.fakes.registry import FakeRegistry

__all__ = ["secured"]

pytestmark = pytest.mark.kafka
SECONDS = 60.0
"""For a machine that has other work to do; a change is in use within three seconds."""
EVENTS = 4
NAMES = ("ca.pem", "tls.crt", "tls.key", "header", "client-secret", "registry-password", "page", "hash-key")
SETTINGS = ("notices", "notices.oauth", "schemas", "http.password_file", "outcomes.recipient_hash_key_file")


class World:
    """API, token endpoint and registry, each behind TLS of its own, and the files that open them."""

    def __init__(self, folder: Path, registry: FakeRegistry) -> None:
        self.folder = folder
        self.authority = make_pair("authority 1")
        self.server = make_pair("server", self.authority)
        self.api_header = "header-1"
        self.secret = "secret-1"
        self.tokens: list[str] = []
        self.accepted_token = ""
        self.recipients: list[str] = []
        self._registry = registry
        self.api = GuardedServer(self._notice, self.server)
        self.login = GuardedServer(self._token, self.server)
        self.schemas = GuardedServer(self._schema, self.server)
        mounted = folder / "mounted"
        mounted.mkdir()
        for name in (
            "ca.pem",
            "tls.crt",
            "tls.key",
            "header",
            "client-secret",
            "registry-password",
            "page",
            "hash-key",
        ):
            (mounted / name).symlink_to(f"..data/{name}")
        self._version = 0
        self.files: dict[str, bytes] = {}

    def mount(self, **changed: bytes) -> None:
        """Write a Secret's new version beside the old one and swap the link, as the kubelet does."""
        self.files |= {name.replace("__", ".").replace("_", "-"): content for name, content in changed.items()}
        self._version += 1
        mounted = self.folder / "mounted"
        newest = mounted / f"..{self._version}"
        newest.mkdir()
        for name, content in self.files.items():
            (newest / name).write_bytes(content)
        (mounted / "..data_tmp").symlink_to(newest.name)
        (mounted / "..data_tmp").replace(mounted / "..data")

    def path(self, name: str) -> str:
        return str(self.folder / "mounted" / name)

    def _notice(self, requested: Asked) -> tuple[int, bytes]:
        if requested.headers.get("x-gate") != self.api_header:
            return 503, b""
        if requested.headers["authorization"] != f"Bearer {self.accepted_token}":
            return 401, b""
        self.recipients.append(json.loads(requested.body)["to"])
        return 200, b'{"code":200}'

    def _token(self, requested: Asked) -> tuple[int, bytes]:
        given = base64.b64encode(f"us:{self.secret}".encode()).decode()
        if requested.headers.get("authorization") != f"Basic {given}":
            return 401, b'{"error":"invalid_client"}'
        self.accepted_token = f"token-{len(self.tokens) + 1}"
        self.tokens.append(self.accepted_token)
        return 200, json.dumps({"access_token": self.accepted_token}).encode()

    def _schema(self, requested: Asked) -> tuple[int, bytes]:
        headers = {
            name: value for name, value in requested.headers.items() if name in {"authorization", "content-type"}
        }
        answer = httpx.request(
            requested.method, self._registry.url + requested.path, content=requested.body, headers=headers
        )
        return answer.status_code, answer.content


@pytest.fixture
def world(stage: Stage, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, stage.registry)
    client = make_pair("client 1", made.authority)
    made.mount(
        ca__pem=made.authority.pem,
        tls__crt=client.pem,
        tls__key=client.key_pem,
        header=b"header-1\n",
        client_secret=b"secret-1\n",
        registry_password=b"password-1\n",
        page=b"page-1\n",
        hash_key=b"key-1\n",
    )
    stage.registry.basic = ("us", "password-1")
    for server in (made.api, made.login, made.schemas):
        server.guard(made.server, clients=made.authority)
    tls = {
        "ca_file": made.path("ca.pem"),
        "client_certificate_file": made.path("tls.crt"),
        "client_key_file": made.path("tls.key"),
    }
    usual: Mapping[str, Any] = stage.service.configuration
    with ExitStack() as stack:
        for server in (made.api, made.login, made.schemas):
            stack.enter_context(server)
        stage.service.configure(
            {
                **usual,
                "schemas": {
                    "registry_url": made.schemas.url,
                    "registry_user": "us",
                    "registry_password_file": made.path("registry-password"),
                    **{f"registry_{name}": path for name, path in tls.items()},
                },
                "notices": {
                    "url": f"{made.api.url}/message/v2/notices",
                    "secret_headers_files": {"X-Gate": made.path("header")},
                    "oauth": {
                        "token_url": f"{made.login.url}/token",
                        "client_id": "us",
                        "client_secret_file": made.path("client-secret"),
                        **tls,
                    },
                    **tls,
                },
                "outcomes": {
                    **usual["outcomes"],
                    "recipient": "hash",
                    "recipient_hash_key_file": made.path("hash-key"),
                },
                "http": {**usual["http"], "user": "sre", "password_file": made.path("page")},
            }
        )
        yield made


def reloads(service: ServiceUnderTest, setting: str) -> int:
    return sum(1 for line in service.reported("credentials_reloaded", seconds=0) if line["setting"] == setting)


def refusals(service: ServiceUnderTest) -> dict[str, str]:
    """The newest refusal of each setting."""
    return {line["setting"]: line["error"] for line in service.reported("credentials_refused", seconds=0)}


def _wait_for_refusal(service: ServiceUnderTest, setting: str, error: str) -> None:
    wait_for(lambda: error in refusals(service).get(setting, ""))


def accepted(stage: Stage, count: int) -> list[Outcome]:
    outcomes = stage.wait_for_outcomes(count, SECONDS)
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * count
    return outcomes


def metrics(stage: Stage) -> dict[str, str]:
    """Whether the newest content is in use, by setting."""
    lines = stage.service.answer("/metrics").splitlines()
    name = "notice_pipeline_credentials_reload_success"
    return {line.split('"')[1]: line.split()[-1] for line in lines if line.startswith(f"{name}{{")}


def test_each_kind_is_replaced_without_a_restart(stage: Stage, world: World) -> None:
    """Certificates, secret header, client secret, registry password, page password and hash key, by a Secret's swap."""
    with stage.service.running() as process:
        stage.emit(EVENTS)
        before = accepted(stage, EVENTS)
        assert set(metrics(stage).values()) == {"1.0"}
        assert {
            requested.client for requested in world.api.requested + world.login.requested + world.schemas.requested
        } == {"client 1"}

        # A new authority for clients and servers alike: what was valid before is refused by every server.
        authority = make_pair("authority 2")
        client, server = make_pair("client 2", authority), make_pair("server 2", authority)
        world.mount(
            ca__pem=authority.pem,
            tls__crt=client.pem,
            tls__key=client.key_pem,
            header=b"header-2\n",
            client_secret=b"secret-2\n",
            registry_password=b"password-2\n",
            page=b"page-2\n",
            hash_key=b"key-2\n",
        )
        wait_for(lambda: all(reloads(stage.service, setting) == 1 for setting in SETTINGS))
        for one in (world.api, world.login, world.schemas):
            one.guard(server, clients=authority)
            one.requested.clear()
        world.api_header, world.secret, stage.registry.basic = "header-2", "secret-2", ("us", "password-2")
        world.accepted_token = "none of those given so far"
        _emit_with_a_new_schema(stage)
        known = {one.id for one in before}
        after = [one for one in accepted(stage, 2 * EVENTS) if one.id not in known]
        assert len(after) == EVENTS
        requested = world.api.requested + world.login.requested + world.schemas.requested
        assert {one.client for one in requested} == {"client 2"}
        assert all((world.api.requested, world.login.requested, world.schemas.requested))
        assert {one.recipient for one in before}.isdisjoint(one.recipient for one in after)
        _page(stage, "page-1", 401)
        _page(stage, "page-2", 200)

        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    for secret in ("secret-", "header-", "password-1", "page-1", "key-1", "token-1"):
        assert secret not in stage.service.log


def test_what_cannot_be_used_is_refused_and_the_former_stays_in_use(stage: Stage, world: World) -> None:
    """Missing, empty, half-written, not PEM, another certificate's key: in log, metric and page; then all is fixed."""
    service = stage.service
    with service.running() as process:
        stage.emit(EVENTS)
        accepted(stage, EVENTS)
        good, stranger = dict(world.files), make_pair("stranger", world.authority)
        mark = "byte order mark"
        foreign, cut, text = "is not that of the certificate", "cut short", "no certificate in PEM"
        tls = ("notices", "notices.oauth", "schemas")
        rounds: list[tuple[dict[str, bytes], dict[str, str]]] = [
            (
                {"tls__key": stranger.key_pem, "page": b"\xef\xbb\xbfpage", "hash_key": b"\xff\xfe"},
                {**dict.fromkeys(tls, foreign), "http.password_file": mark, "outcomes.recipient_hash_key_file": mark},
            ),
            ({"ca__pem": world.authority.pem[:300]}, dict.fromkeys(tls, cut)),
            ({"tls__crt": b"not PEM\n"}, dict.fromkeys(tls, text)),
            (
                {"header": b"", "client_secret": b"\n", "registry_password": b""},
                {
                    "notices": "header X-Gate is empty",
                    "notices.oauth": "the client secret is empty",
                    "schemas": "the registry's password is empty",
                },
            ),
        ]
        for number, (changed, errors) in enumerate(rounds, start=2):
            world.files = dict(good)
            world.mount(**changed)
            for setting, error in errors.items():
                _wait_for_refusal(service, setting, error)
            shown = " ".join(one["message"] for one in _status(stage)["messages"])
            for setting in SETTINGS:
                assert metrics(stage)[setting] == ("0.0" if setting in errors else "1.0")
                assert (f"files of `{setting}` are not in use" in shown) == (setting in errors)
            stage.emit(EVENTS)
            accepted(stage, number * EVENTS)
        (world.folder / "mounted" / "..data").unlink()
        wait_for(lambda: "No such file" in refusals(service).get("notices.oauth", ""))
        world.files = dict(good)
        world.mount()
        wait_for(lambda: set(metrics(stage).values()) == {"1.0"})
        assert not any("not in use" in one["message"] for one in _status(stage)["messages"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, service.log


def test_a_token_s_file_is_read_when_it_changes(stage: Stage, world: World) -> None:
    """Before the API refuses the old token; what has no token is refused by its fault, and SIGHUP reads at once."""
    path = world.folder / "token"
    path.write_text("token-1\n", encoding="utf-8")
    chosen: dict[str, Any] = dict(stage.service.configuration)
    del chosen["notices"]["oauth"]
    chosen["notices"]["token_file"] = str(path)
    service = stage.service
    service.configure(chosen)
    world.accepted_token = "token-1"
    with service.running() as process:
        stage.emit(EVENTS)
        accepted(stage, EVENTS)
        for content, error in (("", "is empty"), ("\ufefftoken-2", "byte order mark"), ("token-2\nx", "a line break")):
            path.write_text(content, encoding="utf-8")
            _wait_for_refusal(service, "notices.token_file", error)
        stage.emit(EVENTS)
        accepted(stage, 2 * EVENTS)
        (world.folder / "next").write_text("token-2\n", encoding="utf-8")
        (world.folder / "next").replace(path)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: reloads(service, "notices.token_file") >= 1)
        world.accepted_token = "token-2"
        stage.emit(EVENTS)
        accepted(stage, 3 * EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, service.log
    given = [requested.headers["authorization"] for requested in world.api.requested]
    assert given == ["Bearer token-1"] * 2 * EVENTS + ["Bearer token-2"] * EVENTS
    assert "token-2" not in service.log


def test_an_outage_of_the_token_source_is_a_halt(stage: Stage, world: World) -> None:
    """Readiness, page and metric name it, notices outlast their horizon in it, and all of them are sent after it."""
    chosen: dict[str, Any] = dict(stage.service.configuration)
    chosen["delivery"] = {"retry": {"base_seconds": 0.1, "cap_seconds": 0.5, "horizon_seconds": 2.0}}
    stage.service.configure(chosen)
    with stage.service.running() as process:
        stage.emit(EVENTS)
        accepted(stage, EVENTS)
        good, world.secret = world.secret, "revoked"
        world.accepted_token = "none of those given so far"
        stage.emit(EVENTS)
        wait_for(lambda: stage.service.answer("/readyz") == "sending is halted: token_unavailable\n")
        worst = _status(stage)["messages"][0]
        assert (worst["severity"], worst["alert"]) == ("halted", "NoticeTokenRefreshFailing")
        lines = stage.service.answer("/metrics").splitlines()
        assert 'notice_pipeline_halted{reason="token_unavailable"} 1.0' in lines
        time.sleep(4)  # twice the horizon
        assert len(stage.wait_for_outcomes(EVENTS, SECONDS)) == EVENTS
        world.secret = good
        accepted(stage, 2 * EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log


def test_kafka_s_password_and_authority_are_replaced(secured: Stage, stoppable_kafka: Broker) -> None:
    """A password serves the next connections; for a certificate the member drains and joins again: nothing twice."""
    stage = secured
    grant(stage)
    chosen = configuration(stage, stage.sandbox.url)
    authority = stage.service.folder / "kafka-ca.pem"
    authority.write_bytes(Path(chosen["kafka"]["properties"]["ssl.ca.location"]).read_bytes())
    chosen["kafka"]["properties"]["ssl.ca.location"] = str(authority)
    stage.service.configure(chosen)
    password = stage.service.folder / "kafka-password"
    try:
        with stage.service.running() as process:
            stage.emit(EVENTS)
            accepted(stage, EVENTS)
            secure.set_password(stoppable_kafka, "another-horse")
            stoppable_kafka.stop()
            stoppable_kafka.start()
            wait_for(lambda: "uthentication failed" in stage.service.answer("/readyz"))
            worst = _status(stage)["messages"][0]["message"]
            assert worst.startswith("Kafka cannot be reached: no broker is connected: ")
            assert "uthentication failed" in worst
            password.write_text("another-horse\n", encoding="utf-8")
            wait_for(lambda: reloads(stage.service, "kafka") == 1)
            wait_for(lambda: stage.service.answer("/readyz") == "4 partitions\n")
            stage.emit(EVENTS)
            accepted(stage, 2 * EVENTS)

            good = authority.read_bytes()
            authority.write_bytes(good[:200])
            wait_for(lambda: "kafka.properties" in refusals(stage.service).get("kafka", ""))
            authority.write_bytes(good + make_pair("another").pem)
            assert stage.service.reported("group_rejoined", seconds=SECONDS)
            stage.emit(EVENTS)
            accepted(stage, 3 * EVENTS)
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0, stage.service.log
    finally:
        secure.set_password(stoppable_kafka, secure.PASSWORD)
    assert len(stage.sandbox.state.memory.messages) == 3 * EVENTS
    assert stage.uncommitted() == 0
    assert "another-horse" not in stage.service.log


def _emit_with_a_new_schema(stage: Stage) -> None:
    """Events whose schema the service must ask the registry for."""
    newer = {**SCHEMA, "doc": "the second version"}
    stage._encoder = EventEncoder(EventSchema(newer), stage.registry.add(f"{stage.topic}-value", newer), Encoding.AVRO)
    stage.emit(EVENTS)


def _status(stage: Stage) -> dict[str, Any]:
    endpoint = stage.service.reported("starting")[-1]["endpoint"]
    answer = plain_http.get(f"{endpoint}/status.json", auth=("sre", "page-1"), timeout=ANSWER_SECONDS)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _page(stage: Stage, password: str, status: int) -> None:
    endpoint = stage.service.reported("starting")[-1]["endpoint"]
    assert plain_http.get(endpoint, auth=("sre", password), timeout=ANSWER_SECONDS).status_code == status

"""Dockerfile, compose set-up and provisioning name files and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import make_url

from deploy.grafana.generate import DASHBOARDS
from pipeline.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """compose.yaml as parsed, with its anchors resolved."""
    document: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    return document


def test_what_the_image_copies_is_let_through_to_the_build() -> None:
    """`.dockerignore` shuts everything out but what the Dockerfile copies."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_runs_as_an_ordinary_user_and_stops_by_draining() -> None:
    """User, signal and health check are in the last stage; what is installed was checked by its hash."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in last
    assert "STOPSIGNAL SIGTERM" in last
    assert "/healthz" in last.partition("HEALTHCHECK")[2]
    assert not re.search(r"^RUN .*\b(pip|uv)\b", last, flags=re.MULTILINE)


def test_a_build_installs_only_what_is_verified_by_its_hash() -> None:
    """In the development environment, for a release and in the image: uv, the packages and the build back end."""
    for name in ("Makefile", "deploy/Dockerfile"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        installs = [
            line
            for line in re.split(r"\n|&&", text)
            if re.search(r"\bpip install\b|\buv build\b", line) and "#" not in line
        ]
        assert installs
        unverified = [line for line in installs if "--require-hashes" not in line and "--no-deps" not in line]
        assert unverified == []


def test_the_image_holds_the_byte_code_that_it_never_writes() -> None:
    """Of our packages and of the standard library: compiling at every start costs seconds."""
    first, _, last = DOCKERFILE.rpartition("\nFROM ")
    assert "PYTHONDONTWRITEBYTECODE=1" in last
    assert "UV_COMPILE_BYTECODE=1" in first
    assert re.search(r"^RUN python -m compileall .*sysconfig", last.replace("\\\n", ""), flags=re.MULTILINE)


def test_files_that_the_compose_set_up_mounts_exist(compose: dict[str, Any]) -> None:
    """A missing one would be made as an empty folder, owned by root."""
    named = set(compose["volumes"])
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in named or (DEPLOY / source).exists(), source


def test_the_compose_set_up_gives_the_drain_its_time(compose: dict[str, Any]) -> None:
    """Compose kills after 10 s by default; ours waits longer than the drain and what follows it."""
    settings = load_settings(DEPLOY / "compose" / "pipeline.yaml", {})
    grace = int(compose["services"]["pipeline"]["stop_grace_period"].removesuffix("s"))
    assert grace >= settings.kafka.drain_seconds + 15


def test_a_killed_member_is_replaced_soon_in_the_compose_set_up(compose: dict[str, Any]) -> None:
    """Its partitions wait for the brokers' session, which is 45 s where nothing is set."""
    broker = compose["services"]["kafka"]["environment"]
    session = broker["KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS"]
    assert broker["KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS"] <= session <= 9_000
    heartbeat = broker["KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS"]
    assert broker["KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS"] <= heartbeat <= session / 3


def test_the_compose_configuration_speaks_to_the_compose_services(compose: dict[str, Any]) -> None:
    """Hosts are services; topics are those that are made."""
    settings = load_settings(DEPLOY / "compose" / "pipeline.yaml", {})
    hosts = {settings.kafka.bootstrap_servers.split(":")[0], settings.notices.url.host}
    assert settings.schemas.registry_url is not None
    assert {*hosts, settings.schemas.registry_url.host} <= set(compose["services"])
    made = compose["services"]["topics"]["command"][0]
    assert all(topic in made for topic in settings.kafka.topics)


def test_the_history_of_the_compose_set_up_speaks_to_its_database(compose: dict[str, Any]) -> None:
    """A profile of its own: without it neither is started. Its settings are those of a real configuration."""
    history, postgres = compose["services"]["history"], compose["services"]["postgres"]
    assert history["profiles"] == postgres["profiles"] == ["history"]
    settings = load_settings(DEPLOY / "compose" / "pipeline.yaml", history["environment"])
    assert settings.history.url is not None
    url = make_url(settings.history.url.get_secret_value())
    given = postgres["environment"]
    assert (url.host, url.username, url.password, url.database) == (
        "postgres",
        given["POSTGRES_USER"],
        given["POSTGRES_PASSWORD"],
        given["POSTGRES_DB"],
    )
    assert history["ports"] == [f"127.0.0.1:{settings.history.http.port}:{settings.history.http.port}"]


def test_ports_are_open_on_this_machine_alone(compose: dict[str, Any]) -> None:
    """A trial without passwords listens on this machine only."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_of_others_are_named_with_their_release(compose: dict[str, Any]) -> None:
    """`latest` would be another program tomorrow."""
    images = [service["image"] for service in compose["services"].values()]
    assert all(re.search(r":v?\d+\.\d+|:local$", image) for image in images), images


def test_grafana_finds_the_dashboards_where_they_are_mounted(compose: dict[str, Any]) -> None:
    """Provisioning, mount and home dashboard speak of the same folder and of files that exist."""
    grafana = compose["services"]["grafana"]
    provider = YAML(typ="safe").load(DEPLOY / "grafana/provisioning/dashboards/notice-pipeline.yaml")["providers"][0]
    mounts = {volume.split(":")[1] for volume in grafana["volumes"]}
    assert provider["options"]["path"] in mounts
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.stem in {dashboard.name for dashboard in DASHBOARDS}

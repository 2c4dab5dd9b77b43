"""`config check`: an invalid setting is an error, a doubtful one a warning, each with its location."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

TEXT = """\
kafka: {bootstrap_servers: localhost:9092, topics: [orders], group_id: shop}
schemas: {directory: schemas}
notices:
  url: http://localhost:8090/message/v2/notices
  token_file: token
  secret_headers_files: {X-Api-Key: key}
"""


@pytest.fixture
def folder(shop: Path) -> Path:
    """A folder with everything that the configuration names."""
    (shop / "pipeline.yaml").write_text(TEXT, encoding="utf-8")
    for name in ("token", "key"):
        (shop / name).write_text("x", encoding="utf-8")
    return shop


@pytest.mark.usefixtures("folder")
def test_a_valid_configuration_is_fine(run: Run) -> None:
    """It prints one line."""
    done = run("config", "check")
    assert (done.code, done.err) == (0, "")
    first, second = done.out.splitlines()
    assert first == "pipeline.yaml: fine (production, 1 topic)"
    assert second.startswith("a killed member's partitions are taken over after")


def test_a_missing_file_is_a_warning_at_its_line(run: Run, folder: Path) -> None:
    """Secrets are where the service runs, so it is not an error. A folder in place of a file is reported, too."""
    (folder / "token").unlink()
    (folder / "key").unlink()
    (folder / "key").mkdir()
    shutil.rmtree(folder / "schemas")
    (folder / "schemas").write_text("", encoding="utf-8")
    shutil.rmtree(folder / "rules")
    done = run("config", "check")
    assert done.code == 0
    assert done.err.splitlines() == [
        "pipeline.yaml:2:11: warning schemas.directory: schemas: is not a folder",
        "pipeline.yaml:1:1: warning rules: rules: there is no such folder here",
        "pipeline.yaml:5:3: warning notices.token_file: token: there is no such file here",
        "pipeline.yaml:6:26: warning notices.secret_headers_files.X-Api-Key: key: is not a file",
    ]


def test_a_property_without_effect_is_reported_at_its_line(run: Run, folder: Path) -> None:
    """A key with dots is located, too."""
    text = TEXT.replace("topics: [orders]", "topics: [orders], properties: {enable.idempotence: true}")
    (folder / "pipeline.yaml").write_text(text, encoding="utf-8")
    done = run("config", "check")
    assert done.err.startswith("pipeline.yaml:1:75: warning kafka.properties.enable.idempotence: has no effect")
    assert done.code == 0


def with_properties(folder: Path, properties: str, more: str = "") -> None:
    text = TEXT.replace("topics: [orders]", f"topics: [orders], properties: {properties}{more}")
    (folder / "pipeline.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("{bootstrap.serverz: a}", "`kafka.properties.bootstrap.serverz`: No such configuration property"),
        ("{sasl.jaas.config: a}", "`kafka.properties.sasl.jaas.config`: Java JAAS configuration is not supported"),
        ("{security.protocol: SASL-SSL}", '`kafka.properties.security.protocol`: Invalid value "SASL-SSL"'),
        ("{fetch.wait.max.ms: -5}", "value -5 is outside allowed range 0..300000"),
        ("{session.timeout.ms: soon}", "`kafka.properties.session.timeout.ms`: Invalid value"),
        ("{security.protocol: sasl_ssl, sasl.mechanism: PLAIN}", "sasl.username and sasl.password must be set"),
        ("{transactional.id: a}", "transactional.id cannot be used"),
    ],
)
def test_a_property_that_the_client_refuses_is_an_error(run: Run, folder: Path, properties: str, message: str) -> None:
    """It is found without a connection, before the service starts."""
    with_properties(folder, properties)
    done = run("config", "check")
    assert done.code == 2
    assert message in done.err
    assert done.err.startswith("error: pipeline.yaml:1:")
    assert "Traceback" not in done.err


def test_every_refused_property_is_reported(run: Run, folder: Path) -> None:
    """Each at its own column."""
    with_properties(folder, "{fetch.wait.max.ms: -5, linger.mss: 1}")
    lines = run("config", "check").err.splitlines()
    assert lines[0].startswith("error: pipeline.yaml:1:75: `kafka.properties.fetch.wait.max.ms`")
    assert lines[1].startswith("pipeline.yaml:1:98: `kafka.properties.linger.mss`")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("{bootstrap.servers: b}", "bootstrap.servers: has no effect (it is set by `kafka.bootstrap_servers`)"),
        ("{group.id: b}", "group.id: has no effect (it is set by `kafka.group_id`)"),
        ("{partition.assignment.strategy: range}", "partition.assignment.strategy: has no effect"),
        ("{isolation.level: read_uncommitted}", "isolation.level: events of aborted transactions are sent"),
        ("{group.instance.id: b}", "group.instance.id: every replica needs a name of its own"),
        ("{socket.blocking.max.ms: 5}", "socket.blocking.max.ms: is deprecated and not used any more"),
        ("{api.version.request: true}", "api.version.request: is deprecated"),
        ("{ssl.ca.location: ca.pem}", "ssl.ca.location: ca.pem: there is no such file here"),
    ],
)
def test_a_doubtful_property_is_a_warning(run: Run, folder: Path, properties: str, message: str) -> None:
    """The configuration is valid, and the warning has the location of the property."""
    with_properties(folder, properties)
    done = run("config", "check")
    assert done.code == 0
    assert done.err.startswith("pipeline.yaml:1:75: warning kafka.properties.")
    assert message in done.err


def test_properties_with_secrets_in_files_are_checked(run: Run, folder: Path) -> None:
    """The content of the file is part of the check and is not shown."""
    (folder / "password").write_text("canary\n", encoding="utf-8")
    sasl = "{security.protocol: sasl_ssl, sasl.mechanism: PLAIN, sasl.username: me}"
    with_properties(folder, sasl, ", properties_files: {sasl.password: password}")
    assert run("config", "check").code == 0
    with_properties(folder, "{}", ", properties_files: {security.protocol: password}")
    done = run("config", "check")
    assert done.code == 2
    assert "`kafka.properties_files.security.protocol`: Invalid value" in done.err
    assert "canary" not in done.err


@pytest.mark.parametrize("content", ["one\ntwo\n", "caf\u00e9", "a\x00b"])
def test_a_secret_header_that_cannot_be_written_is_an_error(run: Run, folder: Path, content: str) -> None:
    """`run` would end when it makes the client."""
    (folder / "key").write_text(content, encoding="utf-8")
    done = run("config", "check")
    assert done.code == 2
    assert "pipeline.yaml:6:26: `notices.secret_headers_files.X-Api-Key`: key holds no value of a header" in done.err
    assert content not in done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "`notices.token_file`: token is empty"),
        (b" \r\n", "`notices.token_file`: token is empty"),
        (b"\xef\xbb\xbfcanary", "`notices.token_file`: token begins with a byte order mark"),
        (b"\xff\xfec\x00a\x00", "`notices.token_file`: token begins with a byte order mark"),
        (b"canary\xff", "`notices.token_file`: token is not UTF-8 text"),
        (b"canary\nsecond\n", "`notices.token_file`: token holds no valid token: it has several lines"),
        ("canary令牌".encode(), "`notices.token_file`: token holds no valid token"),
    ],
)
def test_a_secret_that_cannot_be_used_is_an_error(run: Run, folder: Path, content: bytes, message: str) -> None:
    """The content is not shown."""
    (folder / "token").write_bytes(content)
    done = run("config", "check")
    assert done.code == 2
    assert f"pipeline.yaml:5:3: {message}" in done.err
    assert "canary" not in done.err


@pytest.mark.parametrize("content", [b"canary\n", b"canary\r\n", b" canary "])
def test_white_space_around_a_secret_is_ignored(run: Run, folder: Path, content: bytes) -> None:
    """Editors and `echo` add a line break."""
    (folder / "token").write_bytes(content)
    assert run("config", "check").code == 0


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "warning notices.parameters.sign.key_file: sign.pem: there is no such file here"),
        ("canary", "`notices.parameters.sign.key_file`: sign.pem: holds no private key in PEM form"),
        ("-----BEGIN CERTIFICATE-----\n", "`notices.parameters.sign.key_file`: sign.pem: holds a certificate"),
        ("", "`notices.parameters.sign.key_file`: sign.pem is empty"),
    ],
)
def test_a_signing_key_is_read(run: Run, folder: Path, key: str | None, message: str) -> None:
    """One that is no RSA private key is an error at its line, and not quoted; one elsewhere is a warning."""
    parameters = "  parameters:\n    preset: rsa-sha256\n    sign:\n      key_file: sign.pem\n"
    (folder / "pipeline.yaml").write_text(TEXT + parameters, encoding="utf-8")
    if key is not None:
        (folder / "sign.pem").write_text(key, encoding="utf-8")
    done = run("config", "check")
    assert done.code == (0 if key is None else 2)
    assert f"pipeline.yaml:10:7: {message}" in done.err
    assert "canary" not in done.err
    assert len(done.err.strip().splitlines()) == 1 + (key is not None and "hint" in done.err)


OF_APIS = """\
apis:
  life:
    url: http://localhost:8091/message/v2/notices
    token: b
"""


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no optional package were installed."""
    for name in [one for one in sys.modules if one.startswith(("pyreqwest.", "opentelemetry."))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("pyreqwest", "opentelemetry"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("without_extras")
def test_an_extra_that_the_settings_choose_and_that_is_missing_is_reported(run: Run, folder: Path) -> None:
    """With its setting, also below `apis`; a warning, because it may be installed where the service runs."""
    text = TEXT + "  transport: pyreqwest\n" + OF_APIS + "    transport: pyreqwest\n"
    (folder / "pipeline.yaml").write_text(text + "tracing: {endpoint: http://localhost:4318}\n", encoding="utf-8")
    done = run("config", "check")
    assert done.code == 0
    lines = done.err.splitlines()
    assert [line.partition(" warning ")[2].partition(":")[0] for line in lines] == [
        "notices.transport",
        "apis.life.transport",
        "tracing.endpoint",
    ]
    assert lines[1].startswith("pipeline.yaml:12:5: warning")
    assert "pip install 'notice-pipeline[pyreqwest]'" in lines[0]
    assert "pip install 'notice-pipeline[tracing]'" in lines[2]


def test_a_proxy_of_the_environment_that_cannot_be_used_is_reported(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` would end with it; the message has neither user nor password."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "socks5://user:secret@proxy.invalid:1080")
    text = TEXT + OF_APIS + "    proxy_from_environment: true\n"
    text = text.replace("http://localhost:8091", "https://life.example.com")
    (folder / "pipeline.yaml").write_text(text, encoding="utf-8")
    done = run("config", "check")
    assert "warning apis.life.proxy_from_environment: the proxy cannot be used" in done.err
    assert "secret" not in done.err


def test_a_signing_key_of_another_api_is_reported_under_its_own_setting(run: Run, folder: Path) -> None:
    """Not as `notices.parameters`, which may be fine."""
    (folder / "key.pem").write_text("no key", encoding="utf-8")
    sign = "{algorithm: rsa-sha256, over: '{body}', encode: base64, header: X-Sign, key_file: key.pem}"
    text = TEXT + OF_APIS + f"    parameters: {{sign: {sign}}}\n"
    (folder / "pipeline.yaml").write_text(text, encoding="utf-8")
    done = run("config", "check")
    assert done.code == 2
    assert "`apis.life.parameters.sign.key_file`" in done.err
    assert "notices.parameters" not in done.err

"""Settings come from the environment alone; other variables with the same prefix are ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigurationError
from pipeline.settings import load_settings
from pipeline.settings.load import DEFAULT_FILE, locations_in

WHOLE = {
    "NOTICE_PIPELINE_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
    "NOTICE_PIPELINE_KAFKA__TOPICS": "[orders]",
    "NOTICE_PIPELINE_NOTICES__URL": "http://localhost:8090/message/v2/notices",
    "NOTICE_PIPELINE_NOTICES__TOKEN_FILE": "secrets/token",
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_environment_alone_is_enough() -> None:
    """If the default file does not exist. Paths are then relative to the working directory."""
    settings = load_settings(DEFAULT_FILE, WHOLE)
    assert settings.kafka.topics == ("orders",)
    assert settings.notices.token_file == Path("secrets/token")
    assert locations_in(DEFAULT_FILE, WHOLE)("notices.token_file") == "NOTICE_PIPELINE_NOTICES__TOKEN_FILE"
    assert locations_in(DEFAULT_FILE, WHOLE)("rules") == "the environment"


def test_what_the_environment_lacks_is_named_as_a_variable() -> None:
    """There is no file and so no line to name."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(DEFAULT_FILE, {"NOTICE_PIPELINE_KAFKA__TOPICS": "[orders]"})
    assert caught.value.message.splitlines() == [
        "NOTICE_PIPELINE_KAFKA__BOOTSTRAP_SERVERS: `kafka.bootstrap_servers` is missing",
        "NOTICE_PIPELINE_NOTICES__URL: `notices.url` is missing",
    ]
    assert caught.value.hint == "pipeline.yaml does not exist: only the environment was read"


def test_a_named_file_must_exist() -> None:
    """A wrong path must not start a service with half of its settings."""
    with pytest.raises(ConfigurationError, match="no such file"):
        load_settings(Path("elsewhere.yaml"), WHOLE)


def test_the_default_file_is_read_if_it_exists() -> None:
    """The environment overrides it and does not replace it."""
    DEFAULT_FILE.write_text("environment: staging\n", encoding="utf-8")
    assert load_settings(DEFAULT_FILE, WHOLE).environment == "staging"
    assert locations_in(DEFAULT_FILE, WHOLE)("environment") == "pipeline.yaml:1:1"


def test_variables_of_a_kubernetes_service_are_ignored() -> None:
    """A Service named notice-pipeline or notice-pipeline-sandbox puts them into every pod of its namespace."""
    links = {
        "NOTICE_PIPELINE_SERVICE_HOST": "10.0.0.1",
        "NOTICE_PIPELINE_SERVICE_PORT": "8080",
        "NOTICE_PIPELINE_SERVICE_PORT_HTTP": "8080",
        "NOTICE_PIPELINE_PORT": "tcp://10.0.0.1:8080",
        "NOTICE_PIPELINE_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "NOTICE_PIPELINE_PORT_8080_TCP_PROTO": "tcp",
        "NOTICE_PIPELINE_PORT_8080_TCP_PORT": "8080",
        "NOTICE_PIPELINE_PORT_8080_TCP_ADDR": "10.0.0.1",
        "NOTICE_PIPELINE_SANDBOX_SERVICE_HOST": "10.0.0.2",
        "NOTICE_PIPELINE_SANDBOX_PORT_8090_TCP_ADDR": "10.0.0.2",
    }
    assert load_settings(DEFAULT_FILE, WHOLE | links) == load_settings(DEFAULT_FILE, WHOLE)
    with pytest.raises(ConfigurationError, match="no such file"):
        load_settings(DEFAULT_FILE, links)


@pytest.mark.parametrize("name", ["NOTICE_PIPELINE_HTTP__PORT_8080", "NOTICE_PIPELINE_KAFKA__SERVICE_PORT"])
def test_a_mistyped_setting_is_not_ignored(name: str) -> None:
    """A variable with two underscores is a setting."""
    with pytest.raises(ConfigurationError, match=f"{name}: unknown key"):
        load_settings(DEFAULT_FILE, {**WHOLE, name: "1"})


@pytest.mark.parametrize("text", ["[" * 600, r'["\UFFFFFFFF"]', r'["\U00110000"]', "[a", "{? [x] : y}"])
def test_a_variable_that_cannot_be_read_is_refused_with_a_message(text: str) -> None:
    """A list or mapping that is no YAML, or is nested without an end."""
    with pytest.raises(ConfigurationError, match="topics"):
        load_settings(DEFAULT_FILE, WHOLE | {"NOTICE_PIPELINE_KAFKA__TOPICS": text})

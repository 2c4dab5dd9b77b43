"""Settings that are valid and perhaps not meant, and those that are refused because they cannot be meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigurationError
from pipeline.settings import Settings
from pipeline.settings.cautions import in_clear, unreplaced
from pipeline.settings.load import load_settings

USUAL: dict[str, Any] = {
    "environment": "production",
    "kafka": {"bootstrap_servers": "kafka:9092", "group_id": "g", "topics": ["orders"]},
    "schemas": {"directory": "schemas"},
    "rules": "rules",
    "notices": {"url": "https://api.example.com/notices", "token": "abc"},
}


def loaded(folder: Path, **sections: dict[str, Any]) -> Settings:
    values = {**USUAL, **{name: {**USUAL.get(name, {}), **more} for name, more in sections.items()}}
    (folder / "pipeline.yaml").write_text(json.dumps(values), encoding="utf-8")
    return load_settings(folder / "pipeline.yaml", {})


@pytest.mark.parametrize(
    ("section", "changes", "key"),
    [
        ("notices", {"token": "${API_TOKEN}"}, "notices.token"),
        ("notices", {"token": "<YOUR_TOKEN>"}, "notices.token"),
        ("notices", {"headers": {"X-Tenant": "${TENANT:-main}"}}, "notices.headers.X-Tenant"),
        ("kafka", {"group_id": "{{ .Release.Name }}"}, "kafka.group_id"),
        ("kafka", {"properties": {"sasl.password": "$(PASSWORD)"}}, "kafka.properties.sasl.password"),
    ],
)
def test_a_placeholder_is_reported_with_the_way_to_give_the_value(
    tmp_path: Path, section: str, changes: dict[str, Any], key: str
) -> None:
    """The value would go to the API or the broker as it is written."""
    ((found, message),) = unreplaced(loaded(tmp_path, **{section: changes}))
    assert found == key
    assert "nothing replaces" in message
    assert "NOTICE_PIPELINE_" in message


@pytest.mark.parametrize("token", ["a$b", "{}", "$2y$10$abc", "a{b}c", "<>"])
def test_a_token_with_such_characters_is_not(tmp_path: Path, token: str) -> None:
    assert list(unreplaced(loaded(tmp_path, notices={"token": token}))) == []


@pytest.mark.parametrize(
    ("url", "is_reported"),
    [
        ("http://api.example.com/notices", True),
        ("https://api.example.com/notices", False),
        ("http://localhost:8080/", False),
        ("http://127.0.0.2:8080/", False),
        ("http://[::1]:8080/", False),
        ("http://10.0.0.1/", True),
    ],
)
def test_http_to_another_machine_is_reported(tmp_path: Path, url: str, is_reported: bool) -> None:  # noqa: FBT001
    """A proxy on the same machine may add TLS."""
    assert [key for key, _ in in_clear(loaded(tmp_path, notices={"url": url}))] == ["notices.url"] * is_reported


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("kafka", {"group_id": " orders"}, "white space"),
        ("kafka", {"group_id": "orders\n"}, "white space"),
        ("notices", {"url": "https://api.example.com/x#part"}, "must not contain `#`"),
        ("notices", {"idempotency_header": "content-type"}, "is written by the service itself"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, section: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        loaded(tmp_path, **{section: changes})

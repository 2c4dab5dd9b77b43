"""What `history` needs before it opens anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.bootstrap.kafka_rights import needed
from pipeline.bootstrap.search.history import history_group, require_history
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings, load_settings

TEXT = """
kafka: {bootstrap_servers: localhost:1, topics: [shop.events], group_id: shop}
schemas: {directory: schemas}
notices: {url: http://localhost:1, token: t}
"""


def settings(folder: Path, history: str = "") -> Settings:
    path = folder / "pipeline.yaml"
    path.write_text(TEXT + history, encoding="utf-8")
    return load_settings(path, {})


@pytest.mark.parametrize("package", ["sqlalchemy", "alembic", "psycopg"])
def test_without_the_extra_the_error_names_package_and_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """Each package of the extra is looked for, also that of the other database."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError) as error:
        require_history(settings(tmp_path, "history: {url: 'sqlite:///history.db'}"))
    assert error.value.message == f"history.url is set, but {package} is not installed"
    assert error.value.hint == "install the extra: pip install 'notice-pipeline[history]'"


def test_without_a_url_the_error_says_how_to_set_one(tmp_path: Path) -> None:
    """Whether or not the extra is installed."""
    with pytest.raises(ConfigurationError, match="no history is configured") as error:
        require_history(settings(tmp_path))
    assert "sqlite:///history.db" in (error.value.hint or "")


@pytest.mark.parametrize(("history", "group"), [("", "shop.history"), ("history: {group_id: desk}", "desk")])
def test_the_group_that_needs_rights_is_the_one_that_reads(tmp_path: Path, history: str, group: str) -> None:
    """The reference of rights names both topic and group."""
    chosen = settings(tmp_path, history)
    assert history_group(chosen) == group
    assert [tuple(right) for right in needed("history", chosen)] == [
        ("READ", "topic", chosen.outcomes.topic),
        ("READ", "group", group),
    ]

"""`config check` finds what `run` would refuse in rules and schemas, and folders that are empty."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli.app import MISUSE
from tests.unit.cli.conftest import Run
from tests.unit.cli.conftest import shop as shop  # noqa: PLC0414 - a fixture

TEXT = """\
kafka: {bootstrap_servers: localhost:9092, topics: [orders], group_id: shop}
schemas: {directory: schemas}
rules: rules
notices: {url: http://localhost:8090/message/v2/notices, token: t}
"""
Change = Callable[[Path], object]


@pytest.fixture
def folder(shop: Path) -> Path:
    """The shop's rules and schemas, with a configuration."""
    (shop / "pipeline.yaml").write_text(TEXT, encoding="utf-8")
    return shop


def _in_rules(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        file = folder / "rules" / "shop.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    return change


def _in_settings(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        (folder / "pipeline.yaml").write_text(TEXT.replace(old, new), encoding="utf-8")

    return change


def _emptied(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    (folder / name).mkdir()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: _emptied(folder, "rules"),
            "pipeline.yaml:3:1: `rules`: templates.yaml:1:1: error no-templates",
        ),
        (_in_rules("event.order_no", "event.oder_no"), "error unknown-field"),
        (_in_rules("rules:", "rules: ["), "error not-yaml"),
        (_in_settings("kafka:", "environment: nowhere\nkafka:"), "error no-template-id"),
        (
            lambda folder: (folder / "schemas" / "paid.avsc").write_text("{", encoding="utf-8"),
            "pipeline.yaml:2:11: `schemas.directory`: schemas/paid.avsc:1:2: not JSON",
        ),
        (
            lambda folder: (folder / "rules" / "care.yaml").write_text("caps: 5\n", encoding="utf-8"),
            "rules/care.yaml:1",
        ),
    ],
)
def test_what_run_would_refuse_is_an_error(run: Run, folder: Path, change: Change, message: str) -> None:
    """It names the setting, and the place in the file."""
    change(folder)
    done = run("config", "check")
    assert done.code == MISUSE
    assert message in done.err


def test_of_several_errors_in_rules_the_first_is_shown(run: Run, folder: Path) -> None:
    """`check` is the command that lists them."""
    _in_rules("event.order_no", "event.oder_no")(folder)
    assert "; and 2 more: `notice-pipeline check` lists all" in run("config", "check").err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: (folder / "rules" / "shop.yaml").unlink(),
            "pipeline.yaml:3:1: warning rules: rules: has no rule",
        ),
        (lambda folder: _emptied(folder, "schemas"), "pipeline.yaml:2:11: warning schemas.directory: schemas: has no"),
        (_in_settings("{directory: schemas}", "{}"), "pipeline.yaml:2:1: warning schemas: has neither"),
        (_in_settings("schemas: {directory: schemas}\n", ""), "pipeline.yaml:1:1: warning schemas: has neither"),
    ],
)
def test_what_is_empty_is_a_warning(run: Run, folder: Path, change: Change, message: str) -> None:
    """The service starts with it, and would send nothing or read less than was meant."""
    change(folder)
    done = run("config", "check")
    assert done.code == 0
    assert message in done.err


def test_a_registry_knows_the_types_that_the_folder_lacks(run: Run, folder: Path) -> None:
    """Without a connection, rules are then checked as far as they do not depend on types."""
    _in_settings("{directory: schemas}", "{registry_url: http://localhost:8081}")(folder)
    done = run("config", "check")
    assert (done.code, done.err) == (0, "")
    _in_rules('"${event.sub}"', '"${event.sub"')(folder)
    assert run("config", "check").code == MISUSE


@pytest.mark.parametrize("key", ["url: http://localhost:8090", "bootstrap_servers: localhost:9092"])
def test_port_0_is_refused_where_something_is_called(run: Run, folder: Path, key: str) -> None:
    """It only means something where one listens."""
    _in_settings(key, key.rpartition(":")[0] + ":0")(folder)
    done = run("config", "check")
    assert done.code == MISUSE
    assert "port" in done.err

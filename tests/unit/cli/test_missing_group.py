"""`kafka.group_id` has no default: what needs it ends with one error, everything else works without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters.kafka import range as kafka_range
from pipeline.cli.app import MISUSE
from pipeline.cli.authors import emit
from tests.unit.cli.conftest import Run

CONFIGURATION = """\
environment: production
kafka: {bootstrap_servers: "127.0.0.1:1", topics: [orders], start_timeout_seconds: 1}
schemas: {directory: schemas}
notices: {url: "https://api.example.com/message/v2/notices", token: t}
"""
HINT = (
    "hint: two installations must never share a group by accident; "
    "write `kafka.group_id: <name of this installation>`, "
    "or set the environment variable NOTICE_PIPELINE_KAFKA__GROUP_ID"
)
NEED_A_GROUP = [
    ("run",),
    ("run", "--shadow"),
    ("audit",),
    ("redrive", "--dry-run"),
    ("skip", "orders/3/1042"),
    ("find", "--text", "T2026-17"),
    ("history",),
    ("history", "forget", "me"),
    ("config", "check"),
]


@pytest.fixture
def configured(shop: Path) -> Path:
    """A shop with a configuration that names no group."""
    (shop / "pipeline.yaml").write_text(CONFIGURATION, encoding="utf-8")
    return shop


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("line", NEED_A_GROUP, ids=" ".join)
def test_a_command_that_needs_a_group_ends_with_one_error(run: Run, line: tuple[str, ...]) -> None:
    """With the location of `kafka`, before anything is asked of a broker."""
    done = run(*line)
    assert (done.code, done.out) == (MISUSE, "")
    assert done.err.splitlines() == ["error: pipeline.yaml:2:1: `kafka.group_id` is missing", HINT]


@pytest.mark.parametrize("line", NEED_A_GROUP, ids=" ".join)
def test_without_a_file_the_error_names_the_variable(
    run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    """The environment is the whole configuration then."""
    monkeypatch.setenv("NOTICE_PIPELINE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("NOTICE_PIPELINE_KAFKA__TOPICS", "[orders]")
    monkeypatch.setenv("NOTICE_PIPELINE_NOTICES__URL", "https://api.example.com/")
    monkeypatch.setenv("NOTICE_PIPELINE_NOTICES__TOKEN", "t")
    monkeypatch.setenv("NOTICE_PIPELINE_SCHEMAS__DIRECTORY", str(shop / "schemas"))
    done = run(*line)
    assert done.code == MISUSE
    assert done.err.splitlines() == ["error: NOTICE_PIPELINE_KAFKA__GROUP_ID: `kafka.group_id` is missing", HINT]


@pytest.mark.usefixtures("configured")
def test_the_variable_gives_the_group(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it gives every other setting."""
    monkeypatch.setenv("NOTICE_PIPELINE_KAFKA__GROUP_ID", "shop")
    assert run("config", "check").code == 0


@pytest.mark.usefixtures("configured")
def test_an_empty_group_is_an_error_at_its_own_location(run: Run, configured: Path) -> None:
    """It is not the same as none."""
    (configured / "pipeline.yaml").write_text(CONFIGURATION.replace("topics:", "group_id: '', topics:"))
    (error, _) = run("config", "check").err.splitlines()
    assert error == "error: pipeline.yaml:2:43: `kafka.group_id` must not be empty"


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "line",
    [
        ("check", "rules"),
        ("config", "show"),
        ("config", "schema"),
        ("schemas", "check", "schemas"),
        ("preview", "EVENT", "--config", "pipeline.yaml"),
        ("explain", "EVENT", "--config", "pipeline.yaml"),
        ("diff", "rules", "rules", "--events", "EVENT", "--type", "shop.order.Paid", "--config", "pipeline.yaml"),
    ],
    ids=" ".join,
)
def test_other_commands_need_no_group(run: Run, give: Callable[..., str], line: tuple[str, ...]) -> None:
    """They take the same file, and neither join nor read for a group."""
    event = give()
    done = run(*(event if part == "EVENT" else part for part in line))
    assert done.code == 0, done.err


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "line",
    [
        ("emit", "shop.order.Paid", "--topic", "orders"),
        ("explain", "orders/0/1", "--config", "pipeline.yaml"),
        ("diff", "rules", "rules", "--topic", "orders", "--config", "pipeline.yaml"),
    ],
    ids=" ".join,
)
def test_commands_that_use_kafka_without_a_group_get_as_far_as_the_broker(
    run: Run, line: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is none here."""
    monkeypatch.setattr(emit, "BROKER_SECONDS", 0.5)
    monkeypatch.setattr(kafka_range, "ASK_SECONDS", 0.5)
    done = run(*line)
    assert done.code == MISUSE
    assert "group_id" not in done.err
    assert "127.0.0.1:1" in done.err

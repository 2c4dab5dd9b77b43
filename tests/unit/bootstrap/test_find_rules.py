"""Which rules the service takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.bootstrap.events import find_rules
from pipeline.errors import RulesRefused
from pipeline.settings.model import Settings

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = read_schemas(ROOT / "schemas" / "events")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "localhost:9092", "topics": ["orders"]},
            "rules": tmp_path / "rules",
            "notices": {"url": "http://localhost:8090/", "token": "t"},
        }
    )


def test_a_mistaken_test_keeps_no_rule_from_the_service(settings: Settings) -> None:
    """`check` and `test` tell of it before the merge; customers must not wait for its fix."""
    whole = find_rules(settings, CATALOGUE)
    (settings.rules / "tests" / "trade.yaml").write_text("tests: [{name: half", encoding="utf-8")
    assert find_rules(settings, CATALOGUE).version == whole.version


def test_a_mistaken_rule_is_refused(settings: Settings) -> None:
    """With the finding."""
    file = settings.rules / "trade.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("event.order_no", "event.oder_no"), encoding="utf-8")
    with pytest.raises(RulesRefused) as refused:
        find_rules(settings, CATALOGUE)
    assert {finding.code for finding in refused.value.findings if finding.is_error} == {"unknown-field"}

"""Rules with recipient care, and the settings that do not go with them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pipeline.bootstrap.events import find_rules
from pipeline.bootstrap.recipient_care.needed import needs_care
from pipeline.cli.app import main
from pipeline.errors import ConfigurationError
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.settings import Settings
from tests.unit.rules.shop import RULE, TEMPLATES, schemas

CARE = """\
care:
  quiet_hours: {night: {from: "22:00", to: "08:00"}}
  caps: {a-day: {of: all, at_most: 1, per: day}}
  categories:
    transactional: {caps: [a-day], quiet: {hours: night}, opt_out: orders}
"""
ONCE = f"{RULE}    once: {{by: '${{event.order_no}}', within: 24h}}\n"


def settings(folder: Path, rules: str, care: str | None, recipient: str = "hash") -> Settings:
    (folder / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    (folder / "shop.yaml").write_text(rules, encoding="utf-8")
    if care is not None:
        (folder / "care.yaml").write_text(care, encoding="utf-8")
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "localhost:1", "topics": ["events"], "group_id": "g"},
            "rules": folder,
            "notices": {"url": "http://localhost:1/", "token": "t"},
            "outcomes": {"recipient": recipient},
        }
    )


@pytest.mark.parametrize(("rules", "care"), [(RULE, CARE), (ONCE, None), (ONCE, CARE)])
def test_rules_with_care_are_read(tmp_path: Path, rules: str, care: str | None) -> None:
    """The service applies it."""
    found = find_rules(settings(tmp_path, rules, care), schemas())
    assert [rule.id for rule in found.rules] == ["paid"]
    assert needs_care(found) is not None
    assert found.remembers > 0


@pytest.mark.parametrize(
    "care",
    [
        "care: {}",
        "care: {categories: {security: {urgent: true}}}",
        CARE.replace("quiet: {hours: night}, opt_out: orders", "over_cap: send"),
        CARE.replace("quiet: {hours: night}, opt_out: orders", "over_cap: send, quiet: {hours: night, then: send}"),
    ],
)
def test_what_holds_nothing_back_needs_no_care(tmp_path: Path, care: str) -> None:
    """No topic is needed for it."""
    assert needs_care(find_rules(settings(tmp_path, RULE, care), schemas())) is None


@pytest.mark.parametrize(("rules", "care", "where"), [(RULE, CARE, "care.yaml"), (ONCE, None, "`once` of rule `paid`")])
def test_outcomes_must_say_whose_they_are(tmp_path: Path, rules: str, care: str | None, where: str) -> None:
    """`outcomes.recipient: omit` does not go with care: the counts are made of outcomes."""
    with pytest.raises(ConfigurationError) as caught:
        find_rules(settings(tmp_path, rules, care, "omit"), SchemaCatalogue())
    assert "`outcomes.recipient`: omit leaves out whose outcomes they are" in caught.value.message
    assert where in caught.value.message


def test_outcomes_without_recipients_go_with_rules_without_care(tmp_path: Path) -> None:
    """As before."""
    assert find_rules(settings(tmp_path, RULE, None, "omit"), schemas()).rules


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "outcomes: {recipient: omit}",
            r"pipeline\.yaml:4:12: `outcomes\.recipient`: omit leaves out .*care\.yaml",
        ),
        (
            "recipient_care: {enabled: false}",
            r"pipeline\.yaml:4:18: `recipient_care\.enabled`: "
            r"false, but the rules need recipient care \(.*care\.yaml\)",
        ),
    ],
)
def test_config_check_reports_what_does_not_fit_the_rules_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], section: str, expected: str
) -> None:
    """Exit code 2, before anything is started."""
    folder = tmp_path / "rules"
    folder.mkdir()
    settings(folder, RULE, CARE)
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        f"""\
kafka: {{bootstrap_servers: "localhost:1", topics: [events], group_id: g}}
rules: {folder}
notices: {{url: "http://localhost:1/", token: t}}
{section}
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "config", "check", "--config", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert re.search(expected, capsys.readouterr().err)

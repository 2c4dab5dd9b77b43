"""The service does not apply recipient care yet, and refuses rules that have it: at start and at each reload."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pipeline.bootstrap.events import find_rules
from pipeline.cli.app import main
from pipeline.errors import ConfigurationError, RulesRefused
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
NOT_YET = "this release checks, tests and simulates recipient care; `run` does not apply"


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


def refused(folder: Path, rules: str, care: str | None) -> list[str]:
    with pytest.raises(RulesRefused) as caught:
        find_rules(settings(folder, rules, care), schemas())
    assert {one.code for one in caught.value.findings} == {"care-not-applied"}
    return [f"{Path(one.path).name}:{one.line}:{one.column}: {one.message}" for one in caught.value.findings]


def test_each_part_that_would_hold_a_message_back_is_named(tmp_path: Path) -> None:
    """File, line, column and key."""
    assert refused(tmp_path, RULE, CARE) == [
        f"care.yaml:5:21: {NOT_YET} `caps` yet",
        f"care.yaml:5:36: {NOT_YET} `quiet` yet",
        f"care.yaml:5:59: {NOT_YET} `opt_out` yet",
    ]


def test_once_needs_no_file_of_care(tmp_path: Path) -> None:
    """It is named in the rule."""
    assert refused(tmp_path, ONCE, None) == [f"shop.yaml:7:5: {NOT_YET} `once` yet"]


@pytest.mark.parametrize(
    "care",
    [
        "care: {}",
        "care: {categories: {security: {urgent: true}}}",
        CARE.replace("quiet: {hours: night}, opt_out: orders", "over_cap: send"),
        CARE.replace("quiet: {hours: night}, opt_out: orders", "over_cap: send, quiet: {hours: night, then: send}"),
    ],
)
def test_what_holds_nothing_back_is_no_reason_to_refuse(tmp_path: Path, care: str) -> None:
    """Nothing is sent that should not be."""
    assert [rule.id for rule in find_rules(settings(tmp_path, RULE, care), schemas()).rules] == ["paid"]


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


def test_config_check_reports_it_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
outcomes: {{recipient: omit}}
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "config", "check", "--config", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert re.search(
        r"pipeline\.yaml:4:12: `outcomes\.recipient`: omit leaves out .*care\.yaml", capsys.readouterr().err
    )

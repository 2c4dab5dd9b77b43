"""The language of a command's output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app, ending
from pipeline.cli.language import of_environment

RULES = """\
rules:
  - id: paid
    on: order.paid
    to: ${event.sub}
    template: reciept
    data: {thing1: a}
"""
TEMPLATES = "templates:\n  receipt: {title: 支付成功, ids: {production: a}, fields: {thing1: {label: 商品}}}\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    return tmp_path


def output(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    clean = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "", "NOTICE_PIPELINE_LANG": ""}
    return CliRunner().invoke(app, arguments, env={**clean, **(environment or {})}).output


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8", "NOTICE_PIPELINE_LANG": "zh"}, "zh"),
        ({"LC_ALL": "zh_CN.UTF-8", "NOTICE_PIPELINE_LANG": "en"}, "en"),
    ],
)
def test_the_environment_chooses_the_language(environment: Mapping[str, str], language: str) -> None:
    """Its own variable first, then those of POSIX in their order."""
    assert of_environment(environment) == language


def test_a_finding_is_in_chinese_and_its_form_stays(rules: Path) -> None:
    """Path, line, column, level and code are read by programs."""
    text = output("check", str(rules), "--lang", "zh")
    assert f"{rules}/rules.yaml:5:15: error unknown-template 没有模板 `reciept`（是不是 `receipt`？）\n" in text
    assert "there is no template" not in text


def test_the_terminals_locale_is_followed_and_an_option_wins(rules: Path) -> None:
    """English stays English."""
    chinese = {"LANG": "zh_CN.UTF-8"}
    assert "没有模板" in output("check", str(rules), environment=chinese)
    assert "there is no template `reciept` (did you mean" in output(
        "check", str(rules), "--lang=en", environment=chinese
    )


def test_json_is_in_english_unless_a_language_is_asked_for(rules: Path) -> None:
    """Scripts compare it on machines of every locale."""
    by_locale = json.loads(output("check", str(rules), "--output", "json", environment={"LANG": "zh_CN.UTF-8"}))
    asked = json.loads(output("check", str(rules), "--output", "json", "--lang", "zh"))
    assert "there is no template `reciept`" in {finding["words"] for finding in by_locale}
    assert "没有模板 `reciept`" in {finding["words"] for finding in asked}
    assert [finding["code"] for finding in asked] == [finding["code"] for finding in by_locale]


def test_another_language_is_misuse() -> None:
    """Those that there are, are named."""
    assert "'zh'" in output("check", "--lang", "de")


def test_errors_are_in_the_language_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their hint."""
    with pytest.raises(SystemExit):
        ending(lambda: app(["check", str(tmp_path / "none"), "--lang", "zh"], standalone_mode=False))
    assert capsys.readouterr().err == f"错误：{tmp_path}/none：没有这个目录\n提示：请写放规则和 templates.yaml 的目录\n"


def test_commands_of_operators_stay_english(rules: Path) -> None:
    """Logs and alerts quote them."""
    assert "没有" not in output("config", "check", str(rules), environment={"LANG": "zh_CN.UTF-8"})

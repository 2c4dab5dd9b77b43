"""`run` without a file that it needs ends with exit code 2 and the location of the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.app import MISUSE, rules_needed
from pipeline.errors import RulesRefused
from pipeline.model.finding import Finding, Level
from tests.unit.cli.conftest import Run

TEXT = """\
kafka: {bootstrap_servers: "127.0.0.1:1", group_id: shop, topics: [orders], start_timeout_seconds: 1}
notices:
  url: http://localhost:8090/message/v2/notices
  token_file: token
  ca_file: ca.pem
http: {port: 0}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipeline.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "token").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_missing_files_are_reported_at_once(run: Run) -> None:
    """Each with the line that names it."""
    done = run("run")
    assert done.code == MISUSE
    assert done.err.splitlines() == [
        "error: pipeline.yaml:1:1: `rules`: rules: there is no such folder here",
        "pipeline.yaml:4:3: `notices.token_file`: token: is not a file",
        "pipeline.yaml:5:3: `notices.ca_file`: ca.pem: there is no such file here",
    ]


def test_a_shadow_does_not_need_files_for_sending(run: Run) -> None:
    """It uses no token."""
    done = run("run", "--shadow")
    assert done.code == MISUSE
    assert done.err == "error: pipeline.yaml:1:1: `rules`: rules: there is no such folder here\n"


def test_refused_rules_are_misuse_of_a_command_that_needs_them(capsys: pytest.CaptureFixture[str]) -> None:
    """`run` and `audit` cannot begin: exit code 2; warnings are shown by `check` alone."""
    findings = [
        Finding("rules/a.yaml", 1, 1, Level.ERROR, "no-templates", "there is no templates.yaml"),
        Finding("rules/a.yaml", 2, 5, Level.WARNING, "missing-test", "no test expects it"),
    ]
    with pytest.raises(SystemExit) as ended, rules_needed():
        raise RulesRefused(findings)
    assert ended.value.code == MISUSE
    shown = capsys.readouterr().err
    assert "no-templates" in shown
    assert "missing-test" not in shown
    assert shown.endswith("error: the rules have 1 error\n")

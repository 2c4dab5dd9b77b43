"""The guide for rule authors keeps its word."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.adapters.authoring.scaffold.repository import write_repository
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.authoring.rule_tests.reports import as_text
from pipeline.authoring.rule_tests.running import run
from pipeline.cli.app import main
from pipeline.cli.authors import coverage
from pipeline.cli.authors.init import SEED
from pipeline.model.finding import Level
from pipeline.rules import functions
from pipeline.rules.lint.case_checks import REFUSALS
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from pipeline.styles import registry

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "guide-rules.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```yaml (\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))


def _sources(rules: str) -> RuleSources:
    return RuleSources(
        rules={"rules/receipts.yaml": rules},
        templates=("rules/templates.yaml", FILES["rules/templates.yaml"]),
        tests={"rules/tests/receipts.yaml": FILES["rules/tests/receipts.yaml"]},
    )


def test_the_guides_own_files_are_clean() -> None:
    """Rule, templates and tests as printed in the guide pass the check without a finding."""
    schemas = read_schemas(ROOT / "schemas" / "events")
    assert check(_sources(FILES["rules/receipts.yaml"]), schemas, environment="production").findings == ()


def test_the_guides_own_tests_pass() -> None:
    """Each of them, and there are as many as the guide says."""
    schemas = read_schemas(ROOT / "schemas" / "events")
    checked = check(_sources(FILES["rules/receipts.yaml"]), schemas)
    assert checked.ruleset is not None
    results = [run(case, checked.ruleset, schemas, {}) for case in checked.cases]
    assert [mismatch for result in results for mismatch in result.mismatches] == []
    assert f"rules: {len(results)} passed" in GUIDE


def test_a_failure_reads_as_the_guide_shows() -> None:
    """The guide's example of a failure is what comes of that mistake."""
    schemas = read_schemas(ROOT / "schemas" / "events")
    sources = _sources(FILES["rules/receipts.yaml"])
    tests = FILES["rules/tests/receipts.yaml"].replace(
        "expect: {none: no_match}", "expect: {notices: [{rule: receipt}]}"
    )
    checked = check(sources._replace(tests={"rules/tests/receipts.yaml": tests}), schemas)
    assert checked.ruleset is not None
    results = [run(case, checked.ruleset, schemas, {}) for case in checked.cases]
    lines = [line for result in results if not result.passed for line in as_text(result)]
    assert "\n".join(lines) in GUIDE


def test_coverage_reads_as_the_guide_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    """With the first test alone two branches are missing; with both none is."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    schemas = ROOT / "schemas" / "events"
    coverage.command(Path("rules"), schemas, fail_under=100)
    assert " 100 %" in capfd.readouterr().out
    tests = FILES["rules/tests/receipts.yaml"]
    Path("rules/tests/receipts.yaml").write_text(tests[: tests.index("  - name: receipts of all")], encoding="utf-8")
    coverage.command(Path("rules"), schemas)
    assert f"$ notice-pipeline coverage\n{capfd.readouterr().out}```" in GUIDE


def test_the_jobs_run_what_the_guide_says() -> None:
    """Each command of the guide's merge request is in both jobs that `init` writes."""
    section = GUIDE[GUIDE.index("Ship it\n") :].partition("\n## ")[0]
    lines = re.findall(r"^\$ (notice-pipeline \w+ .*)$", section, re.MULTILINE)
    assert len(lines) == 4
    for name in ("github.yml", "gitlab.yml"):
        job = (ROOT / "pipeline" / "adapters" / "authoring" / "scaffold" / "files" / name).read_text(encoding="utf-8")
        assert all(line in job for line in lines[:3])
        assert '--events "$RECORDED" --output markdown' in job
        assert "RECORDED: events/recorded.jsonl" in job


def test_the_guide_names_every_reason_of_a_refusal() -> None:
    """And no other."""
    (paragraph,) = re.findall(r"^Reasons: (.*?)\.$", GUIDE, re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", paragraph) == list(REFUSALS)


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("event.amount_paid > 0.0", "event.amount_paid > 0", "type-mismatch"),
        ('event.pay_channel == "BALANCE"', 'event.pay_channel == "BALANC"', "unknown-enum-value"),
        ('${local_time(event.paid_at, "YYYY年M月D日 HH:mm")}', "${event.paid_at}", "not-a-text"),
        ('"YYYY年M月D日 HH:mm"', '"YYYY-mm-DD"', "bad-argument"),
        ("event.currency)", '"RMB")', "bad-argument"),
        ("event.order_no}\n      thing3", "event.oder_no}\n      thing3", "unknown-field"),
    ],
)
def test_the_check_finds_what_the_guide_says(right: str, wrong: str, code: str) -> None:
    """Each mistake of the guide's table is found as an error."""
    rules = FILES["rules/receipts.yaml"]
    assert right in rules
    findings = check(
        _sources(rules.replace(right, wrong)), read_schemas(ROOT / "schemas" / "events"), environment=None
    ).findings
    assert code in {finding.code for finding in findings if finding.level is Level.ERROR}
    assert code in CODES


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ('money(event.threshold, "CNY")', {"null-not-handled"}),
        ('money(default(event.threshold, 0.0), "CNY")', set()),
        ('money(event.threshold != null ? event.threshold : 0.0, "CNY")', set()),
    ],
)
def test_a_field_that_may_be_null_wants_a_default(value: str, codes: set[str]) -> None:
    """`default()` handles a null as well as asking for it does."""
    rules = f"""
rules:
  - id: receipt
    on: com.example.coupon.issued.v1
    to: ${{event.sub}}
    template: receipt
    data:
      time1: "15:01"
      character_string2: ${{event.coupon_id}}
      thing3: ${{event.coupon_name}}
      amount4: '${{{value}}}'
"""
    sources = _sources(rules)._replace(tests={})
    findings = check(sources, read_schemas(ROOT / "schemas" / "events"), environment=None).findings
    assert {finding.code for finding in findings} - {"missing-test"} == codes


@pytest.mark.parametrize("name", ["functions", "fields"])
def test_references_are_fresh(name: str) -> None:
    """The generated page is what its declaration says."""
    page = {"functions": functions.as_markdown, "fields": registry.as_markdown}[name]()
    assert (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8") == page


def test_what_the_guide_types_into_the_new_folder_reads_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """Preview, explanation and comparison, of the files that `init` writes; to the letter."""

    def typed(line: str) -> None:
        monkeypatch.setattr(sys, "argv", line.split())
        with pytest.raises(SystemExit):
            main()
        shown = capfd.readouterr().out
        (printed,) = re.findall(rf"^\$ {re.escape(line)}(?: +#[^\n]*)?\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
        assert printed == shown

    monkeypatch.chdir(tmp_path)
    tuple(write_repository(tmp_path, "1", random.Random(SEED).random))  # noqa: S311 - examples, as `init` makes them
    typed("notice-pipeline preview --rule receipt")
    typed("notice-pipeline explain events/recorded.jsonl --event 3")
    (commit,) = re.findall(r"^\$ (git init .*)$", GUIDE, re.MULTILINE)
    names = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["sh", "-c", commit], check=True, env={**os.environ, **names})
    (before, now) = re.findall(r"^Replace `(\S+)` by `(\S+)` in `rules/receipts.yaml`", GUIDE, re.MULTILINE)[0]
    rules = Path("rules/receipts.yaml")
    rules.write_text(rules.read_text(encoding="utf-8").replace(before, now), encoding="utf-8")
    typed("notice-pipeline diff HEAD --events events/recorded.jsonl")


def test_the_chapter_on_a_domain_of_one_s_own_reads_as_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """Every command and every change in the order of the chapter, in the folder that `init` writes."""
    monkeypatch.chdir(tmp_path)
    tuple(write_repository(tmp_path, "1", random.Random(SEED).random))  # noqa: S311 - examples, as `init` makes them
    chapter = GUIDE[GUIDE.index("\n## Your own domain in ten minutes") : GUIDE.index("\n## Good messages")]
    steps = re.compile(
        r"^```json (?P<file>\S+)\n(?P<text>.*?)^```$|^\$ (?P<line>notice-pipeline [^\n]*)\n(?P<shown>.*?)^```$|"
        r"^Replace `(?P<before>\S+)` by `(?P<after>\S+)` in `(?P<changed>\S+)`",
        re.MULTILINE | re.DOTALL,
    )
    commands = 0
    for step in steps.finditer(chapter):
        if step["file"]:
            Path(step["file"]).write_text(step["text"], encoding="utf-8")
        elif step["changed"]:
            path = Path(step["changed"])
            text = path.read_text(encoding="utf-8")
            assert step["before"] in text
            path.write_text(text.replace(step["before"], step["after"]), encoding="utf-8")
        else:
            monkeypatch.setattr(sys, "argv", step["line"].split())
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code
            assert [line.rstrip() for line in capfd.readouterr().out.split("\n")] == step["shown"].split("\n")
            commands += 1
    assert commands == 6

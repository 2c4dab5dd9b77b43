"""The example of recipient care does what the guide says: `check`, `test`, `coverage`, `preview`, `explain`, `diff`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from pipeline.cli.app import main

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "recipient-care"
GUIDE = (ROOT / "docs" / "guide-rules.md").read_text(encoding="utf-8")
SCHEMAS = ("--schemas", str(ROOT / "schemas" / "events"))
RECORDED = "events/recorded.jsonl"


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command in a copy of the example, with the schemas of this repository."""
    shutil.copytree(EXAMPLE, tmp_path / "example")
    monkeypatch.chdir(tmp_path / "example")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["notice-pipeline", *arguments, *SCHEMAS])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(str(ended.value.code or 0)), captured.out, captured.err)

    return command


def without_care() -> None:
    """A version of the rules as they were before: no file of care, no key of `once`."""
    shutil.copytree("rules", "before")
    Path("before/care.yaml").unlink()
    rules = Path("before/customers.yaml")
    lines = rules.read_text(encoding="utf-8").splitlines(keepends=True)
    rules.write_text("".join(line for line in lines if "once:" not in line), encoding="utf-8")


def test_the_example_is_clean_and_wholly_tested(run: Run) -> None:
    """No finding, each branch of rules and of care.yaml."""
    done = run("check", "rules", "--strict")
    assert (done.code, done.err) == (0, ""), done.out
    done = run("test", "rules")
    assert done.code == 0, done.out
    done = run("coverage", "rules", "--fail-under", "100")
    assert done.code == 0, done.out
    assert "category marketing    100 %  8 of 8\n" in done.out
    assert "of 5 rules and 1 category reached" in done.out


def test_the_guide_shows_the_examples_file() -> None:
    """Word for word, after the editor's line."""
    text = (EXAMPLE / "rules" / "care.yaml").read_text(encoding="utf-8").partition("\n")[2]
    assert f"```yaml\n{text}```" in GUIDE


def test_json_coverage_has_the_categories(run: Run) -> None:
    """Beside the rules, in the same form."""
    Path("rules/tests/customers.yaml").write_text("tests: []\n", encoding="utf-8")
    Path("rules/tests/one.yaml").write_text(
        "tests: [{name: a, event: {type: com.example.coupon.expiring.v1, example: true}, expect: "
        "{notices: [{rule: coupon-expiring}]}}]\n",
        encoding="utf-8",
    )
    (category,) = json.loads(run("coverage", "rules", "--output", "json").out)["categories"]
    assert (category["id"], category["branches"], category["percent"]) == ("marketing", 8, 0.0)
    assert category["path"].endswith("care.yaml")
    assert [one["words"] for one in category["missing"]][:2] == [
        "never opted out: list `promotions`",
        "never not opted out: list `promotions`",
    ]


def test_preview_and_explain_show_what_a_message_is_subject_to(run: Run) -> None:
    """As the guide prints it."""
    done = run("preview", "--rules", "rules", "--rule", "coupon-issued")
    assert done.code == 0, done.err
    shown = "".join(f"{line}\n" for line in done.out.splitlines() if line.startswith(("  category", "  subject to")))
    assert f"```text\n{shown}```" in GUIDE
    (one,) = json.loads(run("preview", "--rules", "rules", "--rule", "wallet-large", "--output", "json").out)["notices"]
    assert one["category"] == "security, urgent: no cap, quiet hours or opt-out holds it back"
    assert one["care"] == []
    done = run("explain", f"{RECORDED}:1", "--rules", "rules")
    assert "    subject to cap marketing-a-day: 2 a calendar day, of marketing\n" in done.out
    explained = json.loads(run("explain", f"{RECORDED}:1", "--rules", "rules", "--output", "json").out)
    assert len(explained["rules"][0]["subject_to"]) == 5


def test_diff_simulates_what_care_would_have_done(run: Run) -> None:
    """Text as in the guide; the same counts in Markdown and JSON; a difference for --exit-code."""
    without_care()
    done = run("diff", "before", "rules", "--events", RECORDED, "--exit-code")
    assert done.code == 1, done.err
    begin = done.out.index("recipient care\n")
    assert f"```text\n{done.out[begin : done.out.index('note:')].rstrip()}\n```" in GUIDE
    assert "no message changes, and recipient care lets 12 fewer leave" in done.out
    markdown = run("diff", "before", "rules", "--events", RECORDED, "--output", "markdown").out
    assert "| marketing | cap marketing-a-day | 0 | 3 | 0 → 2 | 21:00 (3) |\n" in markdown
    assert "- recipient care lets 12 fewer leave\n" in markdown
    care = json.loads(run("diff", "before", "rules", "--events", RECORDED, "--output", "json").out)["care"]
    assert sum(one["after"]["messages"] for one in care["held_back"]) == 12
    assert care["zones"] == {"before": "Asia/Shanghai", "after": "Asia/Shanghai"}


def test_diff_where_only_care_changes(run: Run) -> None:
    """A larger cap lets more leave, and several processes find the same."""
    shutil.copytree("rules", "before")
    care = Path("rules/care.yaml")
    care.write_text(care.read_text(encoding="utf-8").replace("at_most: 2", "at_most: 3"), encoding="utf-8")
    done = run("diff", "before", "rules", "--events", RECORDED)
    assert "no message changes, and recipient care lets " in done.out
    assert "cap marketing-a-day: 3 → " in done.out
    assert run("diff", "rules", "rules", "--events", RECORDED, "--exit-code").code == 0


def test_accept_completes_a_timeline(run: Run) -> None:
    """An entry without `expect` gets what came, also what was not sent and why."""
    path = Path("rules/tests/customers.yaml")
    path.write_text(
        """\
tests:
  - name: a night
    event: {type: com.example.coupon.issued.v1, example: true}
    timeline:
      - at: "2026-11-30T23:00+08:00"
        event: {with: {coupon_id: C1}}
      - at: "2026-12-01T09:00+08:00"
        event: {with: {coupon_id: C1}}
        expect: {none: suppressed, reason: duplicate}
""",
        encoding="utf-8",
    )
    done = run("test", "rules", "--accept", "--yes")
    assert done.code == 0, done.out + done.err
    text = path.read_text(encoding="utf-8")
    assert "        expect: {none: suppressed, rule: coupon-issued, reason: quiet_hours}\n" in text
    assert "rule: coupon-issued, to: " in text
    assert run("test", "rules").code == 0


def test_junit_and_json_have_a_row_for_each_entry(run: Run) -> None:
    """With the moment in its name."""
    suites = ET.fromstring(run("test", "rules", "--output", "junit").out)  # noqa: S314 - our own report
    names = [case.get("name") for case in suites.iter("testcase")]
    assert "the third coupon of a day is not sent, nor one at night: 2026-11-30T11:00+08:00" in names
    report = json.loads(run("test", "rules", "--output", "json").out)
    came = next(one["came"] for one in report["tests"] if one["name"].endswith("2026-11-30T11:00+08:00"))
    assert (came[0]["suppressed"], came[0]["caps"]) == ("cap_reached", ["marketing-a-day"])

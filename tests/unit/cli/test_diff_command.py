"""`notice-pipeline diff` on a file of events: what it prints, how it ends."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.cli.app import main
from tests.unit.rules.shop import PAID, RULE, SCHEMA, TEMPLATES

DATA = {
    "sub": "0123456789abcdef0123456789abcdef", "order_no": "T2026", "count": 3, "amount": 128.0, "gift": False,
    "paid_at": "2026-11-23T07:01:00Z", "channel": "WECHAT", "tags": [], "extra": {}, "lines": [], "coupon": None,
    "buyer": {"name": "Li", "level": None},
}  # fmt: skip


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


def event(number: int, **changes: object) -> str:
    """One line of a recording."""
    time = f"2026-11-{1 + number // 24 % 30:02d}T{number % 24:02d}:00:00Z"
    return json.dumps({"type": PAID, "time": time, "data": {**DATA, **changes}})


def write_rules(folder: Path, rules: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    (folder / "shop.yaml").write_text(rules, encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in a folder with `before`, `rules`, `schemas` and a recording of 48 hours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write_rules(tmp_path / "before", RULE)
    write_rules(tmp_path / "rules", RULE.replace("data: {thing1: 豆}", "data: {thing1: 茶}\n    when: event.count > 2"))
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "paid.avsc").write_text(json.dumps(SCHEMA), encoding="utf-8")
    lines = [event(number, count=number % 4) for number in range(49)]
    (tmp_path / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")

    def command(*message: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["notice-pipeline", "diff", *message])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(str(ended.value.code or 0)), captured.out, captured.err)

    return command


def test_changes_are_reported_with_counts_and_examples(run: Run) -> None:
    """A line for each rule with counts and messages a day, then examples with before and after."""
    done = run("before", "--events", "events.jsonl")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "before → rules: 49 events of events.jsonl, 2.0 days"
    assert "paid  edited: 49 → 12 messages, 24 → 6 a day: 37 gone, 12 changed (thing1 12)" in lines
    assert lines[lines.index("  changed at events.jsonl:4") + 1 :][:3] == ["    thing1", "      - 豆", "      + 茶"]
    assert lines[-1] == "49 messages change; 0 rules are the same in both versions"
    assert "0123456789abcdef" not in done.out
    assert "\x1b" not in done.out


def test_exit_code_reports_changes_with_the_option(run: Run) -> None:
    """0 for none, 1 for any; without the option always 0."""
    assert run("before", "--events", "events.jsonl", "--exit-code").code == 1
    assert run("rules", "--events", "events.jsonl", "--exit-code").code == 0


def test_output_for_programs_and_for_merge_requests(run: Run) -> None:
    """JSON and nothing else; Markdown with a table."""
    values = json.loads(run("before", "rules", "--events", "events.jsonl", "--output", "json").out)
    assert (values["changes"], values["rules"][0]["gone"], values["events"]) == (49, 37, 49)
    page = run("before", "--events", "events.jsonl", "--output", "markdown", "--examples", "1").out
    assert "| <code>paid</code> | edited | 49 | 12 |  | 37 | 12 |  | 24 → 6 |" in page
    assert page.count("**gone**") == 1


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_recipients_are_shown_only_on_request(run: Run, form: str) -> None:
    """In every form of output."""
    message = ("before", "--events", "events.jsonl", "--output", form)
    assert str(DATA["sub"]) not in run(*message).out
    assert str(DATA["sub"]) in run(*message, "--show-recipients").out


def test_undecodable_records_are_counted_reported_and_skipped(run: Run, tmp_path: Path) -> None:
    """Not JSON, not an object: the other events are compared, with them one of which a field has the wrong type."""
    hostile = ["{", event(1, count="many"), '{"type": 7, "data": {}}', "\x00", event(1), event(2, count=1)]
    (tmp_path / "hostile.jsonl").write_text("\n".join(hostile), encoding="utf-8")
    done = run("before", "--events", "hostile.jsonl")
    assert done.code == 0
    assert "3 events of hostile.jsonl" in done.out
    assert "skipped (unreadable" in done.out
    warnings = [line for line in done.err.splitlines() if line.startswith("warning: hostile.jsonl:")]
    assert len(warnings) == 3
    assert "Traceback" not in done.err


def test_a_truncated_recording_is_compared_to_its_end(run: Run, tmp_path: Path) -> None:
    """Events before the end of a truncated archive are compared, and the end is reported."""
    whole = gzip.compress("\n".join(event(number) for number in range(2_000)).encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    done = run("before", "--events", "cut.jsonl.gz", "--output", "json")
    assert done.code == 0
    assert 0 < json.loads(done.out)["events"] < 2_000
    assert "the rest was not read" in done.err


@pytest.mark.parametrize("events", ["rules/tests/shop.yaml", "rules/tests", "rules"])
def test_the_events_of_tests_are_compared(run: Run, tmp_path: Path, events: str) -> None:
    """A file of tests, or the folder; an example has the name of its test, as `explain` takes it."""
    (tmp_path / "rules" / "tests").mkdir()
    (tmp_path / "rules" / "tests" / "shop.yaml").write_text(TESTS, encoding="utf-8")
    done = run("before", "--events", events)
    assert done.code == 0
    assert f"2 events of {events}" in done.out
    assert "paid  edited: 2 → 1 messages" in done.out
    assert "  changed at many beans" in done.out
    assert "no such field" in done.err


TESTS = f"""\
tests:
  - name: many beans
    event: {{type: {PAID}, example: true, with: {{count: 3}}}}
    expect: {{notices: [{{rule: paid}}]}}
  - name: one bean
    event: {{type: {PAID}, example: true, with: {{count: 1}}}}
    expect: {{none: no_match}}
  - name: a misspelt field
    event: {{type: {PAID}, example: true, with: {{cuont: 1}}}}
    expect: {{none: no_match}}
"""


def test_events_that_do_not_name_their_type(run: Run, tmp_path: Path) -> None:
    """Plain data needs `--type`; without it the warning reports it."""
    (tmp_path / "plain.jsonl").write_text(json.dumps(DATA), encoding="utf-8")
    without = run("before", "--events", "plain.jsonl")
    assert "the recording has no events" in without.out
    assert "--type" in without.err
    assert "1 event of plain.jsonl" in run("before", "--events", "plain.jsonl", "--type", PAID).out


def test_a_git_revision_against_the_work_tree(run: Run, tmp_path: Path) -> None:
    """The usual call in a merge request: what is committed against what lies here."""
    for message in (
        ["init", "--quiet"],
        ["add", "rules", "schemas"],
        ["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "first"],
    ):
        subprocess.run(["git", *message], check=True)
    write_rules(tmp_path / "rules", RULE)
    out = run("HEAD", "--events", "events.jsonl").out
    assert out.startswith("HEAD → rules: 49 events")
    assert "37 new, 12 changed" in out


@pytest.mark.parametrize(
    ("message", "reported"),
    [
        (["before"], "name the events, once"),
        (["before", "--events", "events.jsonl", "--topic", "t"], "name the events, once"),
        (["before", "--topic", "t"], "--topic needs the brokers"),
        (["before", "--events", "events.jsonl", "--from", "-1h"], "--from and --to are for topics"),
        (["before", "--events", "nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["nowhere", "--events", "events.jsonl"], "`nowhere` is not a folder"),
        (["before", "--events", "events.jsonl", "--schemas", "nowhere"], "the folder of schemas does not exist"),
        (["before", "--events", "events.jsonl", "--examples", "-1"], "--examples"),
        (["before", "--topic", "t", "--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_misuse_ends_with_2_and_a_message(run: Run, message: list[str], reported: str) -> None:
    """There is no traceback."""
    done = run(*message)
    assert done.code == 2
    assert reported in done.err
    assert "Traceback" not in done.err


def test_errors_of_rules_name_their_version(run: Run, tmp_path: Path) -> None:
    """Findings have the path of their version; the exit code is 1."""
    write_rules(tmp_path / "before", RULE.replace("    to:", "    when: event.amuont > 0.0\n    to:"))
    done = run("before", "--events", "events.jsonl")
    assert done.code == 1
    assert "before/shop.yaml:4:17: error unknown-field" in done.err

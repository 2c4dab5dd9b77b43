"""`notice-pipeline test`: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pipeline.cli import app
from tests.unit.rules.shop import RULE, SCHEMA, TEMPLATES

ROOT = Path(__file__).parents[3]
EVENT = "{type: shop.order.Paid, example: true}"
TESTS = f"""\
tests:
  - name: the buyer hears of it
    event: {EVENT}
    expect: {{notices: [{{rule: paid, data: {{thing1: 豆}}}}]}}
  - name: what it is called
    event: {EVENT}
    cases:
      - name: in Chinese
        expect: {{notices: [{{rule: paid, data: {{thing1: 茶}}}}]}}
      - name: in English
        expect: {{notices: [{{rule: paid, data: {{thing1: bean}}}}]}}
"""
Run = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of rules with tests, and schemas beside it; it is where the command runs."""
    files = {
        "rules/templates.yaml": TEMPLATES,
        "rules/shop.yaml": RULE,
        "rules/tests/shop.yaml": TESTS,
        "schemas/paid.avsc": json.dumps(SCHEMA),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "rules"


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command as a shell calls it; gives the exit code."""
    assert folder.is_dir()

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["notice-pipeline", "test", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code or 0)

    return call


def test_failures_end_with_1_and_show_the_actual_values(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure with its locations, then the count."""
    assert run() == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [
        "FAILED rules/tests/shop.yaml:8:9: what it is called: in Chinese",
        "  rules/tests/shop.yaml:9:56: `thing1` of `paid`",
        "    expected  茶",
        "    got       豆",
        "",
        "FAILED rules/tests/shop.yaml:10:9: what it is called: in English",
        "  rules/tests/shop.yaml:11:56: `thing1` of `paid`",
        "    expected  bean",
        "    got       豆",
        "",
    ]
    assert last.startswith("rules: 2 failed, 1 passed in ")


def test_the_end_at_the_first_failure(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The number of tests that were not run is printed."""
    assert run("--fail-fast") == 1
    assert "1 failed, 1 passed, 1 not run after the first failure" in capsys.readouterr().out


@pytest.mark.parametrize("message", ["HEARS of", "the buyer"])
def test_only_some_of_the_tests(run: Run, capsys: pytest.CaptureFixture[str], message: str) -> None:
    """By text in their names, case-insensitively."""
    assert run("-k", message, "--verbose") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "passed rules/tests/shop.yaml:2:5: the buyer hears of it"
    assert second.startswith("rules: 1 passed in ")


@pytest.mark.parametrize("path", ["rules/tests/shop.yaml", "rules/shop.yaml", "rules"])
def test_one_file_of_tests_or_of_rules(run: Run, capsys: pytest.CaptureFixture[str], path: str) -> None:
    """A file of tests runs those, a file of rules those of its event types; every rule of the folder is there."""
    other = f"tests:\n  - {{name: other, event: {EVENT}, expect: {{notices: [{{rule: paid}}]}}}}\n"
    Path("rules/tests/other.yaml").write_text(other, encoding="utf-8")
    assert run(path, "--output", "json") == 1
    passed = json.loads(capsys.readouterr().out)["passed"]
    assert passed == (1 if path.endswith("tests/shop.yaml") else 2)


def test_results_as_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts, and each test with its place, its mismatches and what came."""
    assert run("--output", "json", "-k", "English") == 1
    reported = json.loads(capsys.readouterr().out)
    assert (reported["passed"], reported["failed"], reported["left_out"], reported["findings"]) == (0, 1, 0, [])
    (test,) = reported["tests"]
    assert (test["name"], test["path"], test["line"]) == ("what it is called: in English", "rules/tests/shop.yaml", 10)
    (mismatch,) = test["mismatches"]
    assert (mismatch["line"], mismatch["column"], mismatch["expected"], mismatch["got"]) == (11, 56, "bean", "豆")
    assert test["came"][0]["data"] == {"thing1": {"value": "豆"}}


def test_results_for_a_build_server(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """JUnit's XML, on standard output or beside the text in a file; folders are made."""
    assert run("--output", "junit") == 1
    suite = ET.fromstring(capsys.readouterr().out).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("rules/tests/shop.yaml", "3", "2")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "`thing1` of `paid`: expected 茶, got 豆"
    assert run("--junit", "build/reports/rules.xml") == 1
    assert len(ET.parse("build/reports/rules.xml").findall("testsuite/testcase")) == 3  # noqa: S314 - our own


def test_characters_that_xml_does_not_allow_are_replaced(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A control character in a name must not make an invalid file."""
    (folder / "tests" / "shop.yaml").write_text(TESTS.replace("in English", r'"a\x01b"'), encoding="utf-8")
    assert run("--output", "junit") == 1
    cases = ET.fromstring(capsys.readouterr().out).findall("testsuite/testcase")  # noqa: S314 - our own
    assert cases[-1].get("name") == "what it is called: a�b"


def test_tests_of_a_rule_that_is_off_are_skipped(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """They are counted with the reason, listed with --verbose, and end with 0; CI does not block the kill switch."""
    (folder / "shop.yaml").write_text(RULE.replace("on:", "enabled: false\n    on:"), encoding="utf-8")
    assert run("--verbose") == 0
    out = capsys.readouterr().out
    assert "skipped rules/tests/shop.yaml:2:5: the buyer hears of it (`paid` is off)" in out
    assert "rules: 0 passed, 3 skipped (`paid` is off)" in out
    assert run("--output", "json") == 0
    assert [one["rules_off"] for one in json.loads(capsys.readouterr().out)["skipped"]] == [["paid"]] * 3
    assert run("--output", "junit") == 0
    assert capsys.readouterr().out.count('<skipped message="off: paid"') == 3


@pytest.mark.parametrize("output", ["text", "json", "junit"])
def test_rules_with_errors_are_not_tested(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    """The errors are shown instead, and the end is 1."""
    (folder / "shop.yaml").write_text(RULE.replace("template: paid", "template: payed"), encoding="utf-8")
    assert run("--output", output) == 1
    reported = capsys.readouterr().out
    assert "there is no template `payed`" in reported
    assert "the buyer hears" not in reported
    if output == "text":
        assert reported.splitlines()[-1] == "rules: 1 error in the rules: no test was run"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-k", "nothing like it"), "none of 3 tests has `nothing like it` in its name, file or rule"),
        (("elsewhere",), "elsewhere: there is no such folder"),
        (("--watch", "--output", "json"), "--watch prints text"),
        (("--junit", "rules/shop.yaml/x.xml"), "cannot be written"),
    ],
)
def test_misuse_ends_with_2_and_a_message(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Without a traceback."""
    assert run(*arguments) == 2
    reported = capsys.readouterr().err
    assert message in reported
    assert "Traceback" not in reported


@pytest.mark.parametrize("tests", ["tests: []\n", None])
def test_no_test_at_all_is_misuse(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], tests: str | None
) -> None:
    """A build that tests nothing must not be green."""
    if tests is None:
        (folder / "tests" / "shop.yaml").unlink()
    else:
        (folder / "tests" / "shop.yaml").write_text(tests, encoding="utf-8")
    assert run() == 2
    assert "rules: there are no tests\nhint: tests are in rules/tests/*.yaml" in capsys.readouterr().err


FROM_FILE = "tests:\n  - {name: it, event: {type: shop.order.Paid, file: FILE}, expect: {none: no_match}}\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lost.json", None, "`lost.json` is not a file in rules/tests; there are given.json"),
        ("../../secret.json", None, "is not below the folder of this test"),
        ("/etc/passwd", None, "is not below the folder of this test"),
        ("given.json", b"{", "`given.json` holds no readable event (line 1: this object does not end"),
        ("given.json", b'{"a": 1,\n "a": 2}', "(line 1: a key occurs twice in one object)"),
        ("given.json", b'{"a": 1,\n b}', "(line 2:2: not JSON at character 10)"),
        ("given.json", b"[]", "holds no event"),
        ("given.json", b"{} {}", "holds several events"),
        ("given.json", b'{"type": "shop.order.Paid", "data": 7}', "holds an event whose data is not an object"),
        ("given.json", b'{"type": "a.B", "data": {}}', "holds an event of type `a.B`, not `shop.order.Paid`"),
        ("given.json", b"\xff", "`given.json` holds no readable event (line 1: not UTF-8)"),
        ("given.json", b"\x1f\x8b\x08", "`given.json` holds no readable event (cannot be unpacked"),
        ("given.json", b"[" * 100_000, "an event is a JSON object"),
        ("given.json", b'{"a": ' * 100_000, "nested too deeply"),
        ("given.json", b'{"sub": 1}', "`event.sub`: should be a text, not a whole number"),
        (r'"a\0b.json"', None, "not-yaml"),
    ],
)
def test_a_file_without_a_usable_event_fails_the_test(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, message: str
) -> None:
    """The message names the reason; files outside the folder are not read."""
    (folder.parent / "secret.json").write_text('{"password": "swordfish"}', encoding="utf-8")
    (folder / "tests" / "given.json").write_bytes(content or b"{}")
    (folder / "tests" / "shop.yaml").write_text(FROM_FILE.replace("FILE", name), encoding="utf-8")
    assert run() == 1
    reported = capsys.readouterr().out
    assert message in reported
    assert "swordfish" not in reported


def test_watching_runs_again_at_a_change_and_ends_with_ctrl_c(folder: Path) -> None:
    """A fixed test passes at once; Ctrl-C ends with the exit code of the last run."""
    command = [sys.executable, "-m", "pipeline", "test", "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=folder.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        first = _until(process.stdout.readline, "waiting")
        assert any(line.startswith("rules: 2 failed") for line in first)
        _replace(folder / "tests" / "shop.yaml", "tests: [")
        assert any("not-yaml" in line for line in _until(process.stdout.readline, "waiting"))
        fixed = TESTS.replace("thing1: 茶", "thing1: 豆").replace("thing1: bean", "thing1: 豆")
        _replace(folder / "tests" / "shop.yaml", fixed)
        assert any(line.startswith("rules: 3 passed") for line in _until(process.stdout.readline, "waiting"))
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (0, ""), rest
    assert rest.splitlines()[-1] == "ended"


def _replace(file: Path, text: str) -> None:
    """In one step, as editors do: a file that is written in place is empty for a moment, and may be read then."""
    written = file.parents[2] / "written"
    written.write_text(text, encoding="utf-8")
    written.replace(file)


def _until(read: Callable[[], str], begin: str) -> list[str]:
    """The lines up to one that begins so."""
    lines: list[str] = []
    while not lines or not lines[-1].startswith(begin):
        line = read()
        assert line, lines
        lines.append(line.rstrip("\n"))
    return lines

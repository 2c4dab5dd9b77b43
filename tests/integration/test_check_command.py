"""`notice-pipeline check`: what it prints, how it ends, what it does not load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.rules.shop import RULE, SCHEMA, TEMPLATES

FAULTY = RULE.replace("    to:", "    when: event.amuont > 0.0\n    to:")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of rules with a folder of schemas beside it."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    (rules / "shop.yaml").write_text(RULE, encoding="utf-8")
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "paid.avsc").write_text(json.dumps(SCHEMA), encoding="utf-8")
    return rules


def check(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the folder above the rules."""
    command = [sys.executable, "-m", "pipeline", "check", "rules", *more]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "", "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=folder.parent, env=environment, capture_output=True, text=True, check=False)


def test_sound_rules_end_with_0(folder: Path) -> None:
    """Warnings are reported and do not fail; --strict makes them."""
    done = check(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "rules: 0 errors, 2 warnings, 0 notes; 1 rule is fine"
    assert check(folder, "--strict").returncode == 1


def test_a_fault_is_one_line_that_editors_understand(folder: Path) -> None:
    """`path:line:column: level code words (hint)`, and exit 1."""
    (folder / "shop.yaml").write_text(FAULTY, encoding="utf-8")
    done = check(folder, "--environment", "production")
    assert done.returncode == 1
    fault = "rules/shop.yaml:4:17: error unknown-field `shop.order.Paid` has no field `amuont` (did you mean `amount`?)"
    assert fault in done.stdout.splitlines()


def test_findings_as_json(folder: Path) -> None:
    """A list of objects and nothing else on standard output."""
    (folder / "shop.yaml").write_text(FAULTY, encoding="utf-8")
    done = check(folder, "--output", "json")
    finding = next(one for one in json.loads(done.stdout) if one["level"] == "error")
    assert done.returncode == 1
    assert finding == {
        "path": "rules/shop.yaml", "line": 4, "column": 17, "level": "error", "code": "unknown-field",
        "words": "`shop.order.Paid` has no field `amuont`", "hint": "did you mean `amount`?",
    }  # fmt: skip


def test_findings_beside_the_lines_of_a_pull_request(folder: Path) -> None:
    """GitHub's workflow commands."""
    (folder / "shop.yaml").write_text(FAULTY, encoding="utf-8")
    assert (
        "::error file=rules/shop.yaml,line=4,col=17,title=unknown-field::" in check(folder, "--output", "github").stdout
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("shop.yaml", b"rules: \xff\xfe", "not UTF-8"),
        ("shop.yaml", b"#" * 4_194_305, "larger than"),
        ("../schemas/paid.avsc", b"{", "not JSON"),
        ("../schemas/paid.avsc", b"[]", "must be a record"),
    ],
)
def test_what_cannot_be_read_ends_with_2_and_a_message(folder: Path, name: str, content: bytes, message: str) -> None:
    """A file that is not a text or no schema is misuse: words that name it, no traceback."""
    (folder / name).write_bytes(content)
    done = check(folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_there(folder: Path) -> None:
    """Exit 2, with words."""
    (folder / "shop.yaml").unlink()
    (folder / "templates.yaml").unlink()
    folder.rmdir()
    done = check(folder)
    assert done.returncode == 2
    assert "there is no such folder" in done.stderr

"""The CI jobs that `init` writes, run line by line in a clone with a changed rule."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import __version__
from tests.unit.cli.conftest import Run
from tests.unit.cli.conftest import run as run  # noqa: PLC0414 - a fixture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(text: str) -> list[str]:
    """What a job types of ours, line by line."""
    return re.findall(r"^\s*(?:- |run: )*(?:run: )?(notice-pipeline .+)$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "target"),
    [(".github/workflows/rules.yml", "origin/$GITHUB_BASE_REF"), (".gitlab-ci.yml", "FETCH_HEAD")],
)
def test_the_jobs_commands_work_in_a_clone(folder: Path, run: Run, name: str, target: str) -> None:
    """Each line that the job runs, on a branch that changes a rule; the diff that it posts shows the change."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    run("init", "upstream")
    upstream, clone = folder / "upstream", folder / "clone"
    git(upstream, "init", "--quiet", "--initial-branch=main")
    git(upstream, "add", ".")
    git(upstream, "commit", "--quiet", "-m", "begin")
    git(folder, "clone", "--quiet", str(upstream), str(clone))
    git(clone, "checkout", "--quiet", "-b", "change")
    rules = clone / "rules" / "receipts.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("在线支付", "线上支付"), encoding="utf-8")
    tests = clone / "rules" / "tests" / "receipts.yaml"
    tests.write_text(tests.read_text(encoding="utf-8").replace("在线支付", "线上支付"), encoding="utf-8")
    git(clone, "fetch", "--quiet", "origin", "main")

    text = (clone / name).read_text(encoding="utf-8")
    assert f"notice-pipeline=={__version__}" in text
    YAML(typ="safe", pure=True).load(text)
    lines = commands(text)
    assert [line.split()[1] for line in lines] == ["check", "test", "coverage", "diff"]
    assert target in lines[-1]
    for line in lines:
        shell(clone, line)
    assert (clone / "reports" / "rules.xml").is_file()
    assert "线上支付" in (clone / "diff.md").read_text(encoding="utf-8")
    assert git(clone, "status", "--porcelain").splitlines() == [
        " M rules/receipts.yaml",
        " M rules/tests/receipts.yaml",
    ]


def git(folder: Path, *arguments: str) -> str:
    """Git without anybody's own settings."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def shell(folder: Path, line: str) -> None:
    """A line as the job's shell runs it, with this checkout's program."""
    (folder.parent / "bin").mkdir(exist_ok=True)
    program = folder.parent / "bin" / "notice-pipeline"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "RECORDED": "events/recorded.jsonl",
        "GITHUB_BASE_REF": "main",
    }
    done = subprocess.run(["sh", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)

"""`config check`: what cannot be used is an error, what may not be meant a warning with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

TEXT = """\
kafka: {bootstrap_servers: localhost:9092, topics: [orders]}
schemas: {directory: schemas}
notices:
  url: http://localhost:8090/message/v2/notices
  token_file: token
  secret_headers_files: {X-Api-Key: key}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With everything that the configuration names."""
    (tmp_path / "pipeline.yaml").write_text(TEXT, encoding="utf-8")
    for name in ("schemas", "rules"):
        (tmp_path / name).mkdir()
    for name in ("token", "key"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_all_is_well(run: Run) -> None:
    """One line, and nothing else."""
    done = run("config", "check")
    assert (done.code, done.out, done.err) == (0, "pipeline.yaml: fine (production, 1 topic)\n", "")


def test_what_is_not_here_is_a_warning_at_its_line(run: Run, folder: Path) -> None:
    """Secrets lie where the service runs, so it is no error; a folder in a file's place is told as well."""
    (folder / "token").unlink()
    (folder / "key").unlink()
    (folder / "key").mkdir()
    (folder / "schemas").rmdir()
    (folder / "schemas").write_text("", encoding="utf-8")
    (folder / "rules").rmdir()
    done = run("config", "check")
    assert done.code == 0
    assert done.err.splitlines() == [
        "pipeline.yaml:2:11: warning schemas.directory: schemas: is no folder",
        "pipeline.yaml:1:1: warning rules: rules: there is no such folder here",
        "pipeline.yaml:5:3: warning notices.token_file: token: there is no such file here",
        "pipeline.yaml:6:26: warning notices.secret_headers_files.X-Api-Key: key: is no file",
    ]


def test_a_doubtful_property_is_told_at_its_line(run: Run, folder: Path) -> None:
    """A key with dots in it is found as well."""
    text = TEXT.replace("topics: [orders]", "topics: [orders], properties: {enable.idempotence: true}")
    (folder / "pipeline.yaml").write_text(text, encoding="utf-8")
    done = run("config", "check")
    assert done.err.startswith("pipeline.yaml:1:75: warning kafka.properties.enable.idempotence: has no effect")
    assert done.code == 0

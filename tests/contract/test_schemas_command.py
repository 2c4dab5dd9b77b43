"""`schemas check` and `schemas register`, called as a shell does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from pipeline.cli import app
from tests.fakes.registry import FakeRegistry

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Gives the exit code."""

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["notice-pipeline", "schemas", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code or 0)

    return call


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


def write(folder: Path, name: str, *fields: dict[str, object], record: str = "shop.Order") -> None:
    """A schema file."""
    (folder / name).write_text(json.dumps({"type": "record", "name": record, "fields": fields}))


NO: dict[str, object] = {"name": "no", "type": "string"}
NEW: dict[str, object] = {"name": "new", "type": "string"}


def test_the_shipped_schemas_are_fine(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Every example, and the outcome record."""
    assert run("check", "schemas") == 0
    count = len(list(Path("schemas").rglob("*.avsc")))
    assert f"{count} schemas of {count} types, 0 errors" in capsys.readouterr().out


def test_every_problem_is_reported(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An invalid file does not hide errors of others."""
    write(tmp_path, "1.avsc", NO)
    write(tmp_path, "2.avsc", NO, NEW)
    write(tmp_path, "hostile.avsc", {"name": "f", "type": []}, record="shop.Bad")
    (tmp_path / "broken.avsc").write_text("{")
    (tmp_path / "deep.avsc").write_text('{"type":' * 100_000)
    (tmp_path / "binary.avsc").write_bytes(b"\xff\xfe\x00")
    assert run("check", str(tmp_path), "--output", "json") == 1
    reported = {Path(problem["path"]).name: problem["words"] for problem in json.loads(capsys.readouterr().out)}
    assert set(reported) == {"2.avsc", "hostile.avsc", "broken.avsc", "deep.avsc", "binary.avsc"}
    assert "$.new: is not in those events, and has no default" in reported["2.avsc"]
    assert "a union of nothing" in reported["hostile.avsc"]


def test_registered_schemas_are_there_and_stay(run: Run, tmp_path: Path, registry: FakeRegistry) -> None:
    """Registering again changes nothing."""
    write(tmp_path, "order.avsc", NO)
    for _ in range(2):
        assert run("register", str(tmp_path), "--yes", "--registry", registry.url, "--outcomes", "notice.outcomes") == 0
    assert registry.subjects == {"shop.Order": [1], "notice.outcomes-value": [2]}


@pytest.mark.parametrize(
    ("strategy", "subject"),
    [("record", "shop.Order"), ("topic", "orders-value"), ("topic-record", "orders-shop.Order")],
)
def test_subjects_are_named_as_requested(
    run: Run, tmp_path: Path, registry: FakeRegistry, strategy: str, subject: str
) -> None:
    """As the senders' serializers name them."""
    write(tmp_path, "order.avsc", NO)
    arguments = ["--registry", registry.url, "--subject-strategy", strategy, "--topic", "orders"]
    assert run("register", str(tmp_path), "--yes", *arguments) == 0
    assert list(registry.subjects) == [subject]


def test_events_of_a_new_schema_are_judged_by_what_rules_know(
    run: Run, tmp_path: Path, registry: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules know a registered version: a new field harms none of them, a missing one does."""
    write(tmp_path, "order.avsc", NO)
    assert run("check", str(tmp_path), "--registry", registry.url) == 0
    assert "shop.Order: nothing is registered" in capsys.readouterr().out
    assert run("register", str(tmp_path), "--yes", "--registry", registry.url) == 0
    write(tmp_path, "order.avsc", NO, NEW)
    assert run("check", str(tmp_path), "--registry", registry.url) == 0
    assert "shop.Order: compared with 1 version" in capsys.readouterr().out
    write(tmp_path, "order.avsc", NEW)
    assert run("check", str(tmp_path), "--registry", registry.url) == 1
    out = capsys.readouterr().out
    assert "cannot be read by rules that know shop.Order version 1: $.no: is not in those events, and has no" in out
    assert run("register", str(tmp_path), "--yes", "--registry", registry.url) == 2
    assert "refuses" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code", "subjects"), [(None, 2, []), ("n", 1, []), ("y", 0, ["shop.Order"])])
def test_schemas_are_registered_after_a_confirmation(
    run: Run,
    tmp_path: Path,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    *,
    capsys: pytest.CaptureFixture[str],
    answer: str | None,
    code: int,
    subjects: list[str],
) -> None:
    """A version cannot be taken back. Without a terminal, as in CI, `--yes` is needed."""
    write(tmp_path, "order.avsc", NO)
    stdin = StringIO(f"{answer}\n")
    monkeypatch.setattr(stdin, "isatty", lambda: answer is not None)
    monkeypatch.setattr("sys.stdin", stdin)
    assert run("register", str(tmp_path), "--registry", registry.url) == code
    assert list(registry.subjects) == subjects
    error = capsys.readouterr().err
    assert ("--yes" in error) is (answer is None)
    assert ("shop.Order" in error) is (answer is not None)


def test_nothing_is_registered_while_a_file_is_wrong(run: Run, tmp_path: Path, registry: FakeRegistry) -> None:
    """All or nothing."""
    write(tmp_path, "order.avsc", NO)
    (tmp_path / "broken.avsc").write_text("{")
    assert run("register", str(tmp_path), "--yes", "--registry", registry.url) == 1
    assert registry.subjects == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "missing"], "does not exist"),
        (["register"], "no schema registry is named"),
        (["register", "--yes", "--registry", "http://127.0.0.1:1"], "does not answer"),
        (["register", "--yes", "--registry", "nonsense"], "does not answer"),
        (["register", "--registry", "http://127.0.0.1:1", "--subject-strategy", "topic"], "--topic"),
        (["register", "--subject-strategy", "other"], ""),
    ],
)
def test_a_mistake_is_reported(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """With exit code 2 and without a traceback."""
    assert run(*arguments) == 2
    reported = capsys.readouterr().err
    assert message in reported
    assert "Traceback" not in reported


RULES = """rules:
  - id: ordered
    on: shop.Order
    to: u1
    template: t
    data:
      thing1: "No. ${event.no}"
"""
TEMPLATES = "templates: {t: {title: 付款成功, ids: {production: T1}, fields: {thing1: {}}}}"


def git(*arguments: str) -> None:
    """Run git here, whatever the machine's own configuration says."""
    someone = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *someone, *arguments], capture_output=True, check=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of an emitter with one schema, committed, and rules that read its events elsewhere."""
    here = tmp_path / "emitter"
    (here / "schemas").mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    write(here / "schemas", "order.avsc", NO)
    git("init", "--quiet", "--initial-branch", "main")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "shop.yaml").write_text(RULES)
    (rules / "templates.yaml").write_text(TEMPLATES)
    return here


@pytest.mark.parametrize("revision", ["git:main", "main", "git:HEAD:schemas", "HEAD:./schemas"])
def test_a_change_is_judged_against_a_revision(
    run: Run, repository: Path, capsys: pytest.CaptureFixture[str], revision: str
) -> None:
    """Rules know the schema of that revision: a new field harms none of them, a missing one or another type does."""
    write(repository / "schemas", "order.avsc", NO, NEW)
    assert run("check", "schemas", "--against", revision) == 0
    assert f"{revision}: compared with 1 schema" in capsys.readouterr().out
    write(repository / "schemas", "order.avsc", NEW)
    assert run("check", "schemas", "--against", revision) == 1
    out = capsys.readouterr().out
    assert "cannot be read by rules that know it at" in out
    assert "$.no: is not in those events, and has no default" in out
    write(repository / "schemas", "order.avsc", NO, record="shop.Bought")
    assert run("check", "schemas", "--against", revision) == 1
    assert "shop.Order has no schema any more" in capsys.readouterr().out


def test_of_ten_versions_at_a_revision_the_tenth_is_the_newest(
    run: Run, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a folder."""
    for number in (9, 10):
        write(repository / "schemas", f"order.v{number}.avsc", NO, *([{**NEW, "default": ""}] * (number - 9)))
    git("add", ".")
    git("commit", "--quiet", "-m", "second")
    (repository / "schemas" / "order.avsc").unlink()
    assert run("check", "schemas", "--against", "git:main") == 0, capsys.readouterr().out


def test_rules_that_a_schema_breaks_are_named(run: Run, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the emitter's own CI: file, line, rule, expression and cause."""
    arguments = ("check", "schemas", "--against", "git:main", "--rules", "../rules")
    assert run(*arguments) == 0
    assert "../rules: 1 rule of these events, 0 broken" in capsys.readouterr().out
    write(repository / "schemas", "order.avsc", NEW, {**NO, "name": "number"})
    assert run(*arguments) == 1
    out = capsys.readouterr().out
    assert "../rules/shop.yaml:7:28: error: rule `ordered`: `event.no`: " in out
    assert "1 rule of these events, 1 broken" in out
    assert run(*arguments, "--output", "json") == 1
    broken = [one for one in json.loads(capsys.readouterr().out) if "rule" in one]
    assert [(one["rule"], one["line"], one["expression"]) for one in broken] == [("ordered", 7, "event.no")]


def test_without_a_revision_all_that_does_not_fit_the_schemas_is_named(
    run: Run, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the folder of schemas is the one beside the rules."""
    (repository / "rules").symlink_to("../rules")
    write(repository / "schemas", "order.avsc", NEW)
    assert run("check", "schemas", "--rules", "rules") == 1
    assert "rule `ordered`: `event.no`: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "git:nowhere"], "nowhere"),
        (["--against", "git:"], "git:"),
        (["--against", "git:HEAD:other"], "no folder"),
        (["--rules", "missing"], "missing"),
    ],
)
def test_a_revision_or_folder_that_is_not_there_is_a_misuse(
    run: Run, repository: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """With exit code 2 and without a traceback."""
    assert run("check", str(repository / "schemas"), *arguments) == 2
    reported = capsys.readouterr().err
    assert message in reported
    assert "Traceback" not in reported

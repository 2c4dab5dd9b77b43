"""`init`: what a new repository of rules holds, that it works at once, and that nothing is ever overwritten."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

ROOT = Path(__file__).parents[3]
PARTS = {
    "rules/templates.yaml",
    "rules/receipts.yaml",
    "rules/tests/receipts.yaml",
    "schemas/trade.order.paid.v1.avsc",
    "schemas/care.schema.json",
    "schemas/rules.schema.json",
    "schemas/templates.schema.json",
    "schemas/tests.schema.json",
    "events/recorded.jsonl",
    ".vscode/settings.json",
    ".vscode/extensions.json",
    ".github/workflows/rules.yml",
    ".gitlab-ci.yml",
    ".gitignore",
    "README.md",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where there is nothing yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_repository_passes_every_command_at_once(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a warning, every test green, every branch reached."""
    done = run("init", "my-rules")
    assert (done.code, done.err) == (0, "")
    assert set(files(folder / "my-rules")) == PARTS
    assert "written  my-rules/rules/receipts.yaml" in done.out
    assert "  cd my-rules\n" in done.out
    monkeypatch.chdir(folder / "my-rules")
    for command in (
        ("check", "--strict", "--environment", "production"),
        ("check", "--strict", "--environment", "staging"),
        ("test",),
        ("coverage", "--fail-under", "100"),
    ):
        done = run(*command)
        assert (done.code, done.err) == (0, ""), done.out


def test_the_rule_is_that_of_the_guide(folder: Path, run: Run) -> None:
    """Who reads the guide finds its files in the new folder, word for word."""
    guide = (ROOT / "docs" / "guide-rules.md").read_text(encoding="utf-8")
    run("init")
    for name, text in re.findall(r"^```yaml (\S+)\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL):
        assert (folder / name).read_text(encoding="utf-8") == text
        first = text.partition("\n")[0]
        schema = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert schema is not None
        assert ((folder / name).parent / schema[1]).resolve().is_file()


def test_existing_files_are_kept(folder: Path, run: Run) -> None:
    """A second run writes nothing; changed files stay; missing files are written."""
    run("init", ".")
    before = files(folder)
    assert run("init").out.splitlines()[-1] == "every file exists already"
    assert files(folder) == before
    (folder / "README.md").write_text("ours", encoding="utf-8")
    (folder / "rules" / "receipts.yaml").unlink()
    (folder / "schemas" / "rules.schema.json").unlink()
    done = run("init")
    assert "kept     README.md" in done.out
    assert "written  schemas/rules.schema.json" in done.out
    assert (folder / "README.md").read_text(encoding="utf-8") == "ours"
    assert not (folder / "rules" / "receipts.yaml").exists()  # there are rules: an example among them would not fit


def test_rules_that_are_there_get_no_example(folder: Path, run: Run) -> None:
    """Only what goes around them."""
    (folder / "rules").mkdir()
    (folder / "rules" / "ours.yaml").write_text("rules: []", encoding="utf-8")
    run("init")
    assert set(files(folder)) - PARTS == {"rules/ours.yaml"}
    assert PARTS - set(files(folder)) == {
        "rules/templates.yaml",
        "rules/receipts.yaml",
        "rules/tests/receipts.yaml",
        "schemas/trade.order.paid.v1.avsc",
        "events/recorded.jsonl",
    }


@pytest.mark.parametrize(("there", "message"), [("new", "new is a file"), ("new/schemas", "schemas is a file")])
def test_a_file_in_place_of_a_folder_is_reported(folder: Path, run: Run, there: str, message: str) -> None:
    """With exit code 2."""
    (folder / there).parent.mkdir(exist_ok=True)
    (folder / there).write_text("x", encoding="utf-8")
    done = run("init", "new")
    assert done.code == 2
    assert message in done.err
    assert (folder / there).read_text(encoding="utf-8") == "x"


def test_the_editors_settings_name_existing_schemas(folder: Path, run: Run) -> None:
    """Each JSON Schema is in the folder and has this version."""
    run("init")
    settings = json.loads((folder / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    for path in settings["yaml.schemas"]:
        assert (folder / path).read_bytes() == (ROOT / path).read_bytes()
    optional = {"rules/care.yaml"}
    every = [path for paths in settings["yaml.schemas"].values() for path in paths if not path.startswith("!")]
    paths = [path for path in every if path not in optional]
    assert all(list(folder.glob(path)) for path in paths)

"""Files are written whole, within the folder, and never over a change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.adapters.authoring.workbench.saving import MOST_CHARACTERS, RuleFiles
from pipeline.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    (made / "a.yaml").write_text("old\n")
    (tmp_path / "secret.yaml").write_text("secret\n")
    return made


def test_a_file_is_replaced(folder: Path) -> None:
    """Its rights stay, and nothing is left beside it."""
    (folder / "a.yaml").chmod(0o640)
    files = RuleFiles(folder)
    saved = files.save("a.yaml", "new 礼\n", files.read("a.yaml").version)
    assert saved.is_saved
    assert (folder / "a.yaml").read_text(encoding="utf-8") == "new 礼\n"
    assert (folder / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert [one.name for one in folder.iterdir()] == ["a.yaml"]
    assert files.read("a.yaml").version == saved.stored.version


def test_line_ends_and_byte_order_mark_stay(folder: Path) -> None:
    """A browser gives line feeds alone."""
    files = RuleFiles(folder)
    (folder / "a.yaml").write_bytes(b"\xef\xbb\xbfx\r\ny\r\n")
    stored = files.read("a.yaml")
    assert files.save("a.yaml", "x\nz\n", stored.version).is_saved
    assert (folder / "a.yaml").read_bytes() == b"\xef\xbb\xbfx\r\nz\r\n"


def test_a_new_file_is_made(folder: Path) -> None:
    """In a new folder as well, but not where one has appeared."""
    files = RuleFiles(folder)
    assert files.save("tests/b.yaml", "tests: []\n", "").is_saved
    assert not files.save("tests/b.yaml", "other", "").is_saved
    assert (folder / "tests" / "b.yaml").read_text() == "tests: []\n"


def test_a_change_is_not_overwritten(folder: Path) -> None:
    """Nor is a file that has gone written again."""
    files = RuleFiles(folder)
    before = files.read("a.yaml").version
    (folder / "a.yaml").write_text("theirs\n")
    saved = files.save("a.yaml", "mine\n", before)
    assert (saved.is_saved, saved.stored.text) == (False, "theirs\n")
    (folder / "a.yaml").unlink()
    assert not files.save("a.yaml", "mine\n", before).is_saved
    assert not (folder / "a.yaml").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../secret.yaml",
        "/etc/x.yaml",
        "tests/../../secret.yaml",
        "./a.yaml",
        ".hidden.yaml",
        "a\\..\\b.yaml",
        "a\x00.yaml",
        "a\n.yaml",
        "",
        "a.py",
        "yaml",
        "tests//a.yaml",
        "/".join(["d"] * 20) + "/a.yaml",
        "x" * 300 + ".yaml",
        "folder.yaml",
    ],
)
def test_other_names_are_refused(folder: Path, name: str) -> None:
    """For reading as for writing."""
    (folder / "folder.yaml").mkdir()
    files = RuleFiles(folder)
    with pytest.raises(UserError):
        files.read(name)
    with pytest.raises(UserError):
        files.save(name, "x", "")
    assert (folder.parent / "secret.yaml").read_text() == "secret\n"


def test_links_are_not_followed(folder: Path) -> None:
    """Neither a file's nor a folder's."""
    (folder / "link.yaml").symlink_to(folder.parent / "secret.yaml")
    (folder / "tests").symlink_to(folder.parent)
    for name in ("link.yaml", "tests/secret.yaml", "tests/new.yaml"):
        with pytest.raises(UserError, match="links are not followed"):
            RuleFiles(folder).save(name, "x", "")
    assert sorted(one.name for one in folder.parent.iterdir()) == ["rules", "secret.yaml"]


@pytest.mark.parametrize("text", ["x" * (MOST_CHARACTERS + 1), "\ud800"])
def test_other_texts_are_refused(folder: Path, text: str) -> None:
    """Too long, or not Unicode."""
    files = RuleFiles(folder)
    with pytest.raises(UserError):
        files.save("a.yaml", text, files.read("a.yaml").version)
    assert (folder / "a.yaml").read_text() == "old\n"


def test_what_cannot_be_written_leaves_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full before the new text is whole: the old one is there, and nothing beside it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    files = RuleFiles(folder)
    with pytest.raises(UserError, match="No space left"):
        files.save("a.yaml", "new\n", files.read("a.yaml").version)
    assert (folder / "a.yaml").read_text() == "old\n"
    assert [one.name for one in folder.iterdir()] == ["a.yaml"]

"""A change of the rules' folder is reported once, however it is made, after the last write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters.rule_watch import RuleWatch


def write(folder: Path, text: str, name: str = "shop.yaml") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with `rules` in it, as a ConfigMap is mounted: files that are links into what `..data` links to."""
    rules = tmp_path / "rules"
    write(rules / "..2026_11_23", "rules: [1]")
    (rules / "..data").symlink_to("..2026_11_23")
    (rules / "shop.yaml").symlink_to("..data/shop.yaml")
    return tmp_path


def edited(home: Path) -> None:
    (home / "rules" / "shop.yaml").write_text("rules: [1, 2]", encoding="utf-8")


def replaced_by_a_rename(home: Path) -> None:
    write(home / "rules", "rules: [3]", ".shop.yaml.new")
    (home / "rules" / ".shop.yaml.new").replace(home / "rules" / "shop.yaml")


def config_map_updated(home: Path) -> None:
    """What the kubelet does: a new folder beside, and one rename of the link."""
    rules = home / "rules"
    write(rules / "..2026_11_24", "rules: [4]")
    (rules / "..data_tmp").symlink_to("..2026_11_24")
    (rules / "..data_tmp").replace(rules / "..data")


def folder_replaced(home: Path) -> None:
    write(home / "next", "rules: [5]")
    (home / "rules").rename(home / "former")
    (home / "next").rename(home / "rules")


def file_added(home: Path) -> None:
    write(home / "rules", "rules: [6]", "more.yml")


def file_added_in_a_subfolder(home: Path) -> None:
    write(home / "rules" / "trade", "rules: [6]")


def file_removed(home: Path) -> None:
    (home / "rules" / "shop.yaml").unlink()


def folder_removed(home: Path) -> None:
    (home / "rules").rename(home / "former")


WAYS = (
    edited, replaced_by_a_rename, config_map_updated, folder_replaced, file_added, file_added_in_a_subfolder,
    file_removed, folder_removed,
)  # fmt: skip


@pytest.mark.parametrize("change", WAYS)
def test_every_way_to_change_the_rules_is_reported_once(home: Path, change: Callable[[Path], None]) -> None:
    """At the second look after it, and not again."""
    watch = RuleWatch(home / "rules")
    assert [watch.changed() for _ in range(3)] == [False, False, False]
    change(home)
    assert [watch.changed() for _ in range(4)] == [False, True, False, False]


def test_a_link_turned_to_another_folder(home: Path) -> None:
    """The rules' own path may be the link, as releases are often laid out."""
    write(home / "release-2", "rules: [7]")
    (home / "current").symlink_to("rules")
    watch = RuleWatch(home / "current")
    (home / "turned").symlink_to("release-2")
    (home / "turned").replace(home / "current")
    assert [watch.changed() for _ in range(3)] == [False, True, False]


def test_nothing_is_reported_during_a_write(home: Path) -> None:
    """A file that grows from look to look is half written."""
    watch = RuleWatch(home / "rules")
    reported = []
    for length in range(5):
        write(home / "rules", "x" * length)
        reported.append(watch.changed())
    assert reported == [False] * 5
    assert [watch.changed() for _ in range(2)] == [True, False]


def test_other_files_are_not_watched(home: Path) -> None:
    """Notes, rule tests, an editor's own files."""
    watch = RuleWatch(home / "rules")
    write(home / "rules", "notes", "README.md")
    write(home / "rules" / "tests", "tests: []")
    write(home / "rules", "half", ".shop.yaml.swp")
    assert [watch.changed() for _ in range(3)] == [False, False, False]


def test_a_single_file_is_watched_as_well(tmp_path: Path) -> None:
    """`rules` may name one."""
    write(tmp_path, "rules: []")
    watch = RuleWatch(tmp_path / "shop.yaml")
    write(tmp_path, "rules: [8]")
    assert [watch.changed() for _ in range(3)] == [False, True, False]

"""Which files of a folder make up a rule set, and which are reported because they do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.adapters.rule_files import MAX_FOLDERS, read_rules, read_rules_and_tests, watched_files
from pipeline.errors import UserError
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import SchemaCatalogue


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("rules: []\n", encoding="utf-8")


def named(folder: Path, paths: object) -> list[str]:
    assert isinstance(paths, dict)
    return [Path(path).relative_to(folder).as_posix() for path in paths]


def test_subfolders_and_both_suffixes_are_read(tmp_path: Path) -> None:
    """In the order of their paths, which is the order of matching; a folder `tests` anywhere has tests."""
    write(tmp_path, "b.yaml", "a.yml", "trade/c.yaml", "trade/more/d.YAML", "tests/t.yaml", "trade/tests/u.yaml")
    write(tmp_path, ".hidden.yaml", ".git/e.yaml", "..data/f.yaml", "templates.yaml", "README.md")
    sources = read_rules_and_tests(tmp_path)
    assert named(tmp_path, sources.rules) == ["a.yml", "b.yaml", "trade/c.yaml", "trade/more/d.YAML"]
    assert named(tmp_path, sources.tests) == ["tests/t.yaml", "trade/tests/u.yaml"]
    assert sources.templates is not None
    assert not sources.ignored


def test_a_link_to_nothing_is_an_error(tmp_path: Path) -> None:
    """A rule that is left out in silence sends no message; other files may be links to nothing."""
    write(tmp_path, "a.yaml", "templates.yaml")
    (tmp_path / "notes.txt").symlink_to(tmp_path / "gone.txt")
    assert named(tmp_path, read_rules(tmp_path).rules) == ["a.yaml"]
    (tmp_path / "more.yaml").symlink_to(tmp_path / "gone.yaml")
    with pytest.raises(UserError, match=r"more\.yaml: is a link to nothing"):
        read_rules(tmp_path)
    (tmp_path / "more.yaml").unlink()
    os.mkfifo(tmp_path / "tests.yaml")
    with pytest.raises(UserError, match=r"tests\.yaml: is not a regular file"):
        read_rules_and_tests(tmp_path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("more.yaml.txt", "rename it to `more.yaml`"),
        ("more.yml.TXT", "rename it to `more.yml`"),
        ("more.txt", "rename it to `more.yaml`"),
        ("more", "rename it to `more.yaml`"),
        ("more.ymal", "rename it to `more.yaml`"),
        ("trade/more.json", "rename it to `more.yaml`"),
        ("more.yaml ", "rename it to `more.yaml`"),
        ("trade/more.yaml.doc", "rename it to `more.yaml`"),
        ("trade/templates.yaml", "a rule set has one catalogue of templates: move them to "),
        ("templates.yml", "a rule set has one catalogue of templates: move them to "),
    ],
)
def test_a_file_that_looks_like_rules_and_is_not_read_is_reported(tmp_path: Path, name: str, hint: str) -> None:
    """Notepad saves `more.yaml.txt`; a second catalogue would silently lose its templates."""
    write(tmp_path, "a.yaml", "templates.yaml", name)
    checked = check(read_rules(tmp_path), SchemaCatalogue())
    finding = next(one for one in checked.findings if one.code == "file-not-read")
    assert finding.path == str(tmp_path / name)
    assert (finding.hint or "").startswith(hint)


def test_a_catalogue_below_a_folder_without_one_shows_where_the_rules_are(tmp_path: Path) -> None:
    """At the root of a repository, `check .` reads rules/ as a subfolder."""
    write(tmp_path, "rules/a.yaml", "rules/templates.yaml")
    checked = check(read_rules(tmp_path), SchemaCatalogue())
    hint = f"if the rules are in {tmp_path / 'rules'}, name that folder"
    assert [(one.code, one.hint) for one in checked.findings if one.code in {"no-templates", "file-not-read"}] == [
        ("no-templates", hint),
        ("file-not-read", hint),
    ]


def test_a_file_set_aside_is_not_reported(tmp_path: Path) -> None:
    """A backup or a file that is switched off by its name."""
    write(tmp_path, "a.yaml", "templates.yaml", "a.yaml.bak", "b.yaml.disabled", "c.yaml.orig", "README.md")
    (tmp_path / "notes.txt").write_text("The rules: see the guide.\n", encoding="utf-8")
    assert not read_rules(tmp_path).ignored


def test_one_rule_file_takes_the_templates_above_it(tmp_path: Path) -> None:
    """A file of a subfolder checks as it does within the whole set."""
    write(tmp_path, "templates.yaml", "trade/c.yaml", "tests/t.yaml")
    sources = read_rules_and_tests(tmp_path / "trade" / "c.yaml")
    assert not sources.is_whole
    assert sources.templates == (str(tmp_path / "templates.yaml"), "rules: []\n")
    assert named(tmp_path, sources.tests) == ["tests/t.yaml"]


def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    """The depth is bounded, and the error names the link."""
    write(tmp_path, "a.yaml")
    (tmp_path / "again").symlink_to(tmp_path)
    with pytest.raises(UserError, match=f"more than {MAX_FOLDERS} folders deep"):
        read_rules(tmp_path)


def test_a_broken_test_file_does_not_keep_the_service_from_its_rules(tmp_path: Path) -> None:
    """The service reads rules and templates alone; the authors' tools report the test file."""
    write(tmp_path, "a.yaml", "templates.yaml", "tests/t.yaml")
    (tmp_path / "tests" / "t.yaml").write_bytes(b"\xb0\xe1")
    assert named(tmp_path, read_rules(tmp_path).rules) == ["a.yaml"]
    with pytest.raises(UserError, match="not UTF-8"):
        read_rules_and_tests(tmp_path)


def test_the_file_of_recipient_care_is_no_rule_file(tmp_path: Path) -> None:
    """It is read beside the rules, in a folder as for one file of it, and its change is one of the rules."""
    write(tmp_path, "a.yaml", "templates.yaml", "care.yaml", "trade/b.yaml", "tests/care.yaml")
    sources = read_rules_and_tests(tmp_path)
    assert named(tmp_path, sources.rules) == ["a.yaml", "trade/b.yaml"]
    assert sources.care == (str(tmp_path / "care.yaml"), "rules: []\n")
    assert named(tmp_path, sources.tests) == ["tests/care.yaml"]
    assert tmp_path / "care.yaml" in watched_files(tmp_path)
    for one in (tmp_path / "a.yaml", tmp_path / "trade" / "b.yaml"):
        assert read_rules(one).care == sources.care
    assert read_rules(tmp_path / "care.yaml").rules == {}


def test_a_second_file_of_recipient_care_is_reported(tmp_path: Path) -> None:
    """Its caps would silently be none."""
    write(tmp_path, "a.yaml", "templates.yaml", "care.yaml", "trade/care.yaml")
    assert read_rules(tmp_path).ignored == {
        str(tmp_path / "trade" / "care.yaml"): f"a rule set has one file of care: move it to {tmp_path / 'care.yaml'}"
    }

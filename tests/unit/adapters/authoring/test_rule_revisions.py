"""Rules as they are in a folder or stood at a git revision."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from pipeline.adapters.authoring import git_revisions
from pipeline.adapters.authoring.rule_revisions import read_version
from pipeline.errors import SchemaError, UserError
from tests.unit.rules.shop import RULE, SCHEMA, TEMPLATES

RULES = Path("rules")


def git(*message: str) -> str:
    """Run git here, as someone; whatever the machine's own configuration says."""
    someone = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *someone, *message], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write(rules: Path, text: str) -> None:
    rules.mkdir(parents=True, exist_ok=True)
    (rules / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    (rules / "shop.yaml").write_text(text, encoding="utf-8")
    (rules / "notes.txt").write_text("not a rule", encoding="utf-8")
    (rules / "tests").mkdir(exist_ok=True)
    (rules / "tests" / "shop.yaml").write_text("tests: []", encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits: the rule with 豆 and its schema, then the rule with 茶; in the work tree neither any more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    git("init", "--quiet", "--initial-branch", "main")
    write(RULES, RULE)
    Path("schemas/events").mkdir(parents=True)
    Path("schemas/events/paid.avsc").write_text(json.dumps(SCHEMA), encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    write(RULES, RULE.replace("豆", "茶"))
    git("add", ".")
    git("commit", "--quiet", "-m", "second")
    git("tag", "release-1")
    write(RULES, RULE.replace("豆", "水"))
    return tmp_path


def text_of(given: str) -> str:
    """The one rule file that a version has."""
    return next(iter(read_version(given, RULES).sources.rules.values()))


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("rules", "水"),
        ("main", "茶"),
        ("HEAD", "茶"),
        ("release-1", "茶"),
        ("HEAD~1", "豆"),
        ("HEAD~1:rules", "豆"),
        ("HEAD~1:rules/", "豆"),
        ("HEAD~1:./rules", "豆"),
        ("rules/shop.yaml", "水"),
    ],
)
def test_a_folder_or_a_revision_of_it(given: str, word: str) -> None:
    """A bare revision means the folder of the rules; what is committed is read, not what lies about."""
    assert word in text_of(given)


def test_reading_a_revision_touches_nothing(repository: Path) -> None:
    """Work tree, index and branch are as before."""
    before = (git("status", "--porcelain"), git("rev-parse", "--abbrev-ref", "HEAD"), sorted(repository.rglob("*")))
    text_of("HEAD~1")
    assert (
        git("status", "--porcelain"),
        git("rev-parse", "--abbrev-ref", "HEAD"),
        sorted(repository.rglob("*")),
    ) == before


@pytest.mark.usefixtures("repository")
def test_templates_and_schemas_come_from_the_same_revision() -> None:
    """Rules are judged by what stood beside them; tests and other files are left where they are."""
    version = read_version("HEAD~1", RULES)
    assert version.sources.templates == ("HEAD~1:rules/templates.yaml", TEMPLATES)
    assert list(version.sources.rules) == ["HEAD~1:rules/shop.yaml"]
    assert version.sources.tests == {}
    assert list(version.schemas) == ["shop.order.Paid"]


def test_a_revision_read_from_a_folder_below_the_top(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are relative to the working directory."""
    team = repository / "teams" / "trade"
    write(team / "rules", RULE.replace("豆", "酒"))
    git("add", ".")
    git("commit", "--quiet", "-m", "a team of its own")
    monkeypatch.chdir(team)
    assert "酒" in text_of("HEAD")
    assert "酒" in text_of("HEAD:./rules")
    assert list(read_version("HEAD:./rules", RULES).sources.rules) == ["HEAD:teams/trade/rules/shop.yaml"]


def test_rules_that_are_the_whole_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder itself is the top, and its schemas are in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    git("init", "--quiet")
    write(tmp_path, RULE)
    Path("schemas").mkdir()
    Path("schemas/paid.avsc").write_text(json.dumps(SCHEMA), encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    version = read_version("HEAD", Path())
    assert list(version.sources.rules) == ["HEAD:shop.yaml"]
    assert list(version.schemas) == ["shop.order.Paid"]


@pytest.mark.usefixtures("repository")
def test_a_deleted_folder_can_be_read_from_a_revision() -> None:
    """The revision has it."""
    git("rm", "--quiet", "-r", "--force", "rules")
    assert "茶" in text_of("HEAD")


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mian", "`mian` is neither a folder nor a revision"),
        ("HEAD~9", "`HEAD~9` is neither a folder nor a revision"),
        ("--help", "`--help` is neither a folder nor a revision"),
        ("HEAD:nowhere", "there is no folder `nowhere` at `HEAD`"),
        ("HEAD:rules/shop.yaml", "there is no folder `rules/shop.yaml` at `HEAD`"),
        ("HEAD:../..", "there is no folder `../..` at `HEAD`"),
        ("", "an empty argument names no rules"),
    ],
)
def test_a_missing_revision_is_reported(given: str, message: str) -> None:
    """The user's text is never executed."""
    with pytest.raises(UserError, match=re.escape(message)):
        text_of(given)


@pytest.mark.usefixtures("repository")
def test_a_branch_nearly_named() -> None:
    """The hint names the one that is there."""
    with pytest.raises(UserError) as reported:
        text_of("mian")
    assert reported.value.hint == "did you mean `main`?"


def test_a_revision_like_no_other(repository: Path) -> None:
    """The hint names those that are there; of a shallow clone it says why there are few, of an empty one that it is."""
    with pytest.raises(UserError) as reported:
        text_of("trunk")
    assert reported.value.hint == "there are main, release-1"
    git("clone", "--quiet", "--depth", "1", repository.as_uri(), "shallow")
    with pytest.raises(UserError) as reported:
        read_version("trunk", Path("shallow/rules"))
    assert reported.value.hint == "a shallow clone has few: git fetch --unshallow"
    git("init", "--quiet", "empty")
    write(Path("empty/rules"), RULE)
    with pytest.raises(UserError) as reported:
        read_version("trunk", Path("empty/rules"))
    assert reported.value.hint == "it has no commit yet"


def test_outside_of_any_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision needs a repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="is not in a git repository"):
        text_of("main")


@pytest.mark.usefixtures("repository")
def test_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders can still be compared."""
    monkeypatch.setenv("PATH", "")
    assert "水" in text_of("rules")
    with pytest.raises(UserError, match="git is not installed"):
        text_of("main")


@pytest.mark.usefixtures("repository")
def test_files_that_cannot_be_read_name_revision_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not UTF-8, not JSON, too large."""
    (RULES / "shop.yaml").write_bytes(b"rules: \xff")
    Path("schemas/events/paid.avsc").write_text("{", encoding="utf-8")
    git("commit", "--quiet", "--all", "-m", "broken")
    with pytest.raises(UserError, match=r"^HEAD:rules/shop.yaml: not UTF-8"):
        text_of("HEAD")
    (RULES / "shop.yaml").write_text(RULE, encoding="utf-8")
    git("commit", "--quiet", "--all", "-m", "half fixed")
    with pytest.raises(SchemaError, match=r"^HEAD:schemas/events/paid.avsc:1:2: not JSON"):
        text_of("HEAD")
    monkeypatch.setattr(git_revisions, "MAX_BYTES", 10)
    with pytest.raises(UserError, match="larger than 10 bytes"):
        text_of("HEAD~3")


@pytest.mark.usefixtures("repository")
def test_links_and_odd_names_in_a_revision() -> None:
    """A link has no rules of its own; a file's name may hold anything."""
    (RULES / "link.yaml").symlink_to("shop.yaml")
    (RULES / "über\n rules.yaml").write_text(RULE.replace("id: paid", "id: other"), encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "-m", "odd")
    assert list(read_version("HEAD", RULES).sources.rules) == ["HEAD:rules/shop.yaml", "HEAD:rules/über\n rules.yaml"]


def test_recipient_care_comes_from_the_same_revision(repository: Path) -> None:
    """It is no rule file; a revision before it has none."""
    (repository / "rules" / "care.yaml").write_text("care: {}\n", encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "-m", "care")
    version = read_version("HEAD", RULES)
    assert version.sources.care == ("HEAD:rules/care.yaml", "care: {}\n")
    assert list(version.sources.rules) == ["HEAD:rules/shop.yaml"]
    assert read_version("HEAD~1", RULES).sources.care is None

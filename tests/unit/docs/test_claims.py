"""What the documents mention exists: links, files, log events, settings, metrics, commands, options, sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from ruamel.yaml import YAML
from typer.main import get_command

from pipeline.cli.app import app
from pipeline.metrics import CATALOGUE, PREFIX, Kind
from pipeline.settings.model import Settings

ROOT = Path(__file__).resolve().parents[3]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
}
"""Path from the root to text, for every page."""
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


class Found(NamedTuple):
    """One mention, and where."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def mentions(pattern: str, pages: dict[str, str] = PAGES) -> Iterator[Found]:
    """Every match of `pattern`; its first group, if there is one."""
    for page, text in pages.items():
        for match in re.finditer(pattern, text, flags=re.MULTILINE):
            yield Found(page, text.count("\n", 0, match.start()) + 1, match.group(match.lastindex or 0))


def prose(text: str) -> str:
    """A page without its fenced code blocks, with as many lines."""
    block = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
    return block.sub(lambda found: "\n" * found.group().count("\n"), text)


PROSE = {page: prose(text) for page, text in PAGES.items()}
OF_TODAY = {
    page: text for page, text in PROSE.items() if page != "CHANGELOG.md" and not page.startswith("docs/decisions/")
}
"""Decisions also name what belongs to others, and the changelog what was removed."""


@cache
def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+?)\s*$", PROSE[page], flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def source() -> str:
    """Every source file that a page may speak of, but no page and no test."""
    suffixes = {".py", ".yaml", ".yml", ".json", ".avsc", ".toml", ".html", ".sh", ".proto", ".js", ".tpl"}
    folders = ("pipeline", "deploy", "schemas", "rules", "bench")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return "\n".join(path.read_text(encoding="utf-8") for path in [*files, ROOT / "pyproject.toml"])


@cache
def log_events() -> set[str]:
    """The first argument of every log call, and every constant that is one."""
    found: set[str] = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS:
                found |= {
                    value.value
                    for argument in node.args[:1]
                    for value in ast.walk(argument)
                    if isinstance(value, ast.Constant) and isinstance(value.value, str)
                }
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                found.add(str(node.value.value))
    return found


def test_every_relative_link_and_anchor_resolves() -> None:
    """Links lead to a file of the repository, and to one of its headings."""
    broken = []
    for found in mentions(r"\]\(((?!https?:|mailto:)[^)\s]+)\)", PROSE):
        path, _, anchor = found.text.partition("#")
        target = (ROOT / found.page).parent / path if path else ROOT / found.page
        if not target.exists():
            broken.append(str(found))
        elif anchor and target.suffix == ".md":
            page = target.resolve().relative_to(ROOT).as_posix()
            if anchor not in anchors(page):
                broken.append(str(found))
    assert broken == []


def test_every_file_that_a_page_names_exists() -> None:
    """Paths from the root, in code font."""
    pattern = r"`((?:pipeline|tests|docs|deploy|bench|schemas|rules)/[\w./-]*\w/?)`"
    named = (found for found in mentions(pattern, PROSE) if not _of_an_example(found))
    missing = [str(found) for found in named if not (ROOT / found.text).exists()]
    assert missing == []


def _of_an_example(found: Found) -> bool:
    """A path of the repository that `init` writes, as the guides for authors show it."""
    return found.text.startswith(("rules/", "schemas/")) and found.page.startswith("docs/guide-")


def test_every_name_with_an_underscore_is_one_of_the_source() -> None:
    """Log events, outcome reasons, labels, fields, functions, tests: a page that mentions `some_name` speaks of it."""
    named = [found for found in mentions(r"`([a-z]+(?:_[a-z0-9]+)+)`", OF_TODAY) if not _is_metric(found.text)]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    known = set(re.findall(r"\w+", source())) | set(re.findall(r"def (\w+)", tests))
    assert [str(found) for found in named if found.text not in known] == []


def _is_metric(name: str) -> bool:
    """Metrics have a test of their own: their names are put together."""
    return name.startswith(PREFIX)


SENTENCE = r"((?:[^.:;|\n]|\n(?!\n))+)"


def test_every_log_event_that_the_runbook_looks_for_is_logged() -> None:
    """In each sentence about the log, a name in code font is a log event, or its field, label or reason."""
    runbook = {page: PROSE[page] for page in ("docs/runbook.md", "docs/guide-operations.md")}
    sentences = [found for found in mentions(SENTENCE, runbook) if re.search(r"\blog(?:s|ged)?\b", found.text)]
    name = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
    named = [found._replace(text=one) for found in sentences for one in name.findall(found.text)]
    fields = set(re.findall(r"\b([a-z_]+)=", source())) | set(re.findall(r'"([a-z_]+)":', source()))
    values = set(re.findall(r'= "([a-z_]+)"$', source(), flags=re.MULTILINE))
    assert named
    assert [str(found) for found in named if found.text not in log_events() | fields | values | setting_names()] == []


def _models(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        inner = next((one for one in _types(field.annotation) if issubclass(one, BaseModel)), None)
        yield here, inner
        if inner is not None:
            yield from _models(inner, here)


def _types(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _types(inner)


@cache
def settings_paths() -> dict[str, Any]:
    """Every setting's dotted path; its section, where it is one."""
    return dict(_models(Settings))


@cache
def setting_names() -> set[str]:
    """The last part of every path."""
    return {path.rpartition(".")[2] for path in settings_paths()}


def test_every_setting_that_a_page_names_exists() -> None:
    """Dotted paths in code font that begin with a section, and variables of the environment."""
    paths = settings_paths()
    sections = {path for path, inner in paths.items() if "." not in path and inner is not None}
    dotted = mentions(r"`([a-z_]+(?:\.[a-z_]+)+)(?::[^`]*)?`", OF_TODAY)
    named = [found for found in dotted if found.text.partition(".")[0] in sections and not _is_file(found.text)]
    variables = mentions(r"\bNOTICE_PIPELINE_(?!LANG\b)([A-Z_]*[A-Z])\b")
    named += [found._replace(text=found.text.lower().replace("__", ".")) for found in variables]
    unknown = [str(found) for found in named if not _is_setting(found.text, paths)]
    assert unknown == []


def _is_file(name: str) -> bool:
    return name.endswith((".json", ".md", ".py", ".yaml"))


def _is_setting(name: str, paths: dict[str, Any]) -> bool:
    """A path, or something below a setting that is a mapping."""
    parts = name.split(".")
    known = [".".join(parts[:count]) for count in range(1, len(parts) + 1) if ".".join(parts[:count]) in paths]
    return bool(known) and (known[-1] == name or paths[known[-1]] is None)


def test_every_metric_that_a_page_names_is_in_the_catalogue() -> None:
    """Or is a recorded series, or one part of a histogram."""
    known = {metric.full_name for metric in CATALOGUE}
    known |= {
        metric.full_name + suffix
        for metric in CATALOGUE
        if metric.kind is Kind.HISTOGRAM
        for suffix in ("_bucket", "_count", "_sum")
    }
    recorded = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "recording.yaml")
    known |= {rule["record"] for group in recorded["groups"] for rule in group["rules"]}
    assert [str(found) for found in mentions(rf"\b({PREFIX}[a-z0-9_:]*[a-z0-9])\b") if found.text not in known] == []


@cache
def commands() -> dict[str, set[str]]:
    """Every command, also `config check`, and its options."""
    root: Any = get_command(app)
    found = {"": _options(root)}
    for name, command in root.commands.items():
        found[name] = _options(command)
        for inner, one in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = _options(one)
    return found


def _options(command: Any) -> set[str]:  # noqa: ANN401 - Typer has no public type for a command
    names = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return {name for name in names if name.startswith("-")} | {"--help"}


def test_every_command_and_option_that_a_page_names_exists() -> None:
    """In code font and in code blocks, up to the end of the command."""
    wrong = []
    for found in mentions(r"(?:^|[`$] ?|&& )notice-pipeline ((?:[^`\n|#&]|\\\n)+)"):
        words = found.text.replace("\\\n", " ").split()
        if not words or not re.fullmatch(r"[a-z]+", words[0]):
            continue
        name = " ".join(words[:2]) if " ".join(words[:2]) in commands() else words[0]
        known = commands().get(name)
        used = {word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)}
        if known is None or used - known:
            wrong.append(str(found))
    assert wrong == []


def test_make_targets_that_a_page_names_exist() -> None:
    """`make something`, in code font and in code blocks."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert [str(found) for found in mentions(r"(?:`|\$ )make ([a-z-]+)") if found.text not in targets] == []


def test_every_description_of_a_setting_or_metric_is_whole_sentences() -> None:
    """Each begins with a capital letter, a digit, a name or code, and ends with a full stop."""
    torn = []
    for page in ("configuration", "metrics"):
        for number, line in enumerate(PAGES[f"docs/reference/{page}.md"].splitlines(), 1):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if len(cells) < 3 or set(cells[-1]) <= {"-", " "} or cells[-1] == "meaning":
                continue
            if not re.match(r"[A-Z0-9`\"(…]|librdkafka", cells[-1]) or not re.search(r"[.)]$|\.`$", cells[-1]):
                torn.append(f"{page}.md:{number}: {cells[-1][:100]}")
    assert torn == []

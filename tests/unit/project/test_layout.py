"""The layout of the package, its version and its dependencies."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import pipeline

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = sorted({path.parent for path in (ROOT / "pipeline").rglob("*.py")})
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MOST_MODULES = 25
DISTRIBUTIONS = {
    "cel_expr_python": "cel-expr-python",
    "confluent_kafka": "confluent-kafka",
    "google": "protobuf",
    "prometheus_client": "prometheus-client",
    "pydantic_core": "pydantic",
    "ruamel": "ruamel-yaml",
    "yaml": "pyyaml",
}
"""Import names that differ from the distribution's name."""
DATA_ALONE = {"tzdata"}
"""Distributions that nothing imports by name: zoneinfo reads time zones from it where the system has none."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_a_folder_has_at_most_25_modules_and_no_prefix_repeats_its_name(folder: Path) -> None:
    """`adapters/kafka/source.py`, not `adapters/kafka/kafka_source.py`."""
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert len(modules) <= MOST_MODULES
    assert [name for name in modules if name.startswith(f"{folder.name}_")] == []


def test_the_chart_has_the_version_of_the_package() -> None:
    """The package's own is in `pipeline/__init__.py` alone; the chart's files cannot read it."""
    chart = YAML(typ="safe").load(ROOT / "deploy" / "helm" / "notice-pipeline" / "Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (pipeline.__version__, pipeline.__version__)
    assert PROJECT["dynamic"] == ["version"]


def test_the_changelog_describes_the_version() -> None:
    """Its newest release is this one."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[?(\d+\.\d+\.\d+)", text, flags=re.MULTILINE)
    assert released[0] == pipeline.__version__


def test_dependencies_are_what_the_package_imports() -> None:
    """Nothing is missing, and nothing is installed for the tests alone."""
    imported = {DISTRIBUTIONS.get(name, name) for path in (ROOT / "pipeline").rglob("*.py") for name in _imports(path)}
    names = {_name(one) for one in PROJECT["dependencies"]}
    extras = {_name(one) for one in PROJECT["optional-dependencies"]["tracing"]}
    assert PROJECT["optional-dependencies"].keys() == {"authors", "dev", "history", "pyreqwest", "tracing"}
    assert names - imported == DATA_ALONE
    assert imported - names == {"alembic", "faker", "lsprotocol", "opentelemetry", "pygls", "pyreqwest", "sqlalchemy"}
    assert all(one.startswith("opentelemetry") for one in extras)
    assert not [one for one in PROJECT["dependencies"] if "[" in one]


def _name(requirement: str) -> str:
    return re.split(r"[\[><=; ]", requirement)[0]


def _imports(path: Path) -> set[str]:
    """The top-level packages that a module imports, the standard library's and ours left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"pipeline"}

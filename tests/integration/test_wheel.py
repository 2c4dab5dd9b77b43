"""The wheel as users install it: complete without this checkout, with a command that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import __version__

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel alone is installed; its dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = str(Path(sys.executable).with_name("uv"))
    build = [uv, "build", "--wheel", "--no-build-isolation", "--offline", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("notice_pipeline-*.whl")
    assert wheel.name.split("-")[1] == __version__
    install = [uv, "pip", "install", "--no-deps", "--offline", "--target", str(folder / "site"), str(wheel)]
    subprocess.run([*install, "--python", sys.executable], check=True, capture_output=True)
    return folder / "site"


def run(site: Path, folder: Path, *arguments: str) -> str:
    """The installed command in `folder`; its output."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, str(site / "bin" / "notice-pipeline"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_command_runs(site: Path, tmp_path: Path) -> None:
    """It shows its version, and a repository that `init` writes passes `check`, `test` and `coverage`."""
    assert run(site, tmp_path, "--version") == f"notice-pipeline {__version__}\n"
    run(site, tmp_path, "init", "rules-of-ours")
    for command in (("check", "--strict"), ("test",), ("coverage", "--fail-under", "100")):
        run(site, tmp_path / "rules-of-ours", *command)


def test_the_wheel_brings_its_own_files(site: Path) -> None:
    """Modules are loaded from the installation, not from this checkout; example schemas and rules are in it."""
    code = "import pipeline; print(pipeline.__file__)"
    environment = {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=True)
    assert Path(loaded.stdout.strip()) == site / "pipeline" / "__init__.py"
    for name in ("schemas", "rules", "examples"):
        ours = {path.relative_to(ROOT / name) for path in (ROOT / name).rglob("*") if path.is_file()}
        shipped = site / "pipeline" / "shipped" / name
        assert {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()} == ours

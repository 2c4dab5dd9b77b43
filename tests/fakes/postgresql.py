"""A real PostgreSQL of its own, from the system's packages, reached by a socket in its folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SETTINGS = (
    "listen_addresses=",
    "fsync=off",  # tests do not cut the power
    "full_page_writes=off",
    "max_connections=20",
)


def _binaries() -> Path | None:
    """The newest installation's folder of programs; Debian's is not on the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def running_postgresql(*settings: str) -> Iterator[str]:
    """The URL of an empty server; skip the test with a reason where there is none."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (`make tools`, or apt-get install postgresql)")
    user = _user()
    if user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres or daemon")
    folder = Path(tempfile.mkdtemp(prefix="notice-pg-"))
    account = pwd.getpwnam(user)
    os.chown(folder, account.pw_uid, account.pw_gid)

    def run(*command: str) -> None:
        # Output goes to a file: the server would keep a pipe open.
        with (folder / "output").open("ab") as output:
            subprocess.run(
                [str(binaries / command[0]), *command[1:]],
                user=None if os.getuid() else user,
                group=None if os.getuid() else account.pw_gid,
                cwd=folder,
                check=True,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                timeout=120,
            )

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = " ".join(f"-c {one}" for one in (f"unix_socket_directories={folder}", *SETTINGS, *settings))
        run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    """Whom the server runs as: it refuses root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid()).pw_name
    known = {one.pw_name for one in pwd.getpwall()}
    return next((name for name in ("postgres", "daemon") if name in known), None)

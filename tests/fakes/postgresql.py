"""A real PostgreSQL of its own, from the system's packages, reached by a socket in its folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
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


class PostgreSQL:
    """A server that can be ended and started again."""

    def __init__(self, folder: Path, binaries: Path, user: str, settings: Sequence[str]) -> None:
        """Initialise an empty one; it does not run yet."""
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        self._folder = folder
        self._binaries = binaries
        self._account = pwd.getpwnam(user)
        os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._data = str(folder / "data")
        self._options = " ".join(f"-c {one}" for one in (f"unix_socket_directories={folder}", *SETTINGS, *settings))
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "-l", log, "-o", self._options, "start")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def _run(self, *command: str) -> None:
        # Output goes to a file: the server would keep a pipe open.
        with (self._folder / "output").open("ab") as output:
            subprocess.run(
                [str(self._binaries / command[0]), *command[1:]],
                user=None if os.getuid() else self._account.pw_name,
                group=None if os.getuid() else self._account.pw_gid,
                cwd=self._folder,
                check=True,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                timeout=120,
            )


@contextmanager
def running_postgresql(*settings: str) -> Iterator[str]:
    """The URL of an empty server; skip the test with a reason where there is none."""
    with postgresql_server(*settings) as server:
        yield server.url


@contextmanager
def postgresql_server(*settings: str) -> Iterator[PostgreSQL]:
    """A server that runs; skip the test with a reason where there is none. It must run at the end."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (`make tools`, or apt-get install postgresql)")
    user = _user()
    if user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres or daemon")
    folder = Path(tempfile.mkdtemp(prefix="notice-pg-"))
    try:
        server = PostgreSQL(folder, binaries, user, settings)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    """Whom the server runs as: it refuses root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid()).pw_name
    known = {one.pw_name for one in pwd.getpwall()}
    return next((name for name in ("postgres", "daemon") if name in known), None)

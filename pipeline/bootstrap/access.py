"""The password of the pages, read again when its file changes."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.adapters.file_watch import FileWatch
from pipeline.runtime.credentials import Credentials
from pipeline.settings.observing import PageAccess
from pipeline.settings.secrets import read_secret_file, reveal
from pipeline.web.access import PagePassword

_MEANING = "the pages' password"


def page_password(http: PageAccess, credentials: Credentials, section: str = "http") -> PagePassword | None:
    """The user and password for the pages; None where none is configured.

    Raises:
        ConfigurationError: the password's file cannot be read.
    """
    path = http.password_file
    watch = FileWatch(lambda: [] if path is None else [path])  # before the file is read
    given = reveal(http.password, path, _MEANING)
    if http.user is None or given is None:
        return None
    password = PagePassword(http.user, given)

    if path is not None:

        def prepare() -> Callable[[], None]:
            newer = read_secret_file(path, _MEANING)
            return lambda: password.use(newer)

        credentials.add(f"{section}.password_file", watch.changed, prepare)
    return password

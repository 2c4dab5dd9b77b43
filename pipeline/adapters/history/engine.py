"""Connections to the history's database, from the URL of the configuration."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pipeline.errors import ConfigurationError

POSTGRESQL, SQLITE = "postgresql", "sqlite"
CONNECT_SECONDS = 10
BUSY_SECONDS = 30
"""How long SQLite waits for another process's transaction."""
_FORMS = "write sqlite:///history.db or postgresql://user@host/database"


def open_engine(url: str) -> Engine:
    """Return the engine, which connects when it is first used.

    Raises:
        ConfigurationError: it is another database, or not a URL.
    """
    return _made(_checked(url))


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("history.url is not a URL", hint=_FORMS) from None
    name = parsed.get_backend_name()
    if name not in {POSTGRESQL, SQLITE}:
        raise ConfigurationError(f"history.url: `{name}` is not a database of the history", hint=_FORMS)
    return parsed.set(drivername="postgresql+psycopg") if name == POSTGRESQL else parsed


def _made(url: URL) -> Engine:
    if url.get_backend_name() == POSTGRESQL:
        return create_engine(url, pool_size=2, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS})
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own connection
        # Readers do not block the writer, and a batch is on disk when its transaction ends.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten

    return engine

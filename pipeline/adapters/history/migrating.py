"""Create the history's tables, or bring those of an earlier release to this one's form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, insert, select

from pipeline.adapters.history.engine import POSTGRESQL
from pipeline.adapters.history.tables import INSTALLATION
from pipeline.errors import ConfigurationError

MIGRATION_LOCK = 5_318_008_211
"""Key of the advisory lock under which one process of PostgreSQL migrates; any number that no other program uses."""
VERSION_TABLE = "schema_version"


def migrate(engine: Engine, group: str) -> None:
    """Migrate under a lock, and check the group. Only one thread may do so: Alembic has global state.

    Raises:
        ConfigurationError: a later release has migrated the tables, or they hold another group's outcomes.
        SQLAlchemyError: the database does not answer, or refuses it.
    """
    with as_file(files("pipeline.adapters.history") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        with _alone(engine) as connection:
            _require_known(connection, ScriptDirectory.from_config(config))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _owner(connection, group)


def own(engine: Engine, group: str) -> None:
    """Take the tables for the outcomes of this group, where no group has them.

    Raises:
        ConfigurationError: they hold another group's outcomes.
        SQLAlchemyError: the database does not answer, or refuses it.
    """
    with _alone(engine) as connection:
        if _owner(connection, group) is None:
            connection.execute(insert(INSTALLATION), [{"group": group}])


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction beside which no other process migrates; in SQLite writers are alone anyway."""
    with engine.begin() as connection:
        if connection.dialect.name == POSTGRESQL:
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        yield connection


def _owner(connection: Connection, group: str) -> str | None:
    """Return the group that has the tables: positions and rows do not name one.

    Raises:
        ConfigurationError: it is another one.
    """
    owner = connection.execute(select(INSTALLATION.c.group)).scalar()
    if owner not in {None, group}:
        raise ConfigurationError(
            f"the history's database holds the outcomes of the group {owner}, and kafka.group_id is {group}",
            hint="give each installation a database of its own in history.url",
        )
    return owner


def _require_known(connection: Connection, scripts: ScriptDirectory) -> None:
    present = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()
    unknown = sorted(set(present) - {script.revision for script in scripts.walk_revisions()})
    if unknown:
        newest = scripts.get_current_head()
        raise ConfigurationError(
            f"the history's tables have version {unknown[0]}, and this release knows versions up to {newest}",
            hint="a later release has migrated them: use that release, or a database of its own for this one",
        )

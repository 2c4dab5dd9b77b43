"""Create the history's tables, or bring those of an earlier release to this one's form."""

from __future__ import annotations

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

from pipeline.errors import ConfigurationError

MIGRATION_LOCK = 5_318_008_211
"""Key of the advisory lock under which one process of PostgreSQL migrates; any number that no other program uses."""
VERSION_TABLE = "schema_version"


def migrate(engine: Engine) -> None:
    """Migrate under a lock. Only one thread may do so: Alembic has global state.

    Raises:
        ConfigurationError: a later release has migrated the tables.
        SQLAlchemyError: the database does not answer, or refuses it.
    """
    with as_file(files("pipeline.adapters.history") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            _require_known(connection, ScriptDirectory.from_config(config))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _require_known(connection: Connection, scripts: ScriptDirectory) -> None:
    present = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()
    unknown = sorted(set(present) - {script.revision for script in scripts.walk_revisions()})
    if unknown:
        newest = scripts.get_current_head()
        raise ConfigurationError(
            f"the history's tables have version {unknown[0]}, and this release knows versions up to {newest}",
            hint="a later release has migrated them: use that release, or a database of its own for this one",
        )

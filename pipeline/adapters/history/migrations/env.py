"""Alembic runs this for each command; the connection comes from `store.py`."""

from __future__ import annotations

from alembic import context

from pipeline.adapters.history.migrating import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

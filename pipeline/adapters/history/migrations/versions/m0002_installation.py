"""Record whose outcomes the tables hold: rows and positions have no group."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create a table with one row, which the first installation that uses the tables writes."""
    op.execute('CREATE TABLE installation ("group" text NOT NULL PRIMARY KEY)')

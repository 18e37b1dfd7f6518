"""What Alembic runs: the migrations, on the connection that `hub.database.upgrade` hands in."""

from __future__ import annotations

from alembic import context

from hub.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()

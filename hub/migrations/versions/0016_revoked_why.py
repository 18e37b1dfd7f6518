"""Why a gate's certificate was revoked"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("revoked_why", sa.String(length=200), nullable=False, server_default="")
    with op.batch_alter_table("gate_certificates") as table:
        table.add_column(column)


def downgrade() -> None:
    with op.batch_alter_table("gate_certificates") as table:
        table.drop_column("revoked_why")

"""Sick leave that HR has confirmed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "leave_confirmed",
        sa.Column("absence_id", KEY, nullable=False, autoincrement=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["absence_id"], ["absences.id"], name=op.f("fk_leave_confirmed_absence_id")),
        sa.PrimaryKeyConstraint("absence_id", name=op.f("pk_leave_confirmed")),
    )

"""Where people in isolation were, and since when: until now only the last place was known"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "case_stays",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("case_id", _KEY, nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("place_id", _KEY, nullable=True),
        sa.Column("in_hospital", sa.Boolean(), nullable=False),
        sa.Column("hospital", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_stays_case_id"),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name="fk_case_stays_place_id"),
        sa.PrimaryKeyConstraint("id", name="pk_case_stays"),
    )
    op.create_index("ix_case_stays_case_id", "case_stays", ["case_id"])
    op.execute(
        """INSERT INTO case_stays (case_id, from_ns, place_id, in_hospital, hospital)
        SELECT id, coalesce(placed_ns, opened_ns), place_id, hospital <> '', hospital FROM cases
        WHERE place_id IS NOT NULL OR hospital <> ''"""
    )


def downgrade() -> None:
    op.drop_index("ix_case_stays_case_id", "case_stays")
    op.drop_table("case_stays")

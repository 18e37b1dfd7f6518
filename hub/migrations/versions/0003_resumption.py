"""When the site opens, and whether it is ready"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ITEMS = ("command", "plan", "risks", "emergency", "staff", "posts", "isolation", "equipment", "supplies",
          "disinfection", "canteen", "teams", "publicity")  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "openings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column(
            "ground",
            sa.Enum("date", "approved", "essential", name="ground", native_enum=False, length=16),
            nullable=False,
        ),
        sa.Column("approved_by", sa.String(length=120), nullable=False),
        sa.Column("document", sa.String(length=120), nullable=False),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openings")),
    )
    op.create_table(
        "readiness",
        sa.Column("item", sa.Enum(*_ITEMS, name="item", native_enum=False, length=16), nullable=False),
        sa.Column("owner", sa.String(length=60), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_readiness")),
    )


def downgrade() -> None:
    op.drop_table("readiness")
    op.drop_table("openings")

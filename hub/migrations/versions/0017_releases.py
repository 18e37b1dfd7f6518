"""Releases of the program, and how far each is with the gates"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def key() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "releases",
        key(),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("added_ns", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
        sa.UniqueConstraint("serial", name=op.f("uq_releases_serial")),
    )
    op.create_table(
        "rollouts",
        key(),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("wish", sa.String(length=16), nullable=False),
        sa.Column("waves", sa.String(length=200), nullable=False),
        sa.Column("gates", sa.Text(), nullable=False),
        sa.Column("soak_s", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=400), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("good_ns", sa.BigInteger(), nullable=True),
        sa.Column("begun_ns", sa.BigInteger(), nullable=False),
        sa.Column("begun_by", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
    )
    op.create_table(
        "gate_offers",
        key(),
        sa.Column("gate", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("wish", sa.String(length=16), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("rollout_id", sa.BigInteger(), nullable=False),
        sa.Column("offered_ns", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_offers")),
        sa.UniqueConstraint("gate", name=op.f("uq_gate_offers_gate")),
    )


def downgrade() -> None:
    for table in ("gate_offers", "rollouts", "releases"):
        op.drop_table(table)

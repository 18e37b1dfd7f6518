"""Whose a card was before"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "former_badges",
        sa.Column("id", key, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("person_id", key, nullable=True),
        sa.Column("from_ns", sa.BigInteger(), nullable=True),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_former_badges_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_badges")),
    )
    op.create_index(op.f("ix_former_badges_token"), "former_badges", ["token"])
    op.create_index(op.f("ix_former_badges_person_id"), "former_badges", ["person_id"])
    op.add_column("badges", sa.Column("held_from_ns", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("badges", "held_from_ns")
    op.drop_table("former_badges")

"""Absences: sick leave and holidays"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("sick", "holiday", "business", "other", name="absencekind", native_enum=False, length=16),
            nullable=False,
        ),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("symptoms", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.Column("said_ns", sa.BigInteger(), nullable=False),
        sa.Column("said_by", sa.String(length=60), nullable=False),
        sa.Column("ended_by", sa.String(length=60), nullable=False),
        sa.Column("withdrawn_ns", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_absences_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    with op.batch_alter_table("absences", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_absences_from_on"), ["from_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_absences_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_absences_until_on"), ["until_on"], unique=False)

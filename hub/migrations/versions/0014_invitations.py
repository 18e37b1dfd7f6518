"""Visits that a host asks for, and what visitors fill in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXTS = {"name": 80, "telephone": 40, "company": 80, "reason": 200, "plate": 20, "travelled": 200, "contact": 200}


def upgrade() -> None:
    decision = sa.Enum("approved", "refused", name="decision", native_enum=False, length=16)
    op.create_table(
        "invitations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("host_id", KEY, nullable=True),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        *(sa.Column(name, sa.String(length=length), nullable=False) for name, length in TEXTS.items()),
        sa.Column("filled_ns", sa.BigInteger(), nullable=True),
        sa.Column("decision", decision, nullable=True),
        sa.Column("decided_ns", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=60), nullable=False),
        sa.Column("visit_id", KEY, nullable=True),
        sa.ForeignKeyConstraint(["host_id"], ["people.id"], name=op.f("fk_invitations_host_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_invitations_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        for column in ("host_id", "until_ns", "visit_id"):
            batch_op.create_index(batch_op.f(f"ix_invitations_{column}"), [column], unique=False)

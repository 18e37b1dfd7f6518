"""What workers tell by telephone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "worker_links",
        sa.Column("person_id", KEY, nullable=False, autoincrement=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_worker_links_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_worker_links")),
    )
    op.create_table(
        "declarations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("temperature_c", sa.Double(), nullable=True),
        sa.Column("symptoms", sa.String(length=120), nullable=False),
        sa.Column("told", sa.String(length=200), nullable=False),
        sa.Column("travelled", sa.String(length=200), nullable=False),
        sa.Column("gathered", sa.String(length=200), nullable=False),
        sa.Column("contact", sa.String(length=200), nullable=False),
        sa.Column(
            "concern",
            sa.Enum("none", "note", "call", "ill", name="concern", native_enum=False, length=16),
            nullable=False,
        ),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("settled_ns", sa.BigInteger(), nullable=True),
        sa.Column("settled_by", sa.String(length=60), nullable=False),
        sa.Column("settled_note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_declarations_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declarations")),
    )
    with op.batch_alter_table("declarations", schema=None) as batch_op:
        for column in ("concern", "day", "person_id"):
            batch_op.create_index(batch_op.f(f"ix_declarations_{column}"), [column], unique=False)

"""Notices, and who has seen them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    audience = sa.Enum("site", "team", "gates", name="audience", native_enum=False, length=16)
    op.create_table(
        "notices",
        sa.Column("id", KEY, nullable=False),
        sa.Column("audience", audience, nullable=False),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("gates", sa.String(length=400), nullable=False),
        sa.Column("zh", sa.String(length=500), nullable=False),
        sa.Column("en", sa.String(length=500), nullable=False),
        sa.Column("speech", sa.String(length=32), nullable=False),
        sa.Column("every_min", sa.Integer(), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_notices_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_table(
        "notice_receipts",
        sa.Column("notice_id", KEY, nullable=False, autoincrement=False),
        sa.Column("person_id", KEY, nullable=False, autoincrement=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name=op.f("fk_notice_receipts_notice_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_notice_receipts_person_id")),
        sa.PrimaryKeyConstraint("notice_id", "person_id", name=op.f("pk_notice_receipts")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        for column in ("team_id", "until_ns"):
            batch_op.create_index(batch_op.f(f"ix_notices_{column}"), [column], unique=False)
    with op.batch_alter_table("notice_receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_receipts_person_id"), ["person_id"], unique=False)

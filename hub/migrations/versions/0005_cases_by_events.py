"""Cases by events: signs of fever, cursors, hospital and contacts of a case"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("placed_ns", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("hospital", sa.String(length=80), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("contact_of_id", _KEY, nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_cases_contact_of_id"), "cases", ["contact_of_id"], ["id"])
        batch_op.create_index(batch_op.f("ix_cases_contact_of_id"), ["contact_of_id"], unique=False)
        batch_op.create_index(
            "one_open_case",
            ["person_id"],
            unique=True,
            sqlite_where=sa.text("closed_ns IS NULL"),
            postgresql_where=sa.text("closed_ns IS NULL"),
        )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.alter_column("hospital", server_default=None, existing_type=sa.String(length=80))
    op.execute("UPDATE cases SET placed_ns = opened_ns WHERE place_id IS NOT NULL")
    # Whoever went to hospital was let in at the gates from then on; that is an end before its time.
    op.execute("UPDATE cases SET \"end\" = 'early' WHERE \"end\" = 'hospital'")
    op.create_table(
        "signs",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("fever", "confirmed", "normal", name="signkind", native_enum=False, length=16),
            nullable=False,
        ),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.Column("gate", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=32), nullable=False),
        sa.Column("passage", sa.String(length=64), nullable=False),
        sa.Column("badge", sa.String(length=64), nullable=True),
        sa.Column("measured_c", sa.Double(), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("alert_key", sa.String(length=240), nullable=False),
        sa.Column("person_id", _KEY, nullable=True),
        sa.Column("case_id", _KEY, nullable=True),
        sa.Column("settled_ns", sa.BigInteger(), nullable=True),
        sa.Column("settled_by", sa.String(length=60), nullable=False),
        sa.Column("settled_why", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_signs_person_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_signs_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signs")),
        sa.UniqueConstraint("source", name=op.f("uq_signs_source")),
    )
    with op.batch_alter_table("signs", schema=None) as batch_op:
        for column in ("alert_key", "badge", "case_id", "passage", "person_id", "time_ns"):
            batch_op.create_index(batch_op.f(f"ix_signs_{column}"), [column], unique=False)

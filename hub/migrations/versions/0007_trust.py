"""The gates that belong to the site: codes and certificates"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "enrolments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("gate", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("gate", name=op.f("uq_enrolments_gate")),
    )
    op.create_table(
        "gate_certificates",
        sa.Column("id", KEY, nullable=False),
        sa.Column("gate", sa.String(length=32), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("issued_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ns", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_certificates")),
        sa.UniqueConstraint("serial", name=op.f("uq_gate_certificates_serial")),
    )
    with op.batch_alter_table("gate_certificates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gate_certificates_gate"), ["gate"], unique=False)

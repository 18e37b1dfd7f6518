"""Which token key the register goes by, and which each gate does"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "token_keys",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(length=40), nullable=False),
        sa.Column("since_ns", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.String(length=60), nullable=False),
        sa.Column("finished_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_keys")),
        sa.UniqueConstraint("version", name=op.f("uq_token_keys_version")),
    )
    op.create_table(
        "gate_token_keys",
        sa.Column("id", KEY, nullable=False),
        sa.Column("gate", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=40), nullable=False),
        sa.Column("since_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_token_keys")),
        sa.UniqueConstraint("gate", name=op.f("uq_gate_token_keys_gate")),
    )


def downgrade() -> None:
    op.drop_table("gate_token_keys")
    op.drop_table("token_keys")

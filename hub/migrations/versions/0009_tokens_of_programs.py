"""Programs' tokens have permissions and an owner instead of a role"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OF_ROLE = {"officer": "alerts board records", "oncall": "alerts board", "auditor": "board records"}
"""What a token of the time before could do at the API."""


def upgrade() -> None:
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("permissions", sa.String(length=200), nullable=False, server_default="board"))
        batch_op.add_column(sa.Column("used_ns", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("revoked_ns", sa.BigInteger(), nullable=True))
    tokens = sa.table("api_tokens", sa.column("role", sa.String), sa.column("permissions", sa.String))
    for role, permissions in _OF_ROLE.items():
        op.execute(tokens.update().where(tokens.c.role == role).values(permissions=permissions))
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.alter_column("permissions", server_default=None)
        batch_op.drop_column("role")
        batch_op.create_foreign_key(batch_op.f("fk_api_tokens_owner_id_users"), "users", ["owner_id"], ["id"])
        batch_op.create_index(batch_op.f("ix_api_tokens_owner_id"), ["owner_id"], unique=False)

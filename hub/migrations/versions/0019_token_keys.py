"""Tokens under the key that the site had before"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("badges", sa.Column("key", sa.String(length=16), nullable=False, server_default="now"))
    for name in ("old_plate_token", "old_tag_token"):
        op.add_column("vehicles", sa.Column(name, sa.String(length=64), nullable=True))


def downgrade() -> None:
    for name in ("old_plate_token", "old_tag_token"):
        op.drop_column("vehicles", name)
    op.drop_column("badges", "key")

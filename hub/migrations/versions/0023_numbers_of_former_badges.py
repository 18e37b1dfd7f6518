"""Which card it was that somebody had before: what it is known by changes with the token key"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("former_badges", sa.Column("number", sa.String(length=80), nullable=True))


def downgrade() -> None:
    op.drop_column("former_badges", "number")

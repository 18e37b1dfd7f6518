"""A team eats several times a day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.alter_column("meal_slot", type_=sa.String(length=60), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.alter_column("meal_slot", type_=sa.String(length=20), existing_nullable=False)

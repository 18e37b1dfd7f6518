"""Who declared what on a day is read without reading the declarations"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_declarations_of_day", "declarations", ["day", "person_id", "concern"])
    op.drop_index("ix_declarations_day", "declarations")


def downgrade() -> None:
    op.create_index("ix_declarations_day", "declarations", ["day"])
    op.drop_index("ix_declarations_of_day", "declarations")

"""The codes and times of what is disinfected"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "round_stops",
        sa.Column("id", KEY, nullable=False),
        sa.Column("place_id", KEY, nullable=True),
        sa.Column("vehicle_id", KEY, nullable=True),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("times", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("fk_round_stops_place_id")),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicles.id"], name=op.f("fk_round_stops_vehicle_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_stops")),
        sa.UniqueConstraint("code", name=op.f("uq_round_stops_code")),
        sa.UniqueConstraint("place_id", name=op.f("uq_round_stops_place_id")),
        sa.UniqueConstraint("vehicle_id", name=op.f("uq_round_stops_vehicle_id")),
    )

"""Until when a benefit that was given holds, and what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("expires_at", "redeemed_at", "released_at"):
        op.add_column("benefit_uses", sa.Column(name, sa.DateTime(timezone=True)))

"""Who is kept from every campaign: what was decided, and since when."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "global_holdouts",
        sa.Column("since", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
    )

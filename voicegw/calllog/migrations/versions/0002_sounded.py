"""A turn's answer on a stream is heard at a moment of its own: `turns.sounded_ms`. Older turns have none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("sounded_ms", sa.Integer, nullable=True))

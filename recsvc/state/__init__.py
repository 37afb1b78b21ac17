"""What recsvc writes down: tables, migrations, and the way to the database."""

from recsvc.state import live_events, mailing  # noqa: F401  # their tables belong to the schema
from recsvc.state.database import DatabaseError, connect, open_database, writing

__all__ = ["DatabaseError", "connect", "open_database", "writing"]

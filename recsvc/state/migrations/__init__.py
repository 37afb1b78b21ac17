"""Alembic's home inside the package, so that an installed wheel migrates itself. A new revision is a file in versions/
and a new `HEAD` in `recsvc.state.migrate`."""

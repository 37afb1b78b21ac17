"""Run by Alembic: migrate the connection that `recsvc.state.migrate` has opened and locked."""

from alembic import context

from recsvc.state.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()

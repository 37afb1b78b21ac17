"""How a database is named to people."""

import sqlalchemy as sa


def place_of(database: sa.Engine) -> str:
    """The file, or the address without password and options."""
    if database.dialect.name == "sqlite":
        return str(database.url.database)
    return database.url.set(drivername=database.dialect.name, query={}).render_as_string(hide_password=True)

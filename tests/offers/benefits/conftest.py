"""Both databases, as the tests of state have them."""

from tests.state.conftest import database, database_url

__all__ = ["database", "database_url"]

"""What tests of faults share with those of the parts that they break."""

from tests.http.conftest import database, live, store
from tests.input.conftest import read

__all__ = ["database", "live", "read", "store"]

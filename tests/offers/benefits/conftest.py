"""Both databases, as the tests of state have them."""

import shutil
from pathlib import Path

import pytest

from tests.state.conftest import database

__all__ = ["database"]


@pytest.fixture
def tiny_store_copy(tiny_store: Path, tmp_path: Path) -> Path:
    """The tiny shop's model in a store of its own."""
    return Path(shutil.copytree(tiny_store, tmp_path / "store"))

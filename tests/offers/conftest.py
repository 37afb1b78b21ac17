"""A store with a model and customers, and a campaign for it."""

import shutil
from pathlib import Path

import pytest

from tests.conftest_shop import run_recsvc
from tests.offers.made_up import CAMPAIGN

CUSTOMERS = """customer_id,email,first_name,locale,email_ok,profiling_ok,tier
coffee-1,kim@mail.example,Kim,de,1,1,gold
pasta-2,=2+2,Eve,de,1,1,gold
pasta-3,sam@mail.example,"Sam
Bcc: x@y.example",en-GB,1,1,
bath-4,noprofile@mail.example,Ada,en,1,0,gold
bath-5,noconsent@mail.example,Bob,de,0,1,gold
bath-6,,Cleo,de,1,1,gold
newcomer,new@mail.example,,fr,1,1,silver
"""


@pytest.fixture
def shop_store(tiny_store: Path, tmp_path: Path) -> Path:
    """A copy of the tiny shop's store with six customers (a seventh is refused), four of whom may be mailed."""
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS, encoding="utf-8")
    result = run_recsvc("customers", "import", path, "--store", store, "--quiet")
    assert result.exit_code == 0
    return store


@pytest.fixture
def campaign_file(tmp_path: Path) -> Path:
    """The made-up campaign, with slots that the tiny shop can fill."""
    path = tmp_path / "campaign.toml"
    path.write_text(CAMPAIGN.replace("n = 1", "n = 3"), encoding="utf-8")
    return path

"""A store with a model and customers, and a campaign for it."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.registry import Registry
from recsvc.engine import Engine
from recsvc.offers.campaign import load_campaign
from recsvc.offers.run import Run
from recsvc.offers.selection import OfferMaker
from recsvc.state import open_database
from tests.conftest_shop import run_recsvc
from tests.offers.made_up import CAMPAIGN

NOW = datetime(2026, 3, 3, tzinfo=UTC)

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


def export(campaign: Path, store: Path, out: Path, *more: str | Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary and the JSON lines of an export that must succeed."""
    result = run_recsvc("offers", "export", campaign, "--store", store, "--out", out, "--json", *more)
    assert result.exit_code == 0, result.stderr
    lines = (out / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(result.stdout), [json.loads(line) for line in lines]


@pytest.fixture(name="database")
def fixture_database(shop_store: Path) -> Iterator[sa.Engine]:
    engine = open_database(None, shop_store)
    yield engine
    engine.dispose()


@pytest.fixture(name="maker")
def fixture_maker(shop_store: Path, campaign_file: Path) -> OfferMaker:
    engine = Engine.from_bundle(Registry(shop_store).open())
    return OfferMaker(load_campaign(campaign_file), engine, now=NOW)


@pytest.fixture(name="run")
def fixture_run(maker: OfferMaker, database: sa.Engine) -> Run:
    return Run.of(maker.campaign, maker.engine, database, b"a secret of the tests", now=NOW)

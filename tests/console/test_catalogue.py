"""The catalogue's completeness and reach: counted by hand in the tiny shop."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from models.lists import StoredLists
from models.registry import Registry
from recsvc.coverage import ATTRIBUTES, Coverage, in_first
from recsvc.engine import Engine
from tests.conftest_shop import ITEMS, run_recsvc

PAGE = "/console/catalogue"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def test_what_is_cold_unfit_and_complete(tiny_store: Path) -> None:
    engine = Engine.from_bundle(Registry(tiny_store).open(verify=False))
    found = Coverage.of(engine, NOW).as_json()
    assert (found["items"], found["recommendable"], found["cold"]) == (len(ITEMS), len(ITEMS) - 1, 1)
    assert found["unfit"] == {
        "not_listed": 0, "no_title": 0, "out_of_stock": 1, "not_yet_available": 0, "expired": 0,
    }  # fmt: skip
    assert set(found["complete"]) == set(ATTRIBUTES)
    assert (found["complete"]["price"], found["complete"]["description"]) == (1.0, 0.0)
    printed = run_recsvc("models", "catalogue", "--store", tiny_store)
    assert json.loads(printed.stdout) == found


def test_a_list_counts_up_to_its_tenth_place() -> None:
    item = np.arange(14, dtype=np.int32)
    lists = StoredLists(np.array([0, 12, 12, 14]), item, item.astype(np.float32), item.astype(np.uint8))
    assert np.flatnonzero(in_first(lists, 16)).tolist() == [*range(10), 12, 13]
    assert np.flatnonzero(in_first(lists, 16, top=1)).tolist() == [0, 12]


def test_lists_of_items_lead_on(admin: FlaskClient) -> None:
    assert "never-bought" in admin.get(f"{PAGE}?list=cold").text
    unshown = admin.get(f"{PAGE}?list=unshown").text
    assert "sold-out" in unshown
    assert "not in stock" in unshown


@pytest.mark.parametrize("page", ["0", "-1", "9999999999", "x", "²", ""])
def test_any_page_is_some_page(admin: FlaskClient, page: str) -> None:
    assert admin.get(PAGE, query_string={"list": "nothing", "page": page}).status_code == 200

"""Placements in the settings, and what a request may still say."""

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from models.errors import SettingsError
from recsvc import following
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings
from recsvc.placements import LivePlacements, Placement, read_placements
from tests.http.conftest import SECRET

TOML = """
[placements.cart]
scenario = "complements"
n = 3
fallback = "again"
filter = {field = "category", op = "starts_with", value = "Food"}
requests_set = ["n"]

[placements.tips]
scenario = "popular"
n = 4
pins = [{item_id = "candle", position = 2}]
diversity = {max_per_category = 1, category_level = 2}
boost = [{field = "price", op = ">", value = 5, factor = 2.5}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "recsvc.toml"
    path.write_text(TOML)
    return path


@pytest.fixture
def client(store: Path, live: LiveEngine, database: sa.Engine, config: Path) -> FlaskClient:
    return create_app(ServeSettings(store=store, secret=SECRET, config=config), live, database).test_client()


def items(client: FlaskClient, address: str) -> list[dict[str, Any]]:
    response = client.get(address)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.get_json()["items"]
    return found


def test_a_placement_decides_on_its_list(client: FlaskClient) -> None:
    found = items(client, "/recommend?placement=cart&items=pasta")
    assert len(found) == 3
    assert all(item["category"].startswith("Food") for item in found)
    tips = client.get("/v1/recommend?placement=tips").get_json()
    assert (tips["scenario"], tips["items"][1]["item_id"], tips["items"][1]["source"]) == (
        "popular",
        "candle",
        "pinned",
    )
    levels = [" > ".join(item["category"].split(" > ")[:2]) for item in tips["items"]]
    assert len(levels) == len(set(levels)) == 4


def test_a_request_sets_what_the_placement_lets(client: FlaskClient) -> None:
    assert len(items(client, "/recommend?placement=cart&items=pasta&n=1")) == 1
    narrower = '{"field": "price", "op": "<", "value": 2}'
    found = items(client, f"/recommend?placement=cart&items=pasta&n=50&filter={narrower}")
    assert found
    assert all(item["category"].startswith("Food") and item["price"] < 2 for item in found)
    refused = client.get("/recommend?placement=cart&scenario=home")
    assert refused.status_code == 400
    [error] = refused.get_json()["errors"]
    assert error["parameter"] == "scenario"
    assert "requests_set in [placements.cart]" in error["detail"]


def test_an_unknown_placement_is_not_found(client: FlaskClient) -> None:
    response = client.post("/recommend", json={"placement": "card"})
    assert response.status_code == 404
    [error] = response.get_json()["errors"]
    assert error == {"pointer": "#/placement", "detail": "there is no placement 'card'; did you mean cart?"}


def test_a_changed_file_counts_and_a_broken_one_does_not(
    client: FlaskClient, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.0)
    replace_text(config, TOML.replace("n = 4", "n = 2"))
    assert len(items(client, "/recommend?placement=tips")) == 2
    assert client.get("/health/ready").get_json()["problem"] is None
    replace_text(config, TOML.replace("n = 4", "n = 400"))
    assert len(items(client, "/recommend?placement=tips")) == 2
    assert "[placements.tips]: n is 400" in client.get("/health/ready").get_json()["problem"]
    config.unlink()
    assert len(items(client, "/recommend?placement=tips")) == 2
    replace_text(config, TOML)
    assert len(items(client, "/recommend?placement=tips")) == 4
    assert client.get("/health/ready").get_json()["problem"] is None


def replace_text(path: Path, text: str) -> None:
    other = path.with_suffix(".new")
    other.write_text(text)
    os.replace(other, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("placements = 3", "placements is 3; expected a table"),
        ("[placements]\ncart = 3", "placements.cart is 3; expected a table"),
        ("[placements.a]\nscenari = 'home'", "unknown key 'scenari' in [placements.a]; did you mean 'scenario'?"),
        ("[placements.a]\nn = 0", "[placements.a]: n is 0: input should be greater than or equal to 1"),
        ("[placements.a]\nrequests_set = ['filter']", "requests_set[0] is 'filter'"),
        (
            "[placements.a]\nfilter = {and = [{field = 'prise', op = '<', value = 1}]}",
            "filter.and[0].field is 'prise': no such field; did you mean price?",
        ),
        (
            "[placements.a]\nboost = [{field = 'price', op = '<', value = 1, factor = 11}]",
            "boost[0].factor is 11: expected 0.1 to 10",
        ),
        ("[placment.a]\nn = 1", "unknown key 'placment'"),
    ],
)
def test_settings_that_are_wrong_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recsvc.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        LivePlacements(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_every_setting_of_a_placement_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in Placement.model_fields if f"| `placements.NAME.{name}` |" not in page] == []
    assert read_placements(None) == {}

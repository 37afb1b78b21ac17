"""Placements: the live list beside the one of other settings."""

import re
import tomllib
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from recsvc.console.toml_text import toml_text
from tests.console.conftest import CONFIG, post

PAGE = "/console/placements"


def lists_in(page: str) -> list[list[str]]:
    return [re.findall(r'<span class="title">([^<]+)', part) for part in page.split('<ol class="items">')[1:]]


def test_both_lists_are_those_of_the_interface(admin: FlaskClient, token: str, store: Path) -> None:
    key = {"X-API-Key": token}
    asked = {"customer_id": "coffee-3", "placement": "top"}
    live = [item["title"] for item in admin.get("/recommend", query_string=asked, headers=key).get_json()["items"]]
    settings = 'n = 4\nscenario = "discover"\n'
    page = post(admin, PAGE, PAGE, name="top", customers="coffee-3", settings=settings).text
    body = {"customer_id": "coffee-3", "n": 4, "scenario": "discover"}
    tried = [item["title"] for item in admin.post("/recommend", json=body, headers=key).get_json()["items"]]
    assert lists_in(page) == [live, tried]
    assert page.count("new here") == len(set(tried) - set(live))
    assert page.count(">gone<") == len(set(live) - set(tried))
    assert (store / "recsvc.toml").read_text() == CONFIG


def test_lists_about_items_are_asked_about_the_last_order(admin: FlaskClient) -> None:
    page = admin.get(f"{PAGE}?name=cart&customers=coffee-3").text
    assert "Asked about:" in page
    live, tried = lists_in(page)
    assert live == tried


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("n = 0", "n is 0"),
        ("m = 1", "unknown key &#39;m&#39;"),
        ("n = ", "no TOML"),
        ('scenario = "hme"', "scenario is &#39;hme&#39;"),
        ('filter = {field = "price", op = "<"}', "filter"),
        ("\x00", "no TOML"),
    ],
)
def test_a_mistake_is_named_and_the_text_stays(admin: FlaskClient, settings: str, named: str) -> None:
    answer = post(admin, PAGE, PAGE, name="top", settings=settings)
    assert answer.status_code == 200
    assert named in answer.text
    assert lists_in(answer.text) == []


def test_the_settings_are_written_as_they_were_read() -> None:
    tables = tomllib.loads(CONFIG)["placements"]
    for table in (*tables.values(), {"a b": 'x"\\\n\x7f', "n": 1.5, "on": True, "list": [{"k": "ü"}, 2]}):
        assert tomllib.loads(toml_text(table)) == table

"""Models: what they show, and that publishing and rolling back really do."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from models.registry import Registry
from tests.console.conftest import post

MODELS = "/console/models"


def test_a_version_can_be_published_and_rolled_back(admin: FlaskClient, store: Path) -> None:
    registry = Registry(store)
    old, new = registry.versions()
    assert registry.current() == new
    page = admin.get(f"{MODELS}/{old}").text
    assert f'action="{MODELS}/{old}/publish"' in page
    assert "/publish" not in admin.get(f"{MODELS}/{new}").text
    done = post(admin, f"{MODELS}/{old}", f"{MODELS}/{old}/publish")
    assert (done.status_code, done.headers["Location"]) == (303, f"{MODELS}?done={old}")
    assert registry.current() == old
    assert registry.history()[-1].why == "published in the console by Nora"
    assert f"Published: {old}" in admin.get(done.headers["Location"]).text
    back = post(admin, MODELS, f"{MODELS}/rollback")
    assert (back.status_code, registry.current()) == (303, new)
    again = post(admin, MODELS, f"{MODELS}/rollback")
    assert (again.status_code, registry.current()) == (409, new)
    assert "nothing was published before" in again.text


def test_a_damaged_model_is_named_and_not_published(admin: FlaskClient, store: Path) -> None:
    registry = Registry(store)
    old, new = registry.versions()
    array = next((store / "bundles" / old).glob("*.npy"))
    array.write_bytes(array.read_bytes()[:-1] + b"\x7f")
    refused = post(admin, MODELS, f"{MODELS}/{old}/publish")
    assert (refused.status_code, "is damaged" in refused.text) == (409, True)
    assert registry.current() == new
    (store / "bundles" / old / "manifest.json").write_text("{")
    assert "manifest" in admin.get(MODELS).text
    assert admin.get(f"{MODELS}/{old}").status_code == 200


@pytest.mark.parametrize("version", ["nothing", "20261122", "..", "%2e%2e%2fx", "a" * 3000])
def test_a_version_that_is_not_there_has_a_page_that_says_so(admin: FlaskClient, version: str) -> None:
    for answer in (admin.get(f"{MODELS}/{version}"), post(admin, MODELS, f"{MODELS}/{version}/publish")):
        assert answer.status_code == 404
        assert answer.content_type == "text/html; charset=utf-8"


def test_the_gates_reasons_are_told(admin: FlaskClient, store: Path) -> None:
    old = Registry(store).versions()[0]
    place = store / "bundles" / old / "manifest.json"
    manifest = json.loads(place.read_text())
    manifest["metrics"]["gate"] |= {"passed": False, "reasons": ["a part of the data is <missing>"]}
    place.write_text(json.dumps(manifest))
    page = admin.get(f"{MODELS}/{old}").text
    assert "a part of the data is &lt;missing&gt;" in page
    assert "refused" in page

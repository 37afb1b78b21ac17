"""Models: what they show, and that publishing and rolling back really do."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from models.registry import Registry
from models.remote_registry import open_registry
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
    manifest = Registry(store).manifest(old)
    gate = {**manifest.metrics["gate"], "passed": False, "reasons": ["a part of the data is <missing>"]}
    changed = replace(manifest, metrics={**manifest.metrics, "gate": gate})
    (store / "bundles" / old / "manifest.json").write_text(changed.as_json())
    page = admin.get(f"{MODELS}/{old}").text
    assert "a part of the data is &lt;missing&gt;" in page
    assert "refused" in page


@pytest.fixture
def shared(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the registry that several machines share; the store's models are in it."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.setenv("RECSVC_REGISTRY", (tmp_path / "mounted").as_uri())
    for version in Registry(store).versions():
        open_registry(store).publish(version, why="trained", now=datetime.now(UTC))
    return tmp_path / "mounted"


def test_a_shared_registry_is_shown_published_to_and_said_to_be_down(
    shared: Path, admin: FlaskClient, store: Path
) -> None:
    old, new = open_registry(store).versions()
    assert f"{MODELS}/{old}" in admin.get(MODELS).text
    assert post(admin, f"{MODELS}/{old}", f"{MODELS}/{old}/publish").status_code == 303
    assert open_registry(store).current() == old
    assert post(admin, MODELS, f"{MODELS}/rollback").status_code == 303
    assert [entry.version for entry in open_registry(store).history()] == [old, new, old, new]
    (shared / "current.json").write_text("{}")
    assert "not what recsvc wrote" in admin.get(MODELS).text
    assert admin.get(f"{MODELS}/{old}").status_code == 200
    shared.rename(shared.with_name("gone"))
    for page in (admin.get(MODELS), admin.get(f"{MODELS}/{old}")):
        assert (page.status_code, "mount it" in page.text) == (503, True)
    assert "shared registry does not answer" in admin.get("/console").text

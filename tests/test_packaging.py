"""The wheel holds what it must and nothing else, and serves what was trained elsewhere."""

import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest_image import ROOT, free_port, get_json, serving
from tests.dockerfile import Image

PACKAGES = ("models", "recsvc", "training")
NOT_SHIPPED = ("__pycache__", ".pyc", ".DS_Store", "~", ".swp")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the sources, by the locked build backend alone."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, source / name)
    for name in (*PACKAGES, "tests", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", out, source],
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    [path] = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not any(part.endswith(NOT_SHIPPED) for part in path.parts)
    }
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


@pytest.mark.parametrize(
    "part",
    ["models/py.typed", "recsvc/py.typed", "training/py.typed", "/templates/", "/locale/", "/migrations/versions/"],
)
def test_what_serving_reads_is_there(wheel: zipfile.ZipFile, part: str) -> None:
    assert any(part in f"/{name}" for name in wheel.namelist())


def test_the_licence_comes_along(wheel: zipfile.ZipFile) -> None:
    [licence] = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert "Apache License" in wheel.read(licence).decode()
    [metadata] = [name for name in wheel.namelist() if name.endswith("METADATA")]
    assert "License-Expression: Apache-2.0" in wheel.read(metadata).decode()


def test_every_entry_point_leads_to_a_command(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    parser = ConfigParser()
    parser.read_string(wheel.read(entry_points).decode())
    assert set(parser.sections()) == {"console_scripts", "recsvc.commands", "recsvc.commands.train"}
    for section in parser.sections():
        for name, place in parser[section].items():
            module, _, attribute = place.partition(":")
            assert callable(getattr(import_module(module), attribute)), f"{section}: {name} = {place}"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_clean_install_serves_a_bundle_trained_elsewhere(
    serve_image: Image, tiny_store: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    python = serve_image.path("/opt/recsvc/bin/python")
    listing = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    installed = {line.partition("==")[0].lower() for line in listing.stdout.splitlines()}
    assert "recsvc" in installed
    assert installed.isdisjoint({"implicit", "scikit-learn", "duckdb", "pandas", "joblib", "ibis-framework", "pytest"})

    port = str(free_port())
    recsvc = str(serve_image.path("/opt/recsvc/bin/recsvc"))
    environment = {**serve_image.environment, "RECSVC_STORE": str(store)}
    health_check = [word.replace("8000", port) for word in serve_image.health_check]
    with serving([recsvc, "serve", "--port", port], environment, health_check, tmp_path / "log"):
        known = get_json(f"http://127.0.0.1:{port}/recommend?customer_id=coffee-3")
        assert known["fallback"] is None
        assert {"coffee", "filter", "cup"} & {item["item_id"] for item in known["items"]}
        assert all(item["source"] and item["reason"] for item in known["items"])
        stranger = get_json(f"http://127.0.0.1:{port}/recommend?customer_id=nobody")
        assert stranger["fallback"] is not None
        assert stranger["items"]

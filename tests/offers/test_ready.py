"""The campaigns that ship ready, each checked, and filled from the tiny shop."""

from pathlib import Path

import pytest

from recsvc.offers.ready import NAMES
from tests.conftest_shop import run_recsvc


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_campaign_passes_the_check_and_runs(name: str, shop_store: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    assert run_recsvc("offers", "init", name, "--out", path).exit_code == 0
    checked = run_recsvc("offers", "check", path)
    assert (checked.exit_code, checked.stderr) == (0, "")
    ran = run_recsvc("offers", "preview", path, "--customer", "coffee-1", "--store", shop_store, "--text")
    assert ran.exit_code == 0, ran.stderr
    assert "/u/" in ran.stdout


def test_init_lists_them_and_overwrites_nothing(tmp_path: Path) -> None:
    listed = run_recsvc("offers", "init").stdout
    assert [line.partition(":")[0] for line in listed.splitlines()] == list(NAMES)
    path = tmp_path / "mine.toml"
    path.write_text("mine", encoding="utf-8")
    again = run_recsvc("offers", "init", "win-back", "--out", path)
    assert again.exit_code == 2
    assert "is there already; choose another --out" in again.stderr
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_name_that_none_has() -> None:
    result = run_recsvc("offers", "init", "winback")
    assert result.exit_code == 2
    assert "no ready campaign is called 'winback'; did you mean win-back?" in result.stderr

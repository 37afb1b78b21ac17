"""The files of an export: what they hold, and that they are complete or not there at all."""

import csv
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsvc.customers.table import Customer
from recsvc.offers.export import export_offers
from recsvc.offers.offer import Offer
from recsvc.offers.run import Run
from recsvc.offers.selection import OfferMaker
from tests.conftest_shop import run_recsvc
from tests.offers.conftest import NOW, export


def test_csv_and_jsonl_hold_the_same(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    _, lines = export(campaign_file, shop_store, tmp_path / "out")
    with (tmp_path / "out" / "golden.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert row["customer_id"] == line["customer_id"]
        assert row["subject"] == line["subject"]
        for slot in line["slots"]:
            for place, item in enumerate(slot["items"], 1):
                assert row[f"{slot['name']}_{place}_id"] == item["item_id"]
                assert row[f"{slot['name']}_{place}_price"] == item["price"]
                assert float(row[f"{slot['name']}_{place}_price_value"]) == item["price_value"]
                assert row[f"{slot['name']}_{place}_link"] == item["link"]


def test_nobody_left_to_write_to_leaves_the_old_files(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    export(campaign_file, shop_store, tmp_path / "out")
    before = (tmp_path / "out" / "golden.jsonl").read_bytes()
    with campaign_file.open("a", encoding="utf-8") as text:
        text.write('\n[audience]\ntier = ["platinum"]\n')
    result = run_recsvc("offers", "export", campaign_file, "--store", shop_store, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "nobody to write to, so no file was written; left out: 6 another tier" in result.stderr
    assert (tmp_path / "out" / "golden.jsonl").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["golden.csv", "golden.jsonl"]


def test_files_are_for_their_owner_alone(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    export(campaign_file, shop_store, tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_export_that_breaks_leaves_the_old_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, maker = tmp_path / "out", run.maker
    export_offers(run, run.audience(), out, formats=("jsonl",))
    before = (out / "golden.jsonl").read_bytes()

    def breaks(customers: Iterator[Customer]) -> Iterator[tuple[Customer, Offer]]:
        yield next(OfferMaker(maker.campaign, maker.engine, now=NOW).paired(customers))
        raise KeyboardInterrupt

    monkeypatch.setattr(maker, "paired", breaks)
    with pytest.raises(KeyboardInterrupt):
        export_offers(run, run.audience(), out, formats=("jsonl",))
    assert [path.name for path in out.iterdir()] == ["golden.jsonl"]
    assert (out / "golden.jsonl").read_bytes() == before


def test_what_a_killed_export_left_is_overwritten(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".golden.jsonl.part").write_bytes(b"x" * 1_000_000)
    _, lines = export(campaign_file, shop_store, out)
    assert len(lines) == 4
    assert sorted(path.name for path in out.iterdir()) == ["golden.csv", "golden.jsonl"]


def test_two_exports_of_one_campaign_do_not_mix(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    held = os.open(out / ".golden.jsonl.part", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        result = run_recsvc("offers", "export", campaign_file, "--store", shop_store, "--out", out)
    finally:
        os.close(held)
    assert result.exit_code == 1
    assert "another export is writing" in result.stderr
    assert not (out / "golden.csv").exists()


def test_a_folder_that_cannot_be_made_is_an_error(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run_recsvc("offers", "export", campaign_file, "--store", shop_store, "--out", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert "choose another --out" in result.stderr


def test_an_unknown_format_is_an_error(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    result = run_recsvc("offers", "export", campaign_file, "--store", shop_store, "--out", tmp_path, "--to", "xlsx")
    assert result.exit_code == 2
    assert "'xlsx' is none of csv, jsonl" in result.stderr

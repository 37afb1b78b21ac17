"""Each shop system's export in its real shape becomes the purchases that it tells of."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import InputError
from tests.input.small_shops import DATA, Line, Read, lines_of
from training.input import InputSettings
from training.input.pseudonyms import pseudonym, pseudonym_key


def test_shopify_orders(read: Read, tmp_path: Path) -> None:
    shop = read(DATA / "shopify_orders.csv", format="shopify")
    key = pseudonym_key(tmp_path / "hmac.key")
    anna, cara = pseudonym("anna@example.org", key), pseudonym("cara@example.org", key)
    expected = {
        Line(anna, "TEE-RED-M", 1, "2026-02-20"),
        Line(anna, "MUG-1", 2, "2026-02-20"),
        Line(cara, "TEE-RED-M", 1, "2026-02-22"),
        Line(cara, "MUG-1", 1, "2026-02-22"),  # its row had no name of the order
        Line(None, "Geschenkkarte", 1, "2026-02-25"),  # no SKU
        Line(None, "CARD-7", 1, "2026-02-25"),
    }
    assert set(lines_of(shop)) == expected
    report = shop.report
    assert {finding.reason: finding.count for finding in report.skipped} == {
        "the order is voided": 1,
        "the order was cancelled": 1,
    }
    assert (report.returns.rows, report.returns.units, report.returns.unmatched_units) == (1, 1, 0)
    assert report.currency == "EUR"
    assert "1 Shopify orders are refunded in part" in report.warnings[0]
    catalogue = shop.data.catalogue
    assert catalogue.texts["title"][catalogue.items.find("MUG-1")] == "Tasse"
    first = shop.data.lines.where(shop.data.lines.customer == shop.data.customers.find(anna))
    price = dict(zip(first.item.tolist(), first.unit_price.tolist(), strict=True))
    assert price[catalogue.items.find("TEE-RED-M")] == pytest.approx(14.90)


def test_woocommerce_array(read: Read, tmp_path: Path) -> None:
    shop = read(DATA / "woocommerce_orders.json", format="woocommerce")
    emil = pseudonym("emil@example.org", pseudonym_key(tmp_path / "hmac.key"))
    assert set(lines_of(shop)) == {
        Line("12", "93", 2, "2026-03-22"),
        Line("12", "23", 1, "2026-03-22"),
        Line(emil, "93", 2, "2026-03-23"),
    }
    assert {finding.reason: finding.count for finding in shop.report.skipped} == {
        "the order is cancelled": 1,
        "the order has no line_items": 1,
    }
    assert (shop.report.returns.units, shop.report.returns.unmatched_units) == (2, 0)
    bean = shop.data.catalogue.items.find("93")
    assert shop.data.lines.unit_price[shop.data.lines.item == bean].tolist() == pytest.approx([9.63, 9.63])


def test_woocommerce_lines_with_refunds_apart(read: Read) -> None:
    shop = read(DATA / "woocommerce_orders.jsonl", format="woocommerce", columns={"item_id": "sku"})
    assert lines_of(shop) == [Line("7", "PLATE", 2, "2026-04-01"), Line("8", "BOWL", 1, "2026-04-02")]


def test_ga4_lines(read: Read) -> None:
    shop = read(DATA / "ga4_events.jsonl", format="ga4")
    assert set(lines_of(shop)) == {
        Line("c_9f2", "TEE-RED-M", 1, "2026-03-01"),
        Line("c_9f2", "MUG-1", 1, "2026-03-01"),
        Line("333.444", "MUG-1", 1, "2026-03-02"),
    }
    assert {finding.reason: finding.count for finding in shop.report.skipped} == {
        "item_id is (not set)": 1,
        "the event is neither purchase nor refund": 1,
        "the purchase event was sent again": 1,
    }
    assert shop.report.currency == "EUR"


@pytest.mark.parametrize("wrapped", [False, True], ids=["lists", "list.element"])
def test_ga4_parquet(read: Read, tmp_path: Path, wrapped: bool) -> None:
    """BigQuery writes repeated fields as lists, or wrapped as {"list": [{"element": …}]}."""
    rows = [json.loads(line) for line in (DATA / "ga4_events.jsonl").read_text().splitlines()]
    for row in rows:
        row["event_timestamp"] = int(row["event_timestamp"])
        for item in row["items"]:
            item["quantity"] = int(item["quantity"])
        if wrapped:
            row["items"] = {"list": [{"element": item} for item in row["items"]]}
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    pq.write_table(pa.table(columns), tmp_path / "events_20260301.parquet")
    in_parquet = read(tmp_path / "events_*.parquet", format="ga4")
    assert lines_of(in_parquet) == lines_of(read(DATA / "ga4_events.jsonl", format="ga4"))
    assert in_parquet.report.returns.units == 3


def test_ga4_days_that_overlap_count_once(read: Read, tmp_path: Path) -> None:
    text = (DATA / "ga4_events.jsonl").read_text()
    for day in ("events_20260301", "events_intraday_20260301"):
        (tmp_path / f"{day}.jsonl").write_text(text)
    assert lines_of(read(tmp_path / "*.jsonl", format="ga4")) == lines_of(read(DATA / "ga4_events.jsonl", format="ga4"))


def test_no_personal_data_leaves_a_shop_export(read: Read, tmp_path: Path) -> None:
    text = (DATA / "shopify_orders.csv").read_text()
    text += "#1007,eve@example.org,paid,2026-02-26 10:00:00 +0000,broken row of Eve\n"
    text += "#1008" + text.splitlines()[-2].removeprefix("#1006").replace(",1,Postkarte", ",many,Postkarte") + "\n"
    path = tmp_path / "orders.csv"
    path.write_text(text)
    read(path, format="shopify", settings=InputSettings(max_rejected_share=0.3))
    rejected = pq.read_table(tmp_path / "rejects.parquet").to_pylist()
    assert [row["reason"] for row in rejected] == [
        "the row has fewer cells than the header",
        "quantity is not a number",
    ]
    assert "example.org" not in json.dumps(rejected)
    assert "Eve" not in json.dumps(rejected)


def test_the_key_of_pseudonyms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECSVC_HMAC_KEY", raising=False)
    path = tmp_path / "store" / "hmac.key"
    key = pseudonym_key(path)
    assert pseudonym_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert pseudonym(" Anna@Example.org ", key) == pseudonym("anna@example.org", key)
    assert pseudonym("anna@example.org", key) != pseudonym("anna@example.org", b"another key of bytes")
    monkeypatch.setenv("RECSVC_HMAC_KEY", "k" * 16)
    assert pseudonym_key(path) == b"k" * 16
    assert pseudonym("a@b.example", b"k" * 16) == "hmac:4621a990fdb7ed48869619148fd31bd8"
    monkeypatch.setenv("RECSVC_HMAC_KEY", "short")
    with pytest.raises(InputError, match="RECSVC_HMAC_KEY has 5 bytes; expected at least 16"):
        pseudonym_key(path)
    monkeypatch.delenv("RECSVC_HMAC_KEY")
    path.write_text("")
    with pytest.raises(InputError, match="holds no key"):
        pseudonym_key(path)

"""Each shop system's export in its real shape becomes the purchases that it tells of."""

from pathlib import Path

import pytest

from tests.input.small_shops import DATA, Line, Read, lines_of
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

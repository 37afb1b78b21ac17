"""Product feeds of each kind: read, judged by rule, merged with what was bought."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.catalogue import Catalogue
from models.errors import InputError, RefusedError, SettingsError
from models.settings import read_section
from tests.input.small_shops import DATA, NOW, Read
from training.input import ProductSettings, Shop

HEADER = "customer_id,order_id,item_id,timestamp\n"


def bought(*items: str) -> str:
    return HEADER + "".join(f"c{n % 2},o{n},{item},2026-01-{n + 1:02}\n" for n, item in enumerate(items))


def recommendable(catalogue: Catalogue) -> set[str]:
    return {catalogue.items[item] for item in np.flatnonzero(catalogue.recommendable(NOW.timestamp())).tolist()}


def counts(shop: Shop, kind: str) -> dict[str, int]:
    assert shop.report.products is not None
    return {finding.reason: finding.count for finding in getattr(shop.report.products, kind)}


def test_a_feed_in_xml(read: Read) -> None:
    shop = read(bought("TEE-RED-M", "MUG-1"), products=DATA / "feed.xml")
    catalogue = shop.data.catalogue
    tee = catalogue.product(catalogue.items.find("TEE-RED-M"), NOW.timestamp())
    assert tee.title == "T-Shirt rot M"
    assert tee.description == "Ein rotes T-Shirt aus Bio-Baumwolle & Leinen."
    assert tee.link == "https://shop.example/p/tee?v=red-m&utm=feed"
    assert (tee.price, tee.sale_price, tee.currency) == (19.9, 14.9, "EUR")
    assert (tee.product_type, tee.brand, tee.item_group_id) == ("Kleidung > T-Shirts", "Muster", "TEE")
    later = catalogue.product(catalogue.items.find("TEE-RED-M"), NOW.timestamp() + 60 * 86_400)
    assert later.sale_price is None
    assert catalogue.texts["title"][catalogue.items.find("MUG-1")] == "Tasse <blau>"
    assert list(catalogue.categories) == ["Kleidung > T-Shirts", "Küche"]
    assert recommendable(catalogue) == {"TEE-RED-M"}
    assert counts(shop, "errors") == {"availability is out_of_stock": 1}
    assert counts(shop, "warnings") == {}
    assert shop.report.products is not None
    assert shop.report.products.complete_share == 0.5


def test_each_rule_is_counted(read: Read) -> None:
    shop = read(bought("good", "bare", "unknown", "script"), products=DATA / "feed.tsv")
    assert recommendable(shop.data.catalogue) == {"good", "sale", "script", "bare"}
    assert counts(shop, "errors") == {
        "id is missing": 1,
        "id was there before; the first item with it counts": 1,
        "title is missing": 1,
        "link is missing": 1,
        "image_link is missing": 1,
        "price is missing": 1,
        "price is not a number with a currency, such as 12.50 EUR": 1,
        "price is not above 0": 1,
        "price has an unknown currency": 1,
        "sale_price is not below price; it is ignored": 1,
        "link is no web address; it is ignored": 1,
        "image_link is no web address; it is ignored": 1,
        "link or image_link is not https": 1,
        "availability is none of in_stock, out_of_stock, preorder, backorder": 1,
        "availability is out_of_stock": 1,
        "pause is set": 1,
        "expiration_date is past": 1,
    }
    warnings = counts(shop, "warnings")
    assert warnings["gtin has a wrong length or check digit"] == 4
    assert warnings["cost_of_goods_sold is above price"] == 1
    assert warnings["sold by weight or volume, without unit_pricing_measure"] == 1
    assert warnings["neither product_type nor google_product_category"] == 2
    assert warnings["description is shorter than 30 characters"] == 2
    report = shop.report
    assert report.products is not None
    assert (report.products.items, report.products.recommendable) == (13, 4)
    assert report.products.complete_share == pytest.approx(2 / 15)  # good, and later
    odd = next(finding for finding in report.products.errors if finding.reason.startswith("price is not a number"))
    assert odd.examples == ("id 'odd': price is 'on request'",)
    catalogue = shop.data.catalogue
    good = catalogue.items.find("good")
    assert (catalogue.numbers["price"][good], catalogue.numbers["cost_of_goods_sold"][good]) == (12.5, 5.0)
    assert catalogue.texts["title"][good] == "Good thing"
    script = catalogue.product(catalogue.items.find("script"), NOW.timestamp())
    assert (script.link, script.image_link, script.price) == ("", "", 3.5)
    september = NOW.timestamp() + 100 * 86_400
    assert catalogue.recommendable(september)[catalogue.items.find("later")]
    assert not catalogue.listed[catalogue.items.find("hidden")]


def test_items_bought_and_items_offered_meet(read: Read) -> None:
    shop = read(bought("good", "bare", "unknown", "script"), products=DATA / "feed.tsv")
    catalogue = shop.data.catalogue
    unknown = catalogue.items.find("unknown")
    assert catalogue.texts["title"][unknown] == "unknown"
    assert not catalogue.listed[unknown]
    assert unknown in shop.data.lines.item
    report = shop.report
    assert report.bought_not_in_catalogue is not None
    assert (report.bought_not_in_catalogue.count, report.bought_not_in_catalogue.examples) == (1, ("unknown",))
    assert report.never_bought is not None
    assert report.never_bought.count == 10
    assert catalogue.items.find("gone") >= 0
    assert report.items_bought == 4
    assert report.warnings == ()


def test_without_a_feed_everything_bought_is_listed(read: Read) -> None:
    shop = read(bought("x", "y"))
    assert recommendable(shop.data.catalogue) == {"x", "y"}
    assert list(shop.data.catalogue.texts["title"]) == ["x", "y"]
    assert shop.report.never_bought is None


def test_a_feed_as_csv_jsonl_and_parquet(read: Read, tmp_path: Path) -> None:
    rows = [
        {"id": "x", "title": "Äpfel, rot", "price": "1,234.50 EUR", "product_type": "Obst"},
        {"id": "y", "title": 'Zoll 5" Rohr', "price": "", "product_type": ""},
    ]
    (tmp_path / "feed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "feed.parquet")
    csv = 'id;title;price;product_type\nx;"Äpfel, rot";1,234.50 EUR;Obst\ny;"Zoll 5"" Rohr";;\n'
    (tmp_path / "feed.csv").write_text(csv)
    (tmp_path / "feed.csv.gz").write_bytes(gzip.compress(csv.encode()))
    (tmp_path / "feed.xml.gz").write_bytes(
        gzip.compress(
            b"<rss><channel><item><id>x</id><title>\xc3\x84pfel, rot</title><price>1234.50 EUR</price>"
            b"<product_type>Obst</product_type></item>"
            b'<item><id>y</id><title>Zoll 5" Rohr</title></item></channel></rss>'
        )
    )
    for name in ("feed.jsonl", "feed.parquet", "feed.csv", "feed.csv.gz", "feed.xml.gz"):
        catalogue = read(bought("x", "y"), products=tmp_path / name).data.catalogue
        assert list(catalogue.texts["title"]) == ["Äpfel, rot", 'Zoll 5" Rohr'], name
        assert catalogue.numbers["price"].tolist() == pytest.approx([1234.5, np.nan], nan_ok=True), name
        assert catalogue.category.tolist() == [0, -1], name
        assert catalogue.texts["currency"][0] == "EUR"


def test_quotes_inside_a_tab_separated_cell(read: Read, tmp_path: Path) -> None:
    feed = tmp_path / "feed.tsv"
    feed.write_text('id\ttitle\tbrand\nx\tRohr 5" lang\tM\ny\t3" Nagel\tM\nz\tBrett\tM\n')
    catalogue = read(bought("x", "y", "z"), products=feed).data.catalogue
    assert list(catalogue.texts["title"]) == ['Rohr 5" lang', '3" Nagel', "Brett"]


def test_what_a_shop_requires_is_required(read: Read) -> None:
    strict = ProductSettings(require=("link", "image_link", "price"))
    shop = read(bought("good", "bare"), products=DATA / "feed.tsv", options={"product_settings": strict})
    assert recommendable(shop.data.catalogue) == {"good", "sale"}
    with pytest.raises(SettingsError, match="require has 'gtin'"):
        read_section(ProductSettings, {"require": ["gtin"]}, "products")


def test_a_feed_that_shrank_is_refused(read: Read) -> None:
    feed = DATA / "feed.tsv"
    assert read(bought("good", "bare"), products=feed, options={"previous_items": 18}).report.products
    with pytest.raises(RefusedError, match=r"has 13 items where the feed before had 19; it looks cut off.*max_shrink"):
        read(bought("good", "bare"), products=feed, options={"previous_items": 19})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "f.xml",
            '<!DOCTYPE r [<!ENTITY a "b">]><rss><item><id>&a;</id></item></rss>',
            "has a document type (DOCTYPE)",
        ),
        ("f.xml", "<rss><channel><item><id>x</id>", "f.xml:1: is not well-formed XML"),
        ("f.xml", "<rss>\n<a></b></rss>", "f.xml:2: is not well-formed XML"),
        ("f.xml", "<rss><channel/></rss>", "has no <item>"),
        ("f.csv", "sku,title\n1,x\n", "no column 'id'"),
        ("f.csv", "id,titel\n1,x\n", "no column 'title'; did you mean 'titel'?"),
        ("f.csv", "id,title\nx,\ny,\n", "none of its 2 items may be recommended: 2 × "),
        ("f.csv", "id,title\n", "none of its 0 items may be recommended"),
        ("f.csv", "id,title\nother,x\nthings,y\n", "no item bought is in the products feed"),
        ("f.csv", "", "the file is empty"),
        ("f.parquet", "PAR1 cut", "the Parquet file is cut off or damaged"),
    ],
)
def test_an_unusable_feed_says_what_is_wrong(read: Read, tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as stopped:
        read(bought("x", "y"), products=tmp_path / name)
    assert message in str(stopped.value)


def test_no_entity_of_an_xml_feed_is_ever_expanded(read: Read, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    (tmp_path / "f.xml").write_text(
        f'<?xml version="1.0"?>\n<!DOCTYPE r [<!ENTITY s SYSTEM "file://{secret}">]><rss><item><id>x</id><title>&s;</title></item></rss>'
    )
    with pytest.raises(InputError, match="DOCTYPE"):
        read(bought("x", "y"), products=tmp_path / "f.xml")

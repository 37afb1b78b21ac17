"""Tiles: a sound picture for every category there could be, the same every time."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.shopwindow import tiles
from recsvc.shopwindow.tiles import DEFAULT, drawings, motif_of, motifs, tile_address, tile_svg

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "title", "g", "path", "circle", "ellipse", "rect"}


@pytest.mark.parametrize(
    ("category", "motif"),
    [
        ("GROCERY > FLUID MILK PRODUCTS > CHOCOLATE MILK", "milk"),
        ("GROCERY > PNT BTR/JELLY/JAMS > PEANUT BUTTER", "jar"),
        ("GROCERY > BAG SNACKS > POTATO CHIPS", "chips"),
        ("PRODUCE > MELONS > WATERMELON SEEDLESS WHOLE", "melon"),
        ("GROCERY > BAKED BREAD/BUNS/ROLLS > HOT DOG BUNS", "roll"),
        ("GROCERY > BAKED BREAD/BUNS/ROLLS > MAINSTREAM WHEAT/MULTIGRAIN BR", "bread"),
        ("GROCERY > DOG FOODS > DOG BISCUITS (HARD BISCUIT)", "paw"),
        ("GROCERY > ICE CREAM/MILK/SHERBTS > TRADITIONAL", "icecream"),
        ("MEAT-PCKGD > SOMETHING > ELSE", "steak"),
        ("Food > Dairy > Cheese", "cheese"),
        ("Drinks > Wine > Red", "wine"),
        ("Möbel > Sofas", DEFAULT),
        ("", DEFAULT),
    ],
)
def test_the_motif_comes_from_the_most_special_part_that_says_something(category: str, motif: str) -> None:
    assert motif_of(category) == motif


def test_every_motif_is_drawn_and_has_a_ground() -> None:
    named = {motif for rules in (motifs().rules, motifs().general) for motif, _ in rules} | {DEFAULT}
    assert named <= set(drawings())
    assert set(motifs().tints) == set(drawings())
    assert all(re.fullmatch("#[0-9a-f]{6}", tint) for tints in motifs().tints.values() for tint in tints)


@pytest.mark.parametrize(
    "path", sorted((Path(tiles.__file__).parent / "pictograms").glob("*.svg")), ids=lambda p: p.stem
)
def test_a_pictogram_is_a_small_picture_of_shapes_alone(path: Path) -> None:
    root = ET.parse(path).getroot()
    assert root.get("viewBox") == "0 0 120 120"
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in DRAWN
        assert not any(
            name.startswith("on") or name in ("style", "class", "id") or ":" in name for name in element.attrib
        )
        assert not any("url(" in value or "http" in value for value in element.attrib.values())


@given(st.text(max_size=300), st.booleans())
def test_a_tile_is_well_formed_whatever_the_category(category: str, close: bool) -> None:
    root = ET.fromstring(tile_svg(category, close=close))
    assert root.tag == f"{SVG}svg"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= DRAWN


def test_a_category_is_text_in_a_tile_and_nothing_more() -> None:
    svg = tile_svg("Toys > </title><script>alert('1')</script> & more")
    assert "<script" not in svg
    # What stands after the last '>' is the name.
    assert ET.fromstring(svg).findtext(f"{SVG}title") == "& more"
    assert "<title>&lt;b &amp; &quot;c&quot;</title>" in tile_svg('<b & "c"')


def test_a_category_has_the_same_tile_every_time_and_others_have_others() -> None:
    first = tile_svg("GROCERY > CHEESE > STRING CHEESE")
    tile_svg.cache_clear()
    assert tile_svg("GROCERY > CHEESE > STRING CHEESE") == first
    grounds = {tile_svg(f"GROCERY > CHEESE > CHEESE {number}") for number in range(30)}
    assert len(grounds) > 20


def test_the_address_carries_the_category_and_stays_short() -> None:
    address = urlsplit(tile_address("A & B > C/D?", close=True))
    assert address.path == tiles.TILE_PATH
    assert parse_qs(address.query) == {"category": ["A & B > C/D?"], "close": ["1"]}
    assert len(tile_address("x" * 10_000)) < 300

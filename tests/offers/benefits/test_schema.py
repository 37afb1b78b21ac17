"""Benefit files and plans: what is refused, and that the message names place and remedy."""

from pathlib import Path

import pytest

from models.errors import SettingsError
from recsvc.offers.benefits.plans import Plan, load_plans, used_up
from recsvc.offers.benefits.schema import Loyalty, Tier, load_benefits

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
GOOD = """
[[benefits]]
id = "ten"
kind = "percent"
value = 1000
conditions_url = "https://shop.example/c"
"""


def load(folder: Path, text: str) -> None:
    path = folder / "benefits.toml"
    path.write_text(text, encoding="utf-8")
    load_benefits(path)


def test_the_example_is_fine() -> None:
    file = load_benefits(EXAMPLES / "benefits.toml")
    assert [benefit.kind for benefit in file.benefits] == [
        "percent", "free_shipping", "points", "loyalty", "protection_plan",
    ]  # fmt: skip
    assert len(file.plans["protection"]) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 1000", "value = 20000", "[benefits ten]: value is 20000; expected 1 to 10000 basis points"),
        ("value = 1000", "valu = 1000", "unknown key 'valu' in [benefits ten]; did you mean 'value'?"),
        ('"percent"', '"procent"', "kind in [benefits ten] is 'procent'; expected one of percent, amount"),
        ('"percent"', '"amount"', "currency is ''; an amount needs one, such as EUR"),
        ('"percent"', '"protection_plan"', "plans names the CSV file of a protection_plan"),
        ('"https://shop.example/c"', '"javascript:x"', "conditions_url is 'javascript:x'"),
        ('conditions_url = "https://shop.example/c"', "", "conditions_url is missing; the conditions of an offer"),
        ("value = 1000", "value = 1000\nuplift = -1", "uplift is -1.0; expected 0 to 10"),
        ("value = 1000", 'value = 1000\ncode = "X"', "code is 'X', which code_mode = 'none' does not use"),
        ("value = 1000", 'value = 1000\ncode_mode = "shared"', "code is missing; with code_mode = 'shared'"),
        ("value = 1000", "value = 1000\ncap_total = -5", "cap_total is -5; expected 0 (none) or more"),
        ("value = 1000", 'value = 1000\nstack = { with = "x" }', "unknown key 'with' in [benefits ten.stack]"),
        (
            "value = 1000",
            'value = 1000\nstack = { combines_with = ["x"] }',
            "combines_with has 'x', which there is not",
        ),
        ("value = 1000", 'value = 1000\ntext = { fr = "x" }', "text has 'fr'; there are texts for de, en"),
        ("value = 1000", "value = 1000\nvalid_from = 2026-03-02\nvalid_until = 2026-03-02", "which is not after"),
        ("[[benefits]]", "[benefits]", "there is no [[benefits]]; a benefits file needs at least one"),
        ("[[benefits]]", "[bonus]\n[[benefits]]", "unknown key 'bonus' in [the file]"),
        ("[[benefits]]", "[shop]\nmargin = 3.0\n[[benefits]]", "[shop]: margin is 3.0; expected a share"),
        (GOOD, GOOD + GOOD, "[benefits, number 2]: id 'ten' is taken by an earlier one"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert message in str(caught.value)
    assert "benefits.toml" in str(caught.value)


HEADER, *ROWS = (EXAMPLES / "plans.csv").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",10000,24999,24", ",9999,24999,24", "bands of P-EL-1 (5000 to 9999) and P-EL-2 (9999 to 24999) overlap"),
        (",10000,24999,24", ",10001,24999,24", "there is a gap between the price bands of P-EL-1 (to 9999) and P-EL-2"),
        ("Electronics,5000", "Groceries > Fruit,5000", "plans.csv:2: category 'Groceries > Fruit' is used up or worn"),
        (",1290,", ",abc,", "plans.csv:2: premium_minor is 'abc'; expected a whole number"),
        (",1290,", ",129000,", "more than 600 € a year, which takes a licence"),
        (",36,extended_warranty", ",24,extended_warranty", "an extended warranty of 24 months adds nothing to the 24"),
        ("https://insurer.example/ipid.pdf", "ftp://x", "ipid_url is 'ftp://x'; expected a link"),
        ("5000,9999", "9999,5000", "price_from_minor 9999 is above price_to_minor 5000"),
        ("plan_id,", "plan,", "plan_id is missing"),
        ("commission_bp", "commision", "unknown column 'commision'"),
    ],
)
def test_bad_plans_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "plans.csv"
    path.write_text("\n".join([HEADER, *ROWS]).replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_plans(path)
    assert message in str(caught.value)


def test_a_plan_fits_by_category_price_and_window() -> None:
    plan: Plan = load_plans(EXAMPLES / "plans.csv")[0]
    assert plan.fits("Electronics > Audio > Headphones", 5000, 30)
    assert plan.fits("Home > Electronics", 9999, 0)
    assert not plan.fits("Electronics", 10_000, 5)
    assert not plan.fits("Electronics", 5000, 31)
    assert not plan.fits("Toys", 5000, 5)
    assert plan.commission == 322.5


@pytest.mark.parametrize(
    ("path", "used"),
    [
        ("Food, Beverages & Tobacco > Coffee", True),
        ("Lebensmittel > Obst", True),
        ("Home > Kitchen > Food processors", False),
        ("Electronics", False),
        ("", False),
    ],
)
def test_food_is_never_insured(path: str, used: bool) -> None:
    assert used_up(path) is used


def test_the_next_tier() -> None:
    loyalty = Loyalty(tiers=(Tier(name="silver", from_points=500), Tier(name="gold", from_points=2000)))
    assert [tier.name if (tier := loyalty.next_tier(points)) else None for points in (0, 499, 500, 2000)] == [
        "silver", "silver", "gold", None,
    ]  # fmt: skip

"""Names that a till writes in capitals, made readable for the eye."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.shopwindow.readable import readable_category, readable_reason, readable_title


@pytest.mark.parametrize(
    ("title", "category", "shown"),
    [
        ("FLUID MILK WHITE ONLY 1 GA", "GROCERY > FLUID MILK PRODUCTS > FLUID MILK WHITE ONLY", "Milk, 1 gal"),
        (
            "SOFT DRINKS 12/18&15PK CAN CAR 12 OZ",
            "GROCERY > SOFT DRINKS > SOFT DRINKS 12/18&15PK CAN CAR",
            "Soft drink, cans, 12 oz",
        ),
        ("SHREDDED CHEESE 8 OZ", "GROCERY > CHEESE > SHREDDED CHEESE", "Shredded cheese, 8 oz"),
        # A crate's weight and count is not what a customer takes home; a bag's is.
        ("BANANAS 40 LB", "PRODUCE > TROPICAL FRUIT > BANANAS", "Bananas"),
        ("CUCUMBERS 36 CT", "PRODUCE > VEGETABLES - ALL OTHERS > CUCUMBERS", "Cucumbers"),
        (
            "POTATOES RUSSET (BULK&BAG) 5 LB",
            "PRODUCE > POTATOES > POTATOES RUSSET (BULK&BAG)",
            "Russet potatoes, 5 lb",
        ),
        ("APPLES GRANNY SMITH (BULK&BAG)", "PRODUCE > APPLES > APPLES GRANNY SMITH (BULK&BAG)", "Granny Smith apples"),
        ("ONIONS OTHER 48 CT", "PRODUCE > ONIONS > ONIONS OTHER", "Onions"),
        ("SUGAR (600) 4 LB", "GROCERY > SUGARS/SWEETNERS > SUGAR", "Sugar, 4 lb"),
        ("CREAM CHEESE L     8 OZ", "GROCERY > CHEESE > CREAM CHEESE", "Cream cheese, 8 oz"),
        ("SOFT DRINK POWDER POUCHES .16 OZ", "GROCERY > MIXES > SOFT DRINK POWDER POUCHES", "Drink powder, 0.16 oz"),
        ("CIGARETTES 974246  PK", "DRUG GM > CIGARETTES > CIGARETTES", "Cigarettes"),
        ("PREMIUM 16 OZ", "MEAT-PCKGD > BACON > PREMIUM", "Bacon, premium, 16 oz"),
        ("BETTER FOR YOU 12/12 OZ", "MEAT-PCKGD > BACON > BETTER FOR YOU", "Bacon, better for you, 12 × 12 oz"),
        ("MUFFIN & CORN BREAD MIX 8 1/2 OZ", "", "Muffin & corn bread mix, 8 1/2 oz"),
        ("BBQ SAUCE 28 OZ", "GROCERY > CONDIMENTS/SAUCES > BBQ SAUCE", "BBQ sauce, 28 oz"),
        # What does not shout is the shop's own spelling.
        ("Whole milk 1 l", "Food > Dairy > Milk", "Whole milk 1 l"),
        ("WC", "", "WC"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_titles(title: str, category: str, shown: str) -> None:
    assert readable_title(title, category) == shown


@pytest.mark.parametrize(
    ("category", "shown"),
    [
        ("GROCERY > SEAFOOD - SHELF STABLE > TUNA", "Canned fish"),
        ("PRODUCE > TROPICAL FRUIT > BANANAS", "Tropical fruit"),
        ("MISCELLANEOUS > OTHER > OTHER", "Assorted"),
        ("Household > Kitchen > Cups", "Kitchen"),
        ("Candles", "Candles"),
        ("", ""),
    ],
)
def test_categories(category: str, shown: str) -> None:
    assert readable_category(category) == shown


def test_a_reason_keeps_its_words_and_its_marks() -> None:
    assert readable_reason("Because you bought “BANANAS 40 LB”") == "Because you bought “Bananas”"
    assert readable_reason("Weil Sie „FLUID MILK WHITE ONLY 1 GA“ gekauft haben") == "Weil Sie „Milk“ gekauft haben"
    assert readable_reason("Popular right now") == "Popular right now"


@given(st.text(alphabet="ABC Z&/-.:()0129 OZLBCT", max_size=60), st.text(alphabet="AB >/&", max_size=20))
def test_no_title_breaks_it_or_vanishes(title: str, category: str) -> None:
    shown = readable_title(title, category)
    assert bool(shown) == bool(title.strip())

"""Reasons: short sentences in both languages, with and without a title."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.i18n import translator
from recsvc.reasons import KINDS, reason_text


def test_each_kind_reads_well_in_both_languages() -> None:
    english, german = translator("en"), translator("de")
    said = {
        kind: (reason_text(kind, title="Milk", translator=english), reason_text(kind, title="Milch", translator=german))
        for kind in KINDS
    }
    assert said == {
        "again": ("You buy this regularly", "Das kaufen Sie regelmäßig"),
        "before": ("You have bought this before", "Das haben Sie schon einmal gekauft"),
        "due": ("Time to buy it again", "Zeit zum Nachkaufen"),
        "bought": ("Because you bought “Milk”", "Weil Sie „Milch“ gekauft haben"),
        "looked_at": ("Because you looked at “Milk”", "Weil Sie sich „Milch“ angesehen haben"),
        "goes_with": ("Goes well with “Milk”", "Passt gut zu „Milch“"),
        "similar": ("Similar to “Milk”", "Ähnlich wie „Milch“"),
        "similar_customers": (
            "Customers with a taste like yours buy this",
            "Beliebt bei Menschen mit ähnlichem Geschmack",
        ),
        "popular": ("Popular right now", "Gerade beliebt"),
        "pinned": ("Our suggestion", "Unser Tipp"),
        "popular_category": ("Popular in “Milk”", "Beliebt in „Milch“"),
        "new": ("New in our range", "Neu im Sortiment"),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("title", [None, "", " \r\n "])
def test_without_a_title_no_sentence_has_a_hole(kind: str, title: str | None) -> None:
    for locale in ("en", "de"):
        text = reason_text(kind, title=title, translator=translator(locale))
        assert text
        assert not any(mark in text for mark in "{}“”„")


def test_a_category_is_called_by_the_last_part_of_its_path() -> None:
    assert (
        reason_text("popular_category", title="Food > Dairy > Milk", translator=translator("en")) == "Popular in “Milk”"
    )


def test_a_long_title_is_cut_between_two_words() -> None:
    text = reason_text(
        "bought", title="Deep-roasted espresso beans from the highlands, 12 bags of 1 kg", translator=translator("en")
    )
    assert text == "Because you bought “Deep-roasted espresso beans from the highlands, 12 bags of…”"


def test_an_unknown_kind_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        reason_text("because", title=None, translator=translator("en"))


@given(st.sampled_from(KINDS), st.text(max_size=300))
def test_any_title_stays_on_one_short_line(kind: str, title: str) -> None:
    text = reason_text(kind, title=title, translator=translator("de"))
    assert text == " ".join(text.split())
    assert len(text) < 100

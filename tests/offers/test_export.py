"""`recsvc offers export` on a trained model: who gets what, and who is left out."""

from pathlib import Path

import pytest

from recsvc.customers.table import Customer
from recsvc.offers.campaign import load_campaign
from recsvc.offers.selection import OfferMaker
from tests.conftest_shop import HABITS, run_recsvc
from tests.offers.conftest import NOW, export
from tests.offers.made_up import CAMPAIGN


def test_only_who_agreed_and_has_an_address_is_written_to(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    summary, lines = export(campaign_file, shop_store, tmp_path / "out")
    assert [line["customer_id"] for line in lines] == ["bath-4", "coffee-1", "newcomer", "pasta-3"]
    assert summary["written"] == 4
    assert summary["left_out"] == {"no consent to e-mail": 1, "no e-mail address": 1}
    assert summary["not_personal"] == 1
    assert summary["items"] == sum(len(slot["items"]) for line in lines for slot in line["slots"])
    assert summary["files"] == [str(tmp_path / "out" / name) for name in ("golden.csv", "golden.jsonl")]


def test_a_coffee_drinker_is_offered_coffee_again_and_something_new(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    _, lines = export(campaign_file, shop_store, tmp_path / "out")
    offer = next(line for line in lines if line["customer_id"] == "coffee-1")
    again, new = offer["slots"]
    assert {item["item_id"] for item in again["items"]} <= set(HABITS["coffee"])
    assert len(again["items"]) == 2
    assert len(new["items"]) == 3
    ids = [item["item_id"] for slot in offer["slots"] for item in slot["items"]]
    assert len(set(ids)) == len(ids)
    assert "sold-out" not in ids
    assert offer["locale"] == "de"
    assert offer["greeting"] == "Hallo Kim,"
    assert new["heading"] == "Neu für Sie"
    assert again["heading"] == "Ihre Favoriten zum Nachbestellen"
    item = again["items"][0]
    assert item["price"].endswith("\xa0€")
    assert item["price_value"] > 0
    assert item["reason"] == "Das kaufen Sie regelmäßig"
    assert item["image"] == f"https://cdn.shop.example/{item['item_id']}.jpg"
    assert item["link"] == (
        f"https://shop.example/p/{item['item_id']}"
        "?utm_source=newsletter&utm_medium=email&utm_campaign=golden&utm_content=again"
    )


def test_who_wants_no_profile_gets_what_is_popular_with_everybody(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    _, lines = export(campaign_file, shop_store, tmp_path / "out")
    offer = next(line for line in lines if line["customer_id"] == "bath-4")
    assert offer["personal"] is False
    assert [slot["scenario"] for slot in offer["slots"]] == ["popular", "popular"]
    again, new = offer["slots"]
    assert again["items"] == []
    assert new["heading"] == "Popular right now"
    assert {item["source"] for item in new["items"]} == {"popular"}
    assert {item["reason"] for item in new["items"]} == {"Popular right now"}


def test_a_stranger_is_not_told_to_buy_again_what_was_never_bought(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    _, lines = export(campaign_file, shop_store, tmp_path / "out")
    offer = next(line for line in lines if line["customer_id"] == "newcomer")
    again, new = offer["slots"]
    assert again["items"] == []
    assert again["fallback"] is None
    assert len(new["items"]) == 3
    assert offer["greeting"] == "Hello,"


def test_nothing_personal_is_in_a_link_and_no_name_breaks_a_line(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    campaign_file.write_text(
        campaign_file.read_text(encoding="utf-8").replace(
            'subject = "News"', 'subject = "{first_name}, news"\nsubject_without_name = "News"'
        ),
        encoding="utf-8",
    )
    _, lines = export(campaign_file, shop_store, tmp_path / "out")
    offer = next(line for line in lines if line["customer_id"] == "pasta-3")
    assert offer["subject"] == "Sam Bcc: x@y.example, news"
    assert offer["locale"] == "en-GB"
    for line in lines:
        for slot in line["slots"]:
            for item in slot["items"]:
                assert line["customer_id"] not in item["link"]
                assert "@" not in item["link"]


def test_a_list_of_ids_says_who_and_in_which_order_and_nobody_twice(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("customer_id\nnewcomer\ncoffee-1\nghost\ncoffee-1\nbath-5\n\n", encoding="utf-8")
    summary, lines = export(campaign_file, shop_store, tmp_path / "out", "--customers", ids)
    assert [line["customer_id"] for line in lines] == ["newcomer", "coffee-1"]
    assert summary["left_out"] == {"not in the customer table": 1, "no consent to e-mail": 1}


@pytest.mark.parametrize(
    ("rules", "written", "left_out"),
    [
        ('tier = ["gold"]', ["bath-4", "coffee-1"], {"another tier": 2}),
        ('locale = ["de"]', ["coffee-1"], {"another language": 3}),
        ('tier = ["silver"]\nlocale = ["en"]', ["newcomer"], {"another language": 3, "another tier": 2}),
    ],
)
def test_language_and_tier_narrow_the_audience(
    shop_store: Path, campaign_file: Path, tmp_path: Path, rules: str, written: list[str], left_out: dict[str, int]
) -> None:
    with campaign_file.open("a", encoding="utf-8") as text:
        text.write(f"\n[audience]\n{rules}\n")
    summary, lines = export(campaign_file, shop_store, tmp_path / "out")
    assert [line["customer_id"] for line in lines] == written
    assert left_out.items() <= summary["left_out"].items()


def test_one_language_for_everybody(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    _, lines = export(campaign_file, shop_store, tmp_path / "out", "--locale", "en")
    assert {line["locale"] for line in lines} == {"en"}


def test_a_language_that_the_campaign_does_not_speak_is_refused(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    campaign_file.write_text(CAMPAIGN.replace('[mail.en]\nsubject = "News"\n', ""), encoding="utf-8")
    result = run_recsvc("offers", "export", campaign_file, "--store", shop_store, "--out", tmp_path, "--locale", "en")
    assert result.exit_code == 2
    assert "has no [mail.en]; it speaks de" in result.stderr


def test_an_empty_customer_table_names_the_command_that_fills_it(
    tiny_store: Path, campaign_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSVC_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    result = run_recsvc("offers", "export", campaign_file, "--store", tiny_store, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "the customer table is empty; fill it with `recsvc customers import FILE`" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_store_without_a_model_says_so(campaign_file: Path, tmp_path: Path) -> None:
    result = run_recsvc("offers", "export", campaign_file, "--store", tmp_path / "none", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "recsvc train" in result.stderr


def test_complements_go_with_the_last_order(maker: OfferMaker, campaign_file: Path) -> None:
    text = CAMPAIGN.replace('scenario = "discover"\nn = 1', 'scenario = "complements"\nn = 2')
    campaign_file.write_text(text.replace('scenario = "again"', 'scenario = "home"'), encoding="utf-8")
    engine = maker.engine
    maker = OfferMaker(load_campaign(campaign_file), engine, now=NOW)
    # The eighth order of a coffee drinker holds the wares (1 + 7) % 4 and the next one.
    bought = {"coffee", "filter"}
    assert set(engine.last_bought("coffee-1")) == bought
    offer = next(maker.offers([Customer("coffee-1", profiling_ok=True)]))
    items = offer.slots[1].items
    assert items
    assert not {item.item_id for item in items} & bought
    assert {item.source for item in items} == {"complements"}

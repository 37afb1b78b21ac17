"""Who is written to: purchases, stages, limits, the holdout, and what is refused."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import InputError, SettingsError
from recsvc.customers.table import Customer, find_customers
from recsvc.engine import Engine
from recsvc.offers.audience import HELD_OUT_GLOBALLY
from recsvc.offers.campaign import AudienceRules, Schedule
from recsvc.offers.holdout import GlobalHoldout, bucket, held_out
from recsvc.offers.run import Run
from recsvc.offers.targeting import NO_PROFILE, Targeting, in_categories
from recsvc.state import writing
from recsvc.state.mailing import mails
from tests.conftest_shop import run_recsvc
from tests.offers.conftest import NOW, export
from tests.offers.made_up import CAMPAIGN, made_up_campaign


@pytest.fixture
def engine(run: Run) -> Engine:
    return run.engine


def fits(engine: Engine, customer_id: str, **rules: object) -> str | None:
    targeting = Targeting(AudienceRules(**rules), engine, now=NOW)  # type: ignore[arg-type]
    return targeting.refusal(customer_id, profiling_ok=True)


@pytest.mark.parametrize(
    ("rules", "coffee", "bath", "stranger"),
    [
        ({"bought": ("coffee",)}, None, "did not buy what is asked", "did not buy what is asked"),
        ({"not_bought": ("coffee",)}, "bought what is excluded", None, None),
        ({"bought_categories": ("Bath",)}, "did not buy what is asked", None, "did not buy what is asked"),
        ({"not_bought_categories": ("Household > Bath",)}, None, "bought what is excluded", None),
        ({"affinity": ("hot drinks",)}, None, "no affinity to the category", "no affinity to the category"),
        ({"min_days_since_order": 10_000}, *["ordered too recently"] * 3),
        ({"max_days_since_order": 10_000}, None, None, "ordered too long ago"),
        ({"stage": ("prospect",)}, *["another lifecycle stage"] * 2, None),
    ],
)
def test_purchases_decide(
    engine: Engine, rules: dict[str, object], coffee: str | None, bath: str | None, stranger: str | None
) -> None:
    # bath-2 never buys what coffee drinkers do: 2 + order is a multiple of 5 only where it takes breakfast.
    assert fits(engine, "coffee-1", **rules) == coffee
    assert fits(engine, "bath-1", **rules) == bath
    assert fits(engine, "nobody", **rules) == stranger


def test_who_wants_no_profile_is_not_looked_up(engine: Engine) -> None:
    targeting = Targeting(AudienceRules(bought=("coffee",)), engine, now=NOW)
    assert targeting.refusal("coffee-1", profiling_ok=False) == NO_PROFILE
    assert Targeting(AudienceRules(), engine, now=NOW).refusal("coffee-1", profiling_ok=False) is None


def test_items_and_categories_must_exist(engine: Engine) -> None:
    with pytest.raises(InputError, match=r"bought in \[audience\] has 'tea', which is no item of the model"):
        fits(engine, "coffee-1", bought=("tea",))
    with pytest.raises(InputError, match="affinity in .audience. has 'Coffe', .* did you mean 'coffee'"):
        fits(engine, "coffee-1", affinity=("Coffe",))
    mask = in_categories(engine.catalogue, ["Food > Dairy"], "x")
    chosen = {engine.catalogue.items[item] for item in range(len(mask)) if mask[item]}
    assert chosen == {"milk", "cheese"}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('[audience]\nstage = ["lost"]', r"stage has 'lost'"),
        ('[audience]\nstages = ["new"]', "unknown key 'stages' in [audience]; did you mean 'stage'?"),
        ("[audience]\naffinity_share = 2.0", "affinity_share is 2.0; expected a share above 0 and up to 1"),
        ("[audience]\nmin_days_since_order = 9\nmax_days_since_order = 3", "nobody is in between"),
        ("[holdout]\nshare = 1.0", "share is 1.0; expected 0 to 0.9"),
        ("[limits]\nmost_mails = -1", "most_mails is -1; expected 0 to 1000"),
        ("[limits]\nwithin_days = 0", "within_days is 0; expected 1 to 36500"),
        ('[schedule]\nzone = "Mars"', "zone is 'Mars'; expected a name such as Europe/Berlin"),
        ("[schedule]\nstart = 2026-03-02\nend = 2026-03-01", "end is 2026-03-01, which is not after the start"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, section: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        made_up_campaign(tmp_path, f"{CAMPAIGN}\n{section}\n")
    assert message in str(caught.value)


def test_a_wrong_filter_is_named(tmp_path: Path) -> None:
    text = CAMPAIGN.replace('name = "new"', 'name = "new"\nfilter = { field = "prize", op = "<", value = 5 }')
    with pytest.raises(SettingsError, match="filter.field of slot new: no such field; did you mean price"):
        made_up_campaign(tmp_path, text)


def test_the_bucket_is_the_hash_that_is_promised() -> None:
    digest = hashlib.sha256(b"pepper|spring|c1").hexdigest()
    assert bucket("pepper", "spring", "c1") == int(digest, 16) % 10_000
    drawn = [held_out(0.1, "", "spring", f"c{number}") for number in range(10_000)]
    assert 900 < sum(drawn) < 1100
    assert not held_out(0, "", "spring", "c1")


def test_the_holdout_gets_nothing_and_is_written_down(
    shop_store: Path, campaign_file: Path, tmp_path: Path, database: sa.Engine
) -> None:
    with campaign_file.open("a", encoding="utf-8") as text:
        text.write("\n[holdout]\nshare = 0.5\n")
    everyone = ["bath-4", "coffee-1", "newcomer", "pasta-3"]
    held = [name for name in everyone if held_out(0.5, "", "golden", name)]
    assert 0 < len(held) < 4
    summary, lines = export(campaign_file, shop_store, tmp_path / "out")
    assert [line["customer_id"] for line in lines] == [name for name in everyone if name not in held]
    assert summary["left_out"]["held out"] == len(held)
    with database.connect() as connection:
        states = Counter(connection.scalars(sa.select(mails.c.state)))
    assert states == {"holdout": len(held), "exported": 4 - len(held)}
    again, _ = export(campaign_file, shop_store, tmp_path / "out")
    assert again["left_out"] == summary["left_out"]


def test_nobody_of_the_global_holdout_is_in_any_output(
    shop_store: Path, campaign_file: Path, tmp_path: Path, database: sa.Engine
) -> None:
    everyone = ["bath-4", "coffee-1", "newcomer", "pasta-3"]
    never = GlobalHoldout(share=0.5, salt="7")
    kept = [name for name in everyone if never.holds(name)]
    assert 0 < len(kept) < 4
    told = run_recsvc("offers", "holdout", "--share", "0.5", "--salt", "7", "--store", shop_store)
    assert told.stdout.startswith("0.5 of all customers get no campaign, since 20")
    assert run_recsvc("offers", "holdout", "--store", shop_store).stdout == told.stdout
    for campaign in ("golden", "summer", "winter"):
        campaign_file.write_text(campaign_file.read_text().replace('id = "golden"', f'id = "{campaign}"'))
        out = tmp_path / campaign
        result = run_recsvc("offers", "export", campaign_file, "--store", shop_store, "--out", out, "--json")
        lines = [json.loads(line) for line in (out / f"{campaign}.jsonl").read_text().splitlines()]
        assert [line["customer_id"] for line in lines] == [name for name in everyone if name not in kept]
        assert json.loads(result.stdout)["left_out"][HELD_OUT_GLOBALLY] == len(kept)
        campaign_file.write_text(campaign_file.read_text().replace(f'id = "{campaign}"', 'id = "golden"'))
    with database.connect() as connection:
        rows = connection.execute(sa.select(mails.c.customer_id, mails.c.state)).all()
    assert {row.customer_id for row in rows if row.state == "holdout"} == set(kept)
    assert len(rows) == 12
    preview = run_recsvc("offers", "preview", campaign_file, "--customer", kept[0], "--store", shop_store)
    assert HELD_OUT_GLOBALLY in preview.stderr
    ended = run_recsvc("offers", "holdout", "--share", "0", "--store", shop_store)
    assert ended.stdout == "no customer is kept from every campaign\n"


def test_who_would_be_shown_nothing_counts_neither_as_mailed_nor_as_held_out(
    shop_store: Path, campaign_file: Path, tmp_path: Path, database: sa.Engine
) -> None:
    # Buying again is nothing for who never bought (newcomer) or wants no profile (bath-4).
    start, end = CAMPAIGN.index('[[slots]]\nname = "new"'), CAMPAIGN.index("[mail]")
    campaign_file.write_text(CAMPAIGN[:start] + CAMPAIGN[end:] + '\n[holdout]\nshare = 0.5\nsalt = "11"\n')
    everyone = ["bath-4", "coffee-1", "newcomer", "pasta-3"]
    assert [name for name in everyone if held_out(0.5, "11", "golden", name)] == ["coffee-1", "newcomer"]
    summary, _ = export(campaign_file, shop_store, tmp_path / "out")
    assert (summary["left_out"]["held out"], summary["left_out"]["no items"]) == (2, 1)
    with database.connect() as connection:
        states = {row.customer_id: row.state for row in connection.execute(sa.select(mails))}
    assert states == {"coffee-1": "holdout", "pasta-3": "exported"}


def mailed(database: sa.Engine, customer_id: str, campaign: str, at: datetime, items: str = "[]") -> None:
    row = {
        "campaign_id": campaign, "edition": "", "customer_id": customer_id, "state": "sent", "items": items,
        "benefits": "[]", "model_version": "v", "created_at": at, "updated_at": at,
    }  # fmt: skip
    with writing(database) as connection:
        connection.execute(sa.insert(mails), row)


@pytest.fixture
def limited(run: Run, tmp_path: Path) -> Callable[[str], Run]:
    def make(limits: str) -> Run:
        campaign = made_up_campaign(tmp_path, f"{CAMPAIGN}\n[limits]\n{limits}\n")
        return Run.of(campaign, run.engine, run.database, run.secret, now=NOW)

    return make


def test_enough_is_enough(database: sa.Engine, limited: Callable[[str], Run]) -> None:
    mailed(database, "coffee-1", "a", NOW - timedelta(days=1))
    mailed(database, "coffee-1", "b", NOW - timedelta(days=6))
    mailed(database, "newcomer", "a", NOW - timedelta(days=8))
    audience = limited("most_mails = 2").audience()
    assert {customer.customer_id for customer in audience.customers()} == {"bath-4", "newcomer", "pasta-3"}
    assert audience.left_out["enough mails already"] == 1


def test_what_the_last_mails_showed_is_not_shown_again(database: sa.Engine, limited: Callable[[str], Run]) -> None:
    run = limited("not_in_last_mails = 1")
    coffee = find_customers(database, ["coffee-1"])["coffee-1"]
    first = next(run.maker.offers(run.audience().fit([coffee])))
    shown = {item.item_id for item in first.items}
    ids = ", ".join(f'"{item}"' for item in sorted(shown))
    mailed(database, "coffee-1", "older", NOW - timedelta(days=9), '["wine"]')
    mailed(database, "coffee-1", "newer", NOW - timedelta(days=2), f"[{ids}]")
    (reader,) = run.audience().fit([coffee])
    assert reader.seen == shown
    second = next(run.maker.offers([reader]))
    assert second.items
    assert not shown & {item.item_id for item in second.items}


def test_a_mail_that_was_sent_is_not_exported_again(database: sa.Engine, run: Run) -> None:
    mailed(database, "coffee-1", "golden", NOW)
    audience = run.audience()
    assert "coffee-1" not in {customer.customer_id for customer in audience.customers()}
    assert audience.left_out["mailed already"] == 1


def test_a_slot_filters(run: Run, tmp_path: Path) -> None:
    text = CAMPAIGN.replace('name = "again"', 'name = "again"\nfilter = { field = "price", op = ">", value = 5 }')
    campaign = made_up_campaign(tmp_path, text)
    maker = Run.of(campaign, run.engine, run.database, run.secret, now=NOW).maker
    offer = next(maker.offers([Customer("coffee-1", profiling_ok=True)]))
    assert {item.item_id for item in offer.slots[0].items} == {"coffee", "cup"}


def test_slots_need_not_be_distinct(run: Run, tmp_path: Path) -> None:
    twice = CAMPAIGN.replace('scenario = "discover"\nn = 1', 'scenario = "again"\nn = 2')
    campaign = made_up_campaign(tmp_path, f"{twice}\n[limits]\ndistinct = false\n")
    maker = Run.of(campaign, run.engine, run.database, run.secret, now=NOW).maker
    offer = next(maker.offers([Customer("coffee-1", profiling_ok=True)]))
    first, second = ([item.item_id for item in slot.items] for slot in offer.slots)
    assert first == second


@pytest.mark.parametrize(
    ("moment", "closed"),
    [
        (datetime(2026, 2, 28, 22, 59, tzinfo=UTC), "the campaign starts on 2026-02-28T23:00:00+00:00"),
        (datetime(2026, 3, 1, 9, tzinfo=UTC), None),
        (datetime(2026, 3, 1, 7, 30, tzinfo=UTC), None),
        (datetime(2026, 3, 1, 6, 59, tzinfo=UTC), "mails go out from 08:00 to 20:00 (Europe/Berlin)"),
        (datetime(2026, 3, 8, 23, tzinfo=UTC), "the campaign ended on 2026-03-08T23:00:00+00:00"),
    ],
)
def test_the_schedule(moment: datetime, closed: str | None) -> None:
    schedule = Schedule(start=date(2026, 3, 1), end=date(2026, 3, 9), from_hour=time(8), to_hour=time(20))
    assert schedule.closed(moment) == closed


def test_a_window_over_midnight() -> None:
    schedule = Schedule(from_hour=time(20), to_hour=time(6), zone="UTC")
    assert schedule.closed(datetime(2026, 3, 1, 23, tzinfo=UTC)) is None
    assert schedule.closed(datetime(2026, 3, 1, 12, tzinfo=UTC)) is not None

"""Consent, objection, suppression; what one person may ask for: all of it, and to be forgotten."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.erased import ErasedIds
from models.errors import RefusedError
from models.registry import Registry
from recsvc.customers.consent import consent_log, object_to_mail, refusal_to_mail
from recsvc.customers.suppression import Suppressions
from recsvc.customers.table import Customer, find_customers
from recsvc.engine import Engine
from recsvc.state import open_database
from tests.conftest_shop import run_recsvc
from tests.offers.conftest import CUSTOMERS, campaign_file, export, fixture_database, shop_store

__all__ = ["campaign_file", "fixture_database", "shop_store"]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = b"a secret of the tests"


@pytest.mark.parametrize(
    ("customer", "suppressed", "reason"),
    [
        (Customer("c", email_ok=True), False, None),
        (Customer("c"), False, "no consent to e-mail"),
        (Customer("c", email_ok=True, objected_at=NOW), False, "objected to e-mail"),
        (Customer("c", email_ok=True, objected_at=NOW, consent_at=NOW), False, "objected to e-mail"),
        (Customer("c", email_ok=True, objected_at=NOW, consent_at=NOW + timedelta(days=1)), False, None),
        (Customer("c", email_ok=True, objected_at=NOW), True, "address suppressed"),
        (Customer("c", email_ok=True, objected_at=NOW, consent_at=NOW + timedelta(days=1)), True, "address suppressed"),
    ],
)
def test_suppression_beats_objection_beats_consent(customer: Customer, suppressed: bool, reason: str | None) -> None:
    assert refusal_to_mail(customer, suppressed=suppressed) == reason


def bring_in(store: Path, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    assert run_recsvc("customers", "import", path, "--store", store, "--quiet").exit_code == 0


def test_an_import_does_not_undo_an_objection(shop_store: Path, database: sa.Engine, tmp_path: Path) -> None:
    assert object_to_mail(database, "coffee-1", source="unsubscribe link", now=NOW)
    assert object_to_mail(database, "coffee-1", source="unsubscribe link", now=NOW)  # a mailbox may ask again
    bring_in(shop_store, tmp_path / "nightly.csv", CUSTOMERS)

    def refusal() -> str | None:
        return refusal_to_mail(find_customers(database, ["coffee-1"])["coffee-1"], suppressed=False)

    assert refusal() == "objected to e-mail"
    bring_in(shop_store, tmp_path / "old.csv", "customer_id,email_ok,consent_at\ncoffee-1,1,2026-02-01T00:00:00Z\n")
    assert refusal() == "objected to e-mail"
    bring_in(shop_store, tmp_path / "new.csv", "customer_id,email_ok,consent_at\ncoffee-1,1,2026-03-02T00:00:00Z\n")
    assert refusal() is None
    said = [(row["purpose"], row["granted"], row["source"]) for row in consent_log(database, ["coffee-1"])]
    assert said == [
        ("email", True, "import of customers.csv"),
        ("profiling", True, "import of customers.csv"),
        ("email", False, "unsubscribe link"),
        ("email", True, "import of nightly.csv"),
    ]
    assert object_to_mail(database, "coffee-1", source="unsubscribe link", now=NOW + timedelta(days=9))
    assert refusal() == "objected to e-mail"


def test_nobody_who_is_unknown_is_made_known_by_an_objection(database: sa.Engine) -> None:
    assert not object_to_mail(database, "ghost", source="unsubscribe link", now=NOW)
    assert consent_log(database, ["ghost"]) == []


def test_a_suppressed_address_is_in_no_output(
    shop_store: Path, campaign_file: Path, database: sa.Engine, tmp_path: Path
) -> None:
    added = run_recsvc("customers", "suppress", "KIM@mail.example", "--store", shop_store, "--reason", "hard_bounce")
    assert "1 of 1 are new on the list" in added.stderr
    with database.connect() as connection:
        dump = "\n".join(connection.connection.iterdump())
    suppressed = dump.partition('INSERT INTO "suppressions"')[2].partition("\n")[0]
    assert "kim" not in suppressed.lower()
    summary, lines = export(campaign_file, shop_store, tmp_path / "out")
    assert "coffee-1" not in {line["customer_id"] for line in lines}
    assert summary["left_out"]["address suppressed"] == 1
    lifted = run_recsvc("customers", "suppress", "kim@mail.example", "--store", shop_store, "--lift")
    assert "1 of 1 taken off" in lifted.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody",), "address 1 is no e-mail address; nothing was changed"),
        (("a@b.example", "--reason", "spite"), "--reason is 'spite'; expected one of hard_bounce"),
        ((), "give addresses, or a --file of them"),
        (("--file", "gone.txt"), "gone.txt cannot be read as UTF-8 text"),
    ],
)
def test_suppress_says_what_is_wrong(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run_recsvc("customers", "suppress", *arguments, "--store", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr


def test_another_secret_does_not_make_the_list_look_empty(database: sa.Engine) -> None:
    Suppressions(database, SECRET).add(["kim@mail.example"], "unsubscribe", NOW)
    assert Suppressions(database, SECRET).among(["Kim@Mail.example", "sam@mail.example"]) == {"Kim@Mail.example"}
    with pytest.raises(RefusedError, match="put that one into RECSVC_SECRET_PREVIOUS, or set RECSVC_SECRET"):
        Suppressions(database, b"another secret of the tests")


def test_with_the_previous_secret_beside_it_a_new_one_knows_the_list(database: sa.Engine) -> None:
    Suppressions(database, SECRET).add(["kim@mail.example"], "unsubscribe", NOW)
    renewed = Suppressions(database, b"another secret of the tests", SECRET)
    assert renewed.among(["Kim@Mail.example", "sam@mail.example"]) == {"Kim@Mail.example"}
    assert renewed.add(["kim@mail.example", "sam@mail.example"], "hard_bounce", NOW) == 1
    assert (renewed.reason("kim@mail.example"), renewed.reason("sam@mail.example")) == ("unsubscribe", "hard_bounce")
    assert Suppressions(database, b"another secret of the tests", SECRET).lift("kim@mail.example")
    assert renewed.among(["kim@mail.example"]) == set()


def test_who_never_agreed_but_bought_is_offered_similar_goods_only(
    shop_store: Path, campaign_file: Path, tmp_path: Path
) -> None:
    columns = "customer_id,email,email_ok,profiling_ok,email_basis\n"
    rows = "bath-5,bob@mail.example,1,1,existing_customer\nnever,new2@mail.example,1,1,existing_customer\n"
    bring_in(shop_store, tmp_path / "soft.csv", columns + rows)
    summary, lines = export(campaign_file, shop_store, tmp_path / "out")
    offer = next(line for line in lines if line["customer_id"] == "bath-5")
    engine = Engine.from_bundle(Registry(shop_store).open())
    paths = engine.catalogue.texts["product_type"]

    def kinds(items: set[str]) -> set[str]:
        return {paths[engine.catalogue.items.find(item)].rpartition(" > ")[0] for item in items}

    past = engine.past("bath-5", orders=100)
    bought = {line.item_id for order in past.last for line in order.lines}
    shown = {item["item_id"] for slot in offer["slots"] for item in slot["items"]}
    assert shown
    assert kinds(shown) <= kinds(bought)
    assert summary["left_out"]["no consent, and no purchase known either"] == 1


def test_all_that_is_known_can_be_asked_for(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    export(campaign_file, shop_store, tmp_path / "out")
    result = run_recsvc("customers", "export", "coffee-1", "--store", shop_store)
    assert result.exit_code == 0, result.stderr
    known = json.loads(result.stdout)
    assert known["customer"]["email"] == "kim@mail.example"
    assert [row["purpose"] for row in known["consents"]] == ["email", "profiling"]
    assert known["mails"][0]["campaign_id"] == "golden"
    assert known["events"] == []
    assert len(known["model"]["orders"]) == 8
    assert known["model"]["stage"] in ("active", "loyal", "at_risk", "lapsed")
    assert known["model"]["lists"]["home"]
    unknown = run_recsvc("customers", "export", "ghost", "--store", shop_store)
    assert unknown.exit_code == 2
    assert "nothing is known of customer 'ghost'" in unknown.stderr


def test_who_is_erased_leaves_no_trace(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    engine = Engine.from_bundle(Registry(shop_store).open())
    assert engine.customers.find("coffee-1") >= 0
    export(campaign_file, shop_store, tmp_path / "out")
    result = run_recsvc("customers", "erase", "coffee-1", "--yes", "--store", shop_store)
    assert result.exit_code == 0, result.stderr
    for path in [path for path in shop_store.rglob("*") if path.is_file() and "bundles" not in path.parts]:
        content = path.read_bytes()
        # coffee-10 and coffee-11 were never brought into the table.
        assert b"coffee-1" not in content, path
        assert b"kim@mail.example" not in content, path
    fresh = Engine.from_bundle(Registry(shop_store).open())
    assert fresh.customers.find("coffee-1") == -1
    assert fresh.customers.find("coffee-10") >= 0
    listed = run_recsvc("recommend", "--all", "--store", shop_store, "--quiet").stdout.splitlines()
    ids = [json.loads(line)["customer_id"] for line in listed]
    assert len(ids) == 47
    assert "coffee-1" not in ids
    # A nightly import brings the row back, but nobody may write to the address.
    bring_in(shop_store, tmp_path / "nightly.csv", CUSTOMERS)
    summary, lines = export(campaign_file, shop_store, tmp_path / "again")
    assert "coffee-1" not in {line["customer_id"] for line in lines}
    assert summary["left_out"]["address suppressed"] == 1
    assert run_recsvc("customers", "erase", "coffee-1", "--yes", "--store", shop_store).exit_code == 0


def test_the_next_training_forgets_the_purchases(tiny_shop: Path, tmp_path: Path) -> None:
    from tests.conftest_shop import train_tiny

    store = tmp_path / "store"
    ErasedIds(store).add("coffee-1")
    train_tiny(tiny_shop, store)
    engine = Engine.from_bundle(Registry(store).open())
    assert len(engine.customers) == 47
    assert "coffee-1" not in list(engine.customers.table)
    assert engine.customers.find("coffee-2") >= 0


def test_a_change_is_seen_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("models.erased.time.monotonic", lambda: clock[0])
    here, there = ErasedIds(tmp_path), ErasedIds(tmp_path)
    assert not there.hold("a")
    here.add("a")
    here.add("b")
    assert here.hold("a")
    clock[0] += 1.0
    assert there.hold("a")
    assert there.hold("b")
    assert not there.hold("c")
    assert "a" not in (tmp_path / "erased").read_text().splitlines()


def test_a_database_without_the_customer_has_nothing_to_erase(tmp_path: Path) -> None:
    open_database(None, tmp_path).dispose()
    result = run_recsvc("customers", "erase", "ghost", "--yes", "--store", tmp_path)
    assert result.exit_code == 0
    assert "0 customers" in result.stderr

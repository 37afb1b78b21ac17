"""One-click unsubscription (RFC 8058), clicks, and one reader's offer over HTTP."""

import time
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from recsvc.customers.consent import consent_log
from recsvc.customers.table import find_customers
from recsvc.keys import Scope
from recsvc.offers.tokens import MailTokens, last_click_day
from recsvc.state.mailing import mail_clicks
from recsvc.state.schema import metadata
from tests.conftest_shop import run_recsvc
from tests.http.conftest import SECRET, MakeKey
from tests.offers.conftest import CUSTOMERS
from tests.offers.made_up import CAMPAIGN

TOKENS = MailTokens(SECRET.encode())
TOKEN = TOKENS.unsubscribe("coffee-1")


@pytest.fixture(autouse=True)
def people(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS, encoding="utf-8")
    assert run_recsvc("customers", "import", path, "--store", store, "--quiet").exit_code == 0
    (store / "campaigns").mkdir()
    campaign = CAMPAIGN.replace("n = 1", "n = 3").replace(
        'from_name', 'service_url = "https://r.shop.example"\nfrom_name'
    )  # fmt: skip
    (store / "campaigns" / "golden.toml").write_text(campaign, encoding="utf-8")


def test_a_mailbox_posts_and_that_is_all(client: FlaskClient, database: sa.Engine) -> None:
    for _ in range(2):
        answer = client.post(f"/u/{TOKEN}", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    assert find_customers(database, ["coffee-1"])["coffee-1"].objected_at is not None
    assert [row["source"] for row in consent_log(database, ["coffee-1"])][-1] == "unsubscribe link"
    assert len(consent_log(database, ["coffee-1"])) == 3


def test_opening_the_link_only_asks(client: FlaskClient, database: sa.Engine) -> None:
    german = client.get(f"/u/{TOKEN}", headers={"Accept-Language": "de-AT"})
    assert german.status_code == 200
    assert "Unsere E-Mails abbestellen?" in german.text
    assert '<html lang="de">' in german.text
    assert "Unsubscribe from our e-mails?" in client.get(f"/u/{TOKEN}", headers={"Accept-Language": "en"}).text
    assert "form-action 'self'" in german.headers["Content-Security-Policy"]
    assert german.headers["Cache-Control"] == "no-store"
    assert "coffee-1" not in german.text
    assert find_customers(database, ["coffee-1"])["coffee-1"].objected_at is None


@pytest.mark.parametrize("token", ["x", TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B"), "A" * 3000])
def test_a_damaged_link_is_a_page_that_says_so(client: FlaskClient, token: str) -> None:
    for ask in (client.get, client.post):
        answer = ask(f"/u/{token}", headers={"Accept-Language": "en"})
        assert answer.status_code == 404
        assert "This link is damaged" in answer.text


def test_what_could_not_be_written_is_not_said_to_be_done(client: FlaskClient) -> None:
    down = sa.exc.OperationalError("x", {}, Exception("down"))
    with patch("recsvc.http.unsubscribe.object_to_mail", side_effect=down):
        answer = client.post(f"/u/{TOKEN}")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"


def test_somebody_unknown_is_unsubscribed_too(client: FlaskClient) -> None:
    assert client.post(f"/u/{TOKENS.unsubscribe('ghost')}").status_code == 200


def test_a_click_leads_to_the_item_and_nowhere_else(client: FlaskClient, database: sa.Engine) -> None:
    day = last_click_day(datetime.now(UTC))
    token = TOKENS.click("golden", "", "coffee-1", "milk", "again", 2, day)
    answer = client.get(f"/c/{token}")
    assert answer.status_code == 303
    assert answer.headers["Location"] == (
        "https://shop.example/p/milk?utm_source=newsletter&utm_medium=email&utm_campaign=golden&utm_content=again"
    )
    with database.connect() as connection:
        assert connection.execute(sa.select(mail_clicks)).all() == []  # coffee-1 did not agree to be counted
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE customers SET tracking_ok = 1")
    client.get(f"/c/{token}")
    with database.connect() as connection:
        (row,) = connection.execute(sa.select(mail_clicks))
    assert (row.campaign_id, row.customer_id, row.item_id, row.place) == ("golden", "coffee-1", "milk", 2)
    assert client.get(f"/c/{token[:-2]}").status_code == 404
    other = TOKENS.click("no-such-campaign", "", "coffee-1", "milk", "again", 2, day)
    assert client.get(f"/c/{other}").status_code == 404


def test_one_readers_offer(client: FlaskClient) -> None:
    offer = client.get("/offers/coffee-1?campaign=golden").get_json()
    assert offer["subject"] == "Neues"
    assert offer["slots"][0]["items"]
    assert "email" not in offer
    assert offer["unsubscribe_url"] == f"https://r.shop.example/u/{TOKEN}"
    html = client.get("/offers/coffee-1?campaign=golden&format=html&locale=en")
    assert html.content_type == "text/html; charset=utf-8"
    assert '<html lang="en"' in html.text
    text = client.get("/offers/coffee-1?campaign=golden&format=text")
    assert text.content_type == "text/plain; charset=utf-8"
    assert offer["unsubscribe_url"] in text.text


@pytest.mark.parametrize(
    ("address", "code", "detail"),
    [
        ("/offers/coffee-1", 400, "campaign is missing"),
        ("/offers/coffee-1?campaign=golden&format=pdf", 400, "format is none of json, html, text"),
        ("/offers/coffee-1?campaign=golden&locale=fr", 400, "locale is none of"),
        ("/offers/coffee-1?campaing=golden", 400, "campaing is unknown"),
        ("/offers/coffee-1?campaign=..%2Fsecret", 404, "campaign is none of the store's campaigns"),
        ("/offers/coffee-1?campaign=other", 404, "campaign is none of the store's campaigns"),
        ("/offers/ghost?campaign=golden", 404, "not in the customer table"),
        ("/offers/bath-5?campaign=golden", 404, "no consent to e-mail"),
    ],
)
def test_a_bad_question_is_told(client: FlaskClient, address: str, code: int, detail: str) -> None:
    answer = client.get(address)
    assert answer.status_code == code
    assert detail in answer.get_json()["detail"]


def test_an_offer_takes_a_server_key(app: Flask, client: FlaskClient, make_key: MakeKey) -> None:
    public, server = make_key(Scope.PUBLIC), make_key(Scope.SERVER)
    address = "/offers/coffee-1?campaign=golden"
    assert client.get(address).status_code == 401
    assert client.get(address, headers=public).status_code == 403
    assert client.get(address, headers=server).status_code == 200
    assert client.post(f"/u/{TOKEN}").status_code == 200  # the way out takes none


def test_who_is_erased_is_in_no_answer_and_no_log(
    store: Path, app: Flask, client: FlaskClient, database: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    questions = ("/offers/coffee-1?campaign=golden", "/recommend?customer_id=coffee-1&scenario=again")
    known = [client.get(question).get_json() for question in questions]
    click = known[0]["slots"][0]["items"][0]["link"]
    assert "/p/" in click
    client.post("/events", json={"type": "view", "customer_id": "coffee-1", "items": ["milk"]})
    client.post(f"/u/{TOKEN}")
    client.get(f"/c/{TOKENS.click('golden', '', 'coffee-1', 'milk', 'again', 1, last_click_day(datetime.now(UTC)))}")
    assert run_recsvc("customers", "erase", "coffee-1", "--yes", "--store", store).exit_code == 0
    time.sleep(1.1)  # a second is how long a service may take to hear of it
    gone = client.get(questions[0])
    assert gone.status_code == 404
    assert "not in the customer table" in gone.text
    assert "coffee-1" not in gone.text
    stranger = client.get("/recommend?customer_id=nobody&scenario=again").get_json()
    erased = client.get(questions[1]).get_json()
    assert [one["item_id"] for one in erased["items"]] == [one["item_id"] for one in stranger["items"]]
    assert erased["fallback"] == stranger["fallback"] is not None
    assert known[1]["fallback"] is None
    with database.connect() as connection:
        for table in metadata.sorted_tables:
            assert not any("coffee-1" in map(str, row) for row in connection.execute(sa.select(table))), table.name
    assert "coffee-1" not in caplog.text
    assert "kim@mail.example" not in caplog.text

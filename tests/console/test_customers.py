"""One customer: lists as the interface gives them, why not, consent, and what happens without the database."""

import logging
import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from recsvc.engine.explaining import _Case
from recsvc.http.logs import JsonFormatter
from recsvc.state import writing
from recsvc.state.mailing import mails
from recsvc.state.schema import customers

PAGE = "/console/customers"


def text_of(page: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def look(client: FlaskClient, **asked: str) -> str:
    answer = client.get(f"{PAGE}?{urlencode(asked)}")
    assert answer.status_code == 200, answer.text
    return text_of(answer.text)


@pytest.mark.parametrize("scenario", ["home", "discover", "again"])
def test_the_list_is_the_interfaces_in_the_readers_language(admin: FlaskClient, token: str, scenario: str) -> None:
    asked = {"customer_id": "coffee-3", "scenario": scenario, "locale": "de", "n": "10"}
    told = admin.get("/recommend", query_string=asked, headers={"X-API-Key": token}).get_json()
    page = admin.get(f"{PAGE}?{urlencode({'id': 'coffee-3', 'scenario': scenario, 'lang': 'de'})}").text
    assert re.findall(r"&amp;item=([\w-]+)#why", page) == [item["item_id"] for item in told["items"]]
    assert all(item["reason"] in text_of(page) for item in told["items"])


def test_history_lifecycle_consent_events_and_mails(admin: FlaskClient, database: sa.Engine) -> None:
    page = look(admin, id="coffee-3")
    for needed in ("Orders 8", "February 26, 2026", "c…@example.org", "Counting clicks no", "impression"):
        assert needed in page
    assert "coffee-3@example.org" not in page
    with database.connect() as connection:
        mailed = connection.scalar(sa.select(mails.c.customer_id).where(mails.c.state == "exported"))
    assert "weekly exported" in look(admin, id=str(mailed))


@pytest.mark.parametrize(
    ("item", "scenario", "why"),
    [
        ("sold-out", "home", "It is not in stock."),
        ("nothing", "home", "It is not in the catalogue."),
        ("coffee", "discover", "It was bought before, and this list holds only new items."),
        ("shampoo", "again", "It was never bought, and this list holds only bought items."),
    ],
)
def test_why_not(admin: FlaskClient, item: str, scenario: str, why: str) -> None:
    assert why in look(admin, id="coffee-3", item=item, scenario=scenario)
    german = look(admin, id="coffee-3", item=item, scenario=scenario, lang="de")
    assert "Er ist nicht in der Liste" in german
    assert why not in german


def test_every_step_of_an_explanation_has_words() -> None:
    source = Path(_Case.__module__.replace(".", "/") + ".py").read_text(encoding="utf-8")
    unfit = {"not_listed", "no_title", "out_of_stock", "not_yet_available", "expired"}
    steps = set(re.findall(r'step="(\w+)"', source)) | unfit
    words = Path("recsvc/console/reasons_out.py").read_text(encoding="utf-8")
    assert [step for step in sorted(steps) if f'"{step}"' not in words] == []


@pytest.mark.parametrize("name", ["nobody", "<script>alert(1)</script>", "ä/ö", "x" * 9000, "🙂", "a\0b", " "])
def test_anybody_can_be_asked_for(admin: FlaskClient, name: str) -> None:
    answer = admin.get(f"{PAGE}?{urlencode({'id': name, 'scenario': 'x', 'item': name})}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_who_objected_gets_no_mail(admin: FlaskClient, database: sa.Engine) -> None:
    with writing(database) as connection:
        query = sa.update(customers).where(customers.c.customer_id == "bath-1")
        connection.execute(query.values(email_ok=False))
    assert "Gets no mail: no consent to e-mail" in look(admin, id="bath-1")


def test_without_the_database_the_model_still_tells(admin: FlaskClient, database: sa.Engine) -> None:
    assert "Events by day" in text_of(admin.get("/console").text)
    with writing(database) as connection:
        connection.exec_driver_sql("DROP TABLE customers")
    page = look(admin, id="coffee-3")
    assert "The database does not answer" in page
    assert "Orders 8" in page


def test_logs_name_no_customer(app: Flask, admin: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="recsvc"):
        look(admin, id="coffee-3", item="milk")
    assert not [line for line in map(JsonFormatter().format, caplog.records) if "coffee-3" in line]

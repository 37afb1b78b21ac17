"""Campaigns: what is checked while one edits, what is saved, previewed and counted."""

import json
import re
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from recsvc.console import reach
from recsvc.console.campaign_files import CampaignFiles, Reach, digest
from recsvc.state import writing
from recsvc.state.schema import customers
from tests.conftest_shop import run_recsvc
from tests.console.conftest import CAMPAIGN, form_token, post

PAGE = "/console/campaigns"
WEEKLY = f"{PAGE}/weekly"
NEXT = CAMPAIGN.replace('locale = "de"', 'locale = "de"\nedition = "next"')


def figure(page: str, name: str) -> float:
    found = re.search(rf'<data value="([^"]*)" data-figure="{re.escape(name)}"', page)
    assert found is not None, page
    return float(found[1])


def check(client: FlaskClient, text: str, name: str = "weekly") -> str:
    fields = {"text": text, "form_token": form_token(client.get(f"{PAGE}/{name}").text)}
    answer = client.post(f"{PAGE}/{name}/check", data=fields, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    return unescape(answer.text)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('scenario = "again"', 'scenario = "agian"', "did you mean 'again'?"),
        ("[holdout]", "[holdot]", "holdout"),
        ("n = 2", "n = 99", "n is 99"),
        ('id = "weekly"', 'id = "monthly"', "write 'weekly'"),
        ('locale = "de"', "locale = ", "no TOML"),
        ("[holdout]", '[audience]\naffinity = ["Fod"]\n[holdout]', "did you mean 'food'?"),
        ("[holdout]", '[audience]\ncustomers = "../secret.key"\n[holdout]', "leads out of the folder"),
        ("[holdout]", '[benefit]\nfile = "/etc/hostname"\n[holdout]', "leads out of the folder"),
        ("[mail]", '[mail]\ntemplates = ".."', "leads out of the folder"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_while_one_edits(admin: FlaskClient, store: Path, old: str, new: str, named: str) -> None:
    assert named in check(admin, CAMPAIGN.replace(old, new, 1))
    assert (store / "campaigns" / "weekly.toml").read_text() == CAMPAIGN


def test_the_audience_is_who_the_export_writes_to(admin: FlaskClient, store: Path) -> None:
    page = check(admin, NEXT)
    (store / "next.toml").write_text(NEXT)
    arguments = ("--out", store / "x", "--store", store, "--json", "--quiet", "--no-record")
    told = run_recsvc("offers", "export", store / "next.toml", *arguments)

    summary = json.loads(told.stdout)
    nothing = summary["left_out"].pop("no items", 0)
    assert figure(page, "audience.size") == summary["written"] + nothing
    left_out = Counter(summary["left_out"])
    for reason, number in left_out.items():
        assert figure(page, f"audience.left_out.{reason}") == number
    assert figure(page, "audience.of") == left_out.total() + figure(page, "audience.size")
    narrower = check(admin, NEXT + '\n[audience]\nstage = ["lapsed"]\n')
    assert figure(narrower, "audience.size") < figure(page, "audience.size")


def test_a_large_table_is_judged_by_a_sample(
    admin: FlaskClient, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "MOST_SEEN", 20)
    with database.connect() as connection:
        total = connection.scalar(sa.select(sa.func.count()).select_from(customers))
    page = check(admin, NEXT)
    assert "≈" in page
    assert figure(page, "audience.of") == total
    assert Reach(100, 20, 5, Counter()).about == 25
    assert Reach(100, 0, 0, Counter()).about == 0
    assert Reach(20, 20, 5, Counter()).about == 5


def test_saving_writes_what_is_right_and_nothing_else(admin: FlaskClient, store: Path) -> None:
    file = store / "campaigns" / "weekly.toml"
    before = digest(CAMPAIGN)
    wrong = post(admin, WEEKLY, WEEKLY, text=CAMPAIGN + "x", before=before)
    assert (wrong.status_code, "Not saved" in wrong.text) == (409, True)
    assert file.read_text() == CAMPAIGN
    text = NEXT.replace("\n", "\r\n") + "# ü\r\n"
    saved = post(admin, WEEKLY, WEEKLY, text=text, before=before)
    assert (saved.status_code, saved.headers["Location"]) == (303, f"{WEEKLY}?done=saved")
    assert file.read_text() == NEXT + "# ü\n"
    late = post(admin, WEEKLY, WEEKLY, text=CAMPAIGN, before=before)
    assert (late.status_code, "changed by somebody else" in late.text) == (409, True)
    assert file.read_text() == NEXT + "# ü\n"
    assert sorted(path.name for path in file.parent.iterdir()) == [".lock", "broken.toml", "weekly.toml"]
    only_checked = post(admin, WEEKLY, WEEKLY, text=CAMPAIGN, before=before, check="1")
    assert (only_checked.status_code, "The campaign is fine." in only_checked.text) == (200, True)
    assert file.read_text() == NEXT + "# ü\n"


def test_a_new_campaign_comes_from_a_ready_one(admin: FlaskClient, store: Path) -> None:
    made = post(admin, PAGE, PAGE, name="back-again", ready="win-back")
    assert made.headers["Location"] == f"{PAGE}/back-again"
    assert CampaignFiles(store).check("back-again", CampaignFiles(store).read("back-again")).problem == ""
    for name, ready in (("back-again", "win-back"), ("../x", "win-back"), ("", "win-back"), ("y", "none")):
        assert post(admin, PAGE, PAGE, name=name, ready=ready).status_code == 409
    assert "back-again" in admin.get(PAGE).text


def test_the_preview_is_the_mail_of_the_command(admin: FlaskClient, store: Path) -> None:
    page = admin.get(f"{WEEKLY}?customer=coffee-1&locale=en").text
    assert "Your list of the week" in page
    address = unescape(re.findall(r'<iframe[^>]* src="([^"]+)"', page)[0])
    shown = admin.get(address)
    arguments = ("--customer", "coffee-1", "--locale", "en", "--store", store)
    printed = run_recsvc("offers", "preview", store / "campaigns" / "weekly.toml", *arguments).stdout
    assert shown.text.replace('<base target="_blank">', "") == printed.rstrip("\n")
    policy = shown.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy


@pytest.mark.parametrize("customer", ["nobody", "<b>", "ä" * 900])
def test_anybody_can_be_previewed(admin: FlaskClient, customer: str) -> None:
    answer = admin.get(WEEKLY, query_string={"customer": customer, "locale": "xx"})
    assert answer.status_code == 200
    answer = admin.get(WEEKLY, query_string={"customer": customer})
    assert answer.status_code == 200
    assert "<b>" not in answer.text


def test_what_is_not_there_has_a_page_that_says_so(admin: FlaskClient) -> None:
    for path in ("nothing", "..", "weekly/files/job.json", "weekly/files/..%2f..%2fsecret.key"):
        assert admin.get(f"{PAGE}/{path}").status_code == 404
    broken = admin.get(f"{PAGE}/broken")
    assert broken.status_code == 200
    assert "did you mean" in broken.text
    assert post(admin, f"{PAGE}/broken", f"{PAGE}/broken/export", format="csv").status_code == 409


def test_an_empty_customer_table_is_said(admin: FlaskClient, database: sa.Engine) -> None:
    with writing(database) as connection:
        connection.execute(sa.delete(customers))
    assert "customer table is empty" in check(admin, CAMPAIGN)


def test_the_results_are_the_interfaces(admin: FlaskClient, app: Flask, token: str) -> None:
    told = admin.get("/kpis?campaign=weekly", headers={"X-API-Key": token}).get_json()["campaigns"][0]
    page = re.sub(r"\s+", " ", admin.get(WEEKLY).text)
    for arm in told["arms"]:
        cells = (arm["name"], f"{arm['assigned']:,}", f"{arm['buyers']:,}", f"{arm['conversion']['value']:.2%}")
        assert "</td><td>".join(cells[1:]) in page
        assert f'<th scope="row">{arm["name"]}</th>' in page
    assert f"{told['delivered']} mails" in page

"""The figures for people: a page, a terminal, JSON."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsvc.i18n import translator
from recsvc.measure.charts import whiskers, widths
from recsvc.measure.interval import Interval
from recsvc.measure.report import report_html
from recsvc.measure.settings import MeasureSettings
from recsvc.measure.written import Words, as_json, lines_of
from recsvc.state import open_database
from recsvc.state.mailing import mails
from tests.conftest_shop import run_recsvc
from tests.measure.conftest import Mail, Shop, day, list_of


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def full(shop: Shop, mail: Mail) -> Shop:
    """A shop where everything that a page shows has happened."""
    names = [f"c{n}" for n in range(400)]
    mail("<spring>", 30, mailed=names[:200], held=names[200:])
    for n in [*range(80), *range(200, 240)]:
        shop.buy(f"c{n}", 29, "milk")
    shop.tell("impression", "ada", 3, shown=list_of("milk", arms=(("look", "control"),)))
    shop.tell("click", "ada", 3, "milk", shown=list_of("milk", arms=(("look", "control"),)))
    shop.tell("impression", "ben", 3, shown=list_of("milk", arms=(("look", "bold"),)))
    shop.tell("impression", "ada", 2, shown=list_of("milk", arms=(("look", "bold"),)))
    shop.buy("ada", 2, "milk")
    shop.tell("return", "ada", 1, "milk", order="unknown")
    return shop


@pytest.mark.parametrize(
    ("locale", "verdict"),
    [
        ("en", "It works: 20.00% of the recipients bought who would not have."),
        ("de", "Es wirkt: 20,00\N{NO-BREAK SPACE}% der Empfänger kauften, die es sonst nicht getan hätten."),
    ],
)
def test_the_page_says_what_there_is_to_say(full: Shop, locale: str, verdict: str) -> None:
    settings = MeasureSettings(margin=0.4, cost_per_mail=0.05)
    page = report_html(full.figures(settings, holdouts={"<spring>": 0.5}), locale)
    assert verdict in page
    assert "&lt;spring&gt;" in page
    assert "<spring>" not in page
    tags = Tags(page).found
    assert not [tag for tag, given in tags if tag in ("script", "link", "img") or "src" in given or "href" in given]
    assert not [given for _, given in tags if "style" in given]
    assert (("html", {"lang": locale})) in tags


def test_an_empty_shop_has_a_page_too(shop: Shop) -> None:
    page = report_html(shop.figures(), "en")
    assert "No campaign was mailed" in page
    assert "No impression or click was told yet" in page


def test_a_broken_test_shows_no_figure(full: Shop) -> None:
    figures = full.figures(MeasureSettings(margin=0.4, cost_per_mail=0.05), holdouts={"<spring>": 0.1})
    page = report_html(figures, "en")
    assert "This test is broken" in page
    assert "It works" not in page
    told = "\n".join(lines_of(figures, Words(translator("en"), "EUR")))
    assert "This test is broken" in told
    assert "return on investment" not in told


def test_a_terminal_is_told_the_same(full: Shop) -> None:
    figures = full.figures(MeasureSettings(margin=0.4, cost_per_mail=0.05))
    told = "\n".join(lines_of(figures, Words(translator("en"), figures.currency)))
    assert "Last 28 days: 1 orders, €10.00, of it €10.00 after a click on a recommendation" in told
    assert "mailed: 200 assigned, 80 bought (40.00%), €4.00 each" in told
    assert re.search(r"return on investment: 1,?500%", told)
    assert "look (running" in told
    assert "1 met several groups" in told
    assert "left out: 1 returns of unknown purchases" in told


def test_json_has_null_for_what_is_not_known(full: Shop) -> None:
    told = json.dumps(as_json(full.figures()), allow_nan=False)
    found = json.loads(told)
    assert found["campaigns"][0]["comparisons"][0]["shares"]["verdict"] == "works"
    assert found["campaigns"][0]["payback"]["roi"] is None
    assert found["now"] == "2026-03-31T12:00:00Z"


def test_whiskers_share_an_axis_that_holds_zero() -> None:
    one, other, unknown = whiskers([Interval(2.0, 1.0, 3.0), Interval(-1.0, -2.0, 0.0), Interval(1.0)])
    assert one is not None
    assert other is not None
    assert unknown is None
    assert one.zero == other.zero == other.high
    assert 0 < other.low < other.value < one.zero < one.low < one.value < one.high < 100
    assert whiskers([]) == []
    assert widths([5.0, 10.0, 0.0, float("nan")]) == [50.0, 100.0, 0.0, 0.0]
    assert widths([0.0]) == [0.0]


def test_the_command_reads_store_settings_and_files(tmp_path: Path) -> None:
    store = tmp_path / "store"
    database = open_database(None, store)
    row = {
        "edition": "1", "items": "[]", "benefits": "[]", "model_version": "m1", "created_at": day(30),
        "updated_at": day(30), "campaign_id": "spring",
    }  # fmt: skip
    with database.begin() as connection:
        states = [{"customer_id": "a", "state": "exported"}, {"customer_id": "b", "state": "holdout"}]
        connection.execute(sa.insert(mails), [{**row, **state} for state in states])
    database.dispose()
    orders = tmp_path / "orders.csv"
    orders.write_text(f"customer_id,order_id,item_id,quantity,unit_price,timestamp\na,o,i,1,5,{day(29).isoformat()}\n")
    config = tmp_path / "recsvc.toml"
    config.write_text("[measure]\nmargin = 0.5\ntool_fee = 1.0\n")
    page = tmp_path / "kpis.html"
    where = ("--store", store, "--config", config, "--purchases", orders)
    result = run_recsvc("kpis", "spring", "--json", "--report", page, *where)
    assert result.exit_code == 0, result.stderr
    (campaign,) = json.loads(result.stdout)["campaigns"]
    assert campaign["arms"][1]["margin_each"] == 2.5
    assert "spring" in page.read_text()
    assert "Kaufquote" in run_recsvc("kpis", "--locale", "de", *where).stdout
    refused = run_recsvc("kpis", "autumn", *where)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "was never exported or sent; mailed were spring" in refused.stderr
    assert run_recsvc("kpis", "--report", tmp_path / "gone" / "x.html", *where).exit_code == 2
    config.write_text("[measure]\nmargn = 0.5\n")
    assert "did you mean 'margin'" in run_recsvc("kpis", *where).stderr

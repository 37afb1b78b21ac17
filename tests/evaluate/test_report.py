"""The report: one page, well formed, complete, in two languages."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from training.evaluate.report import ReportFacts, report_html
from training.evaluate.report.wording import LOCALE_DIR, Wording
from training.evaluate.results import Example, ListedItem, Results
from training.input import Shop
from training.settings import TrainingSettings

pytestmark = pytest.mark.timeout(240)
VOID = {"meta", "link", "br", "rect", "line", "path", "circle", "img", "input", "hr"}


@pytest.fixture(scope="session")
def facts(shop: Shop) -> ReportFacts:
    return ReportFacts(
        shop="purchases.csv",
        version="1.2.3",
        created=datetime(2026, 6, 1, tzinfo=UTC),
        input=shop.report.as_json(),
        settings=TrainingSettings().tables(),
    )


class Structure(HTMLParser):
    """Checks that tags are closed in order, and collects what the tests ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.counts: Counter[str] = Counter()
        self.headings: list[int] = []
        self.addresses: list[str] = []
        self.named: list[str] = []
        self.plots_without_a_name = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.counts[tag] += 1
        if identifier := given.get("id"):
            self.ids.append(identifier)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]
        self.named += (given.get("aria-labelledby") or "").split()
        if tag == "svg" and given.get("aria-hidden") != "true" and "aria-labelledby" not in given:
            self.plots_without_a_name += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else at line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def structure(html: str) -> Structure:
    found = Structure()
    found.feed(html)
    found.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en", "de", "de-AT"])
def test_the_page_is_well_formed_and_stands_alone(results: Results, facts: ReportFacts, locale: str) -> None:
    html = report_html(results, facts, locale=locale)
    found = structure(html)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert set(found.named) <= set(found.ids)
    assert all(address.startswith("#") or address == "data:," for address in found.addresses)
    assert {address[1:] for address in found.addresses if address.startswith("#")} <= set(found.ids)
    assert not re.search(r"https?://|@import|url\(", html)
    assert found.counts["script"] == 0
    assert found.counts["h1"] == 1
    assert all(after - before <= 1 for before, after in zip(found.headings, found.headings[1:], strict=False))
    assert found.counts["table"] == found.counts["caption"]
    assert found.plots_without_a_name == 0
    assert not re.search(r"%\(\w+\)s|\bnan\b|None|\{\{|\{%", " ".join(found.text))


@pytest.mark.slow
def test_the_page_says_what_was_found(results: Results, facts: ReportFacts) -> None:
    text = " ".join(" ".join(structure(report_html(results, facts)).text).split())
    assert f"were bought within the next {results.horizon_days} days" in text
    home = results.scenario("home")
    assert home is not None
    assert home.gain is not None
    for method in ("own purchases", "item-kNN", "ALS", "best sellers"):
        assert method in text
    assert f"Customer {results.examples[0].customer_id}" in text
    assert results.examples[0].items[0].title in text
    assert "treat it as personal data" in text


@pytest.mark.slow
def test_german_is_german(results: Results, facts: ReportFacts) -> None:
    html = report_html(results, facts, locale="de")
    assert '<html lang="de">' in html
    text = " ".join(structure(html).text)
    assert "wiederkehrenden Kunden empfohlen" in text
    assert not re.search(r"\b(the|of|with|which|bought)\b", re.sub(r"(?s)Einstellungen.*", "", text))


@pytest.mark.slow
def test_what_customers_and_shops_write_cannot_break_the_page(results: Results, facts: ReportFacts) -> None:
    evil = '</style><script>alert("x")</script>& "Käse" <b>'
    item = ListedItem(item_id="1", title=evil, source=evil, carrier=evil, bought_before=0, bought_after=True)
    example = Example(customer_id=evil, orders=1, history=(), items=(item,), bought=1)
    html = report_html(replace(results, examples=(example,)), replace(facts, shop=evil, notice=evil))
    found = structure(html)
    assert found.counts["script"] == 0
    assert found.counts["b"] == 0
    assert evil in "".join(found.text)


@pytest.mark.slow
def test_a_page_with_hardly_anything_is_still_a_page(results: Results, facts: ReportFacts) -> None:
    bare = replace(
        results, learning_curve=(), calibration={}, importance=(), examples=(), scenarios=results.scenarios[:1]
    )
    found = structure(report_html(bare, replace(facts, input={}, settings={})))
    assert found.open == []
    nothing = replace(bare, scenarios=())
    assert "How good are the recommendations?" in "".join(structure(report_html(nothing, facts)).text)


@pytest.mark.slow
def test_a_notice_is_shown_to_whoever_reads_the_first_screen(results: Results, facts: ReportFacts) -> None:
    html = report_html(results, replace(facts, notice="Not published: worse than the published model."))
    assert "Not published" in html.partition("<nav")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.01, 0.05, "On the home page better than every simple method"),
        (-0.01, 0.05, "No clear difference"),
        (-0.05, -0.01, "Worse than the best simple method"),
    ],
)
def test_the_verdict_follows_the_interval(
    results: Results, facts: ReportFacts, low: float, high: float, says: str
) -> None:
    home = results.scenario("home")
    assert home is not None
    assert home.gain is not None
    gain = replace(home.gain, mean=(low + high) / 2, low=low, high=high)
    others = tuple(scenario for scenario in results.scenarios if scenario.scenario != "home")
    html = report_html(replace(results, scenarios=(replace(home, gain=gain), *others)), facts)
    assert says in html


def messages() -> set[str]:
    options = {
        "extensions": "jinja2.ext.i18n,jinja2.ext.loopcontrols",
        "trim_blocks": "true",
        "newstyle_gettext": "true",
    }
    found: set[str] = set()
    for _, _, message, _, _ in extract_from_dir(
        LOCALE_DIR.parent,
        [("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")],
        {"templates/**.html": options},
        keywords={"_": None, "gettext": None, "ngettext": (1, 2)},
    ):
        found |= {message} if isinstance(message, str) else set(filter(None, message))
    return found


def placeholders(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)s", text))


def test_every_text_has_its_german_and_every_german_its_text() -> None:
    german = Wording.of("de").texts
    assert messages() == german.keys() - {""}
    for message, text in german.items():
        if message:
            assert placeholders(message) == placeholders(text), message


def test_numbers_follow_the_language() -> None:
    english, german = Wording.of("en-GB"), Wording.of("de_DE")
    assert (english.percent(0.1234), german.percent(0.1234)) == ("12.3%", "12,3\xa0%")
    assert (english.number(-1234.5, 1), german.number(-1234.5, 1)) == ("−1,234.5", "−1.234,5")
    assert (english.percent(float("nan")), german.number(None)) == ("–", "–")
    assert german.day("2017-10-28") == "28.10.2017"
    assert Wording.of("tlh").locale.language == Wording.of("??").locale.language == "en"


def test_the_templates_are_in_the_package() -> None:
    folder = Path(LOCALE_DIR.parent / "templates")
    assert {path.suffix for path in folder.iterdir()} == {".html", ".css"}

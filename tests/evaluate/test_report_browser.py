"""The report in Chromium: nothing fetched, nothing logged, nothing wider than the window."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from training.evaluate.report import ReportFacts, report_html
from training.evaluate.results import Results

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def page_file(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    facts = ReportFacts(shop="purchases.csv", version="1.2.3", created=datetime(2026, 6, 1, tzinfo=UTC))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html(results, facts, locale="de"), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_fetches_nothing(
    chromium: Browser, page_file: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("h1").is_visible()
    # Text on its ground: at least 4.5 to 1 for everything that is not decoration (WCAG 2, AA).
    assert page.evaluate(CONTRAST) >= 4.5
    context.close()


CONTRAST = """() => {
  const channel = (v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c;
  } return [255, 255, 255]; };
  let least = 21;
  for (const e of document.querySelectorAll('h1, h2, h3, h4, p, th, td, li, dt, dd, caption, summary, a, text')) {
    if (!e.textContent.trim() || e.matches('.skip')) continue;
    const style = getComputedStyle(e);
    const ink = parse(e.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(e))];
    least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return least;
}"""


def test_every_plot_has_a_name_and_scrolling_works_by_keyboard(chromium: Browser, page_file: Path) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(page_file.as_uri())
    plots = page.get_by_role("img")
    assert plots.count() >= 1
    for number in range(plots.count()):
        assert plots.nth(number).evaluate("e => (e.querySelector('title') || {}).textContent || e.ariaLabel")
    unreachable = "e => e.scrollWidth > e.clientWidth && e.tabIndex < 0"
    assert page.evaluate(f"[...document.querySelectorAll('.scroll')].filter({unreachable}).length") == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    context.close()

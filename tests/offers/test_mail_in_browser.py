"""The mail as a browser shows it: narrow and wide, light and dark, with images and without."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.offers.made_up import rendered

# The smallest contrast of any text with the ground it stands on, and how far anything reaches to the right.
MEASURE = """() => {
  const channels = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let contrast = 21, size = 99;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.offsetParent || !element.getBoundingClientRect().height) continue;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))];
    contrast = Math.min(contrast, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    size = Math.min(size, parseFloat(getComputedStyle(element).fontSize));
  }
  return {contrast, size, width: document.documentElement.scrollWidth};
}"""


@pytest.mark.browser
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700])
def test_the_mail_can_be_read(
    chromium: Browser, tmp_path: Path, width: int, scheme: Literal["light", "dark"], language: str
) -> None:
    with chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        context.route("**/*", lambda route: route.abort())  # images off
        page = context.new_page()
        page.set_content(rendered(tmp_path, language).html)
        measured = page.evaluate(MEASURE)
        assert measured["width"] <= width
        assert measured["contrast"] >= 4.5
        assert measured["size"] >= 14
        alt = page.get_by_role("img", name="Vollmilch 3,8 %")
        assert alt.count() == 1

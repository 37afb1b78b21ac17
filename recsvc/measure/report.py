"""One self-contained HTML page of the figures that a manager understands: no script, no other file."""

from functools import lru_cache

import jinja2

from recsvc.i18n import translator
from recsvc.measure.charts import whiskers, widths
from recsvc.measure.figures import Figures
from recsvc.measure.written import Words


def report_html(figures: Figures, locale: str = "en") -> str:
    """The page in the nearest language."""
    words = Words(translator(locale), figures.currency)
    return _environment().get_template("kpis.html").render(page_values(figures, words))


def page_values(figures: Figures, words: Words) -> dict[str, object]:
    """What the template, and the console's, need."""
    tests = figures.tests
    compared = [compared for test in tests for compared in test.comparisons]
    return {
        "figures": figures,
        "words": words,
        "_": words.gettext,
        "tests": tests,
        "whisker": dict(zip(map(id, compared), whiskers([one.shares.difference for one in compared]), strict=True)),
        "width": dict(
            zip(map(id, figures.placements), widths([row.revenue for row in figures.placements]), strict=True)
        ),
        "id_of": id,
    }


@lru_cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("recsvc.measure"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

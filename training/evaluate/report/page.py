"""Fills the report's template."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import jinja2

from training.evaluate.intervals import Interval
from training.evaluate.report import charts
from training.evaluate.report.facts import ReportFacts
from training.evaluate.report.wording import NOTHING, Wording
from training.evaluate.results import Results, ScenarioResult, Score

METRICS = ("ndcg", "recall", "precision", "hit", "map")
CALIBRATED = ("home", "discover")


def _(message: str) -> str:
    """Marks a text for translation; what it is in the reader's language is looked up when it is shown."""
    return message


NAMES = {
    "best sellers": _("best sellers"),
    "own purchases": _("own purchases"),
    "cosine over orders": _("cosine over orders"),
    "EASE over orders": _("EASE over orders"),
    "customer known": _("customer known"),
}
SCENARIO_TITLES = {
    "home": _("Home page: what they will buy next"),
    "discover": _("Discover: what they never bought before"),
    "again": _("Buy again: what is due"),
    "complements": _("In the cart: what completes it"),
}
SCENARIO_TEXTS = {
    "home": _("All that a customer bought in the window counts."),
    "discover": _("Only items count that the customer had not bought before the window."),
    "again": _("Only items count that the customer had bought before the window."),
    "complements": _("One item of each basket is hidden; a hit is a list that brings it back."),
}
SEGMENTS = {"few": _("1–2 orders"), "light": _("light"), "heavy": _("heavy")}
SOURCE_TEXTS = {
    "repeat": _("what the customer bought before"),
    "customers": _("what similar customers bought"),
    "neighbours": _("what buyers of the same items bought"),
    "ease": _("what completes all that a customer buys"),
    "factors": _("tastes found in all purchases"),
    "categories": _("what sells in the customer's categories"),
    "content": _("what resembles the customer's items"),
    "complements": _("what goes together in orders"),
    "popular": _("what sells well now"),
}


def report_html(results: Results, facts: ReportFacts, *, locale: str = "en") -> str:
    """The whole page: no other file, script or address is needed to show it."""
    words = Wording.of(locale)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("training.evaluate.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"],
    )
    environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {
        "percent": words.percent,
        "number": words.number,
        "day": words.day,
        "name": lambda method: name_text(words, method),
        "interval": lambda interval, digits=3: interval_text(words.number, interval, digits),
        "setting": setting_text,
    }
    view = View(results, words)
    return environment.get_template("report.html").render(
        results=results,
        facts=facts,
        view=view,
        language=words.locale.language,
        k=results.k[0],
        charts=charts,
        scenario_titles=SCENARIO_TITLES,
        scenario_texts=SCENARIO_TEXTS,
        segments=SEGMENTS,
        source_texts=SOURCE_TEXTS,
        metrics=METRICS,
    )


def name_text(words: Wording, method: str) -> str:
    """A method's name, each part translated: 'recsvc, customer known'."""
    return ", ".join(words.gettext(NAMES.get(part, part)) for part in method.split(", "))


def interval_text(write: Callable[[float, int], str], interval: Interval, digits: int) -> str:
    """'0.388–0.414'."""
    return f"{write(interval.low, digits)}–{write(interval.high, digits)}"


def setting_text(value: Any) -> str:
    """A setting's value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {setting_text(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(setting_text, value))
    return NOTHING if value is None else str(value)


class View:
    """What the template asks of the results."""

    def __init__(self, results: Results, words: Wording) -> None:
        self._results, self._words = results, words
        self.home = results.scenario("home")

    @property
    def verdict(self) -> str:
        """'better', 'even' or 'worse' than the best simple method on `home`; 'alone' where there is none."""
        gain = self.home.gain if self.home is not None else None
        if gain is None or not isfinite(gain.low):
            return "alone"
        if gain.low > 0:
            return "better"
        return "worse" if gain.high < 0 else "even"

    def own(self, scenario: ScenarioResult) -> Score | None:
        """The recommender's score."""
        return next((score for score in scenario.scores if score.method == self._results.recommender), None)

    def best(self, scenario: ScenarioResult) -> Score | None:
        """The best simple method's score."""
        return scenario.score(scenario.best_baseline) if scenario.best_baseline else None

    def compared(self, scenario: ScenarioResult) -> tuple[Score, ...]:
        """Recommenders and baselines, best first."""
        return tuple(score for score in scenario.scores if score.kind != "source")

    def metric_names(self, scenario: ScenarioResult) -> tuple[str, ...]:
        """The metrics at the main length, and every metric of baskets."""
        names = tuple(scenario.scores[0].values)
        at_main = tuple(name for name in names if name.endswith(f"@{self._results.k[0]}"))
        return names if scenario.scenario == "complements" else at_main

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source's signal that listed anything, in the order of the first scenario that knows it."""
        return tuple(dict.fromkeys(score.method for s in self._results.scenarios for score in s.of_kind("source")))

    def source(self, scenario: str, method: str) -> Score | None:
        """One signal in one scenario, None where it has nothing to say."""
        result = self._results.scenario(scenario)
        return next((s for s in result.of_kind("source") if s.method == method), None) if result is not None else None

    def curve(self) -> charts.LinePlot | None:
        """The learning curve, where there are at least two steps to draw."""
        points = self._results.learning_curve
        return charts.learning_curve(points, self._words.number) if len(points) > 1 else None

    def calibration(self) -> list[tuple[str, charts.DotPlot, float]]:
        """By scenario: the plot, and how far a promise is from what came of it on average."""
        found = []
        for scenario in CALIBRATED:
            points = self._results.calibration.get(scenario, ())
            if len(points) > 1:
                total = sum(point.count for point in points)
                error = sum(abs(point.predicted - point.observed) * point.count for point in points) / total
                found.append((scenario, charts.calibration(points, self._share), error))
        return found

    def _share(self, value: float, digits: int) -> str:
        return self._words.percent(value, max(0, digits - 2))

    def coverage(self) -> charts.DotPlot | None:
        """Coverage against accuracy of `home`."""
        if self.home is None:
            return None
        scores = self.compared(self.home)
        name = f"coverage@{self._results.k[0]}"

        def shown(method: str) -> str:
            return name_text(self._words, method)

        def write(value: float, digits: int) -> str:
            return self._words.number(value, digits)

        return charts.coverage_plot(scores, name, self.home.main_metric, shown, write)

"""Numbers as pages show them: in the reader's language, with the exact value and where it comes from beside.

`<data value="0.4118" data-figure="models.0.ndcg@10.home">0.412</data>`: the figure names a place in what the service
answers to programs, so that a test can hold every number of every page against it.
"""

from datetime import UTC, date, datetime, timedelta
from math import isfinite

from babel.dates import format_date as format_medium
from babel.dates import format_timedelta
from markupsafe import Markup

from recsvc.i18n import Translator, format_date
from recsvc.measure.written import NOTHING, Words


class Shown:
    """Writes for one reader; `currency` is that of the figures."""

    def __init__(self, words: Translator, currency: str = "") -> None:
        self.translator = words
        self.plain = Words(words, currency)

    def number(self, value: float | None, figure: str = "", digits: int = 0) -> Markup:
        """1234.5 → '1,234.5'; '–' for what is not known."""
        return _data(value, figure, self.plain.number(value, digits))

    def percent(self, share: float | None, figure: str = "", digits: int = 1) -> Markup:
        """0.1234 → '12.3%'."""
        return _data(share, figure, self.plain.percent(share, digits))

    def gain(self, share: float | None, figure: str = "", digits: int = 1) -> Markup:
        """The same with its sign: '+12.3%'."""
        sign = "+" if share is not None and share > 0 else ""
        return _data(share, figure, sign + self.plain.percent(share, digits))

    def money(self, amount: float | None, figure: str = "") -> Markup:
        """'12,50 €'."""
        return _data(amount, figure, self.plain.money(amount))

    def age(self, seconds: float | None, figure: str = "") -> Markup:
        """'3 days', '3 Tage'."""
        if seconds is None:
            return _data(None, figure, NOTHING)
        text = format_timedelta(timedelta(seconds=seconds), threshold=1.2, locale=self.translator.locale)
        return _data(seconds, figure, text)

    def day(self, day: date | str) -> Markup:
        """'March 1, 2026'."""
        known = day if isinstance(day, date) else date.fromisoformat(day)
        return Markup('<time datetime="{}">{}</time>').format(
            known.isoformat(), format_date(known, self.translator.locale)
        )

    def moment(self, at: datetime | str) -> Markup:
        """'Mar 1, 2026, 04:00 UTC'."""
        known = (at if isinstance(at, datetime) else datetime.fromisoformat(at)).astimezone(UTC)
        text = f"{format_medium(known.date(), 'medium', locale=self.translator.locale)}, {known:%H:%M}"
        iso = known.isoformat(timespec="seconds")
        return Markup('<time datetime="{}">{}\N{NO-BREAK SPACE}UTC</time>').format(iso, text)


def _data(value: float | None, figure: str, text: str) -> Markup:
    exact = "" if value is None or not isfinite(value) else repr(value)
    named = Markup(' data-figure="{}"').format(figure) if figure else ""
    return Markup('<data value="{}"{}>{}</data>').format(exact, named, text)

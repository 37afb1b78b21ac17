"""Figures as JSON, and in the plain words of a language."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from babel.numbers import format_decimal, format_percent

from recsvc.i18n import Translator, format_price
from recsvc.measure.comparing import Amounts, Shares, Verdict
from recsvc.measure.figures import Figures, TestFigures
from recsvc.measure.interval import Interval
from recsvc.measure.lookahead import Lookahead

NOTHING = "–"


def as_json(value: Any) -> Any:
    """Dataclasses as objects, moments as RFC 3339 text; what is not known, such as NaN, is null."""
    if isinstance(value, Interval):
        return value.as_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: as_json(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    return str(value) if isinstance(value, Verdict) else value


class Words:
    """Writes figures in one language."""

    def __init__(self, words: Translator, currency: str) -> None:
        self._words, self._currency = words, currency
        self.gettext, self.language = words.gettext, words.language

    def number(self, value: float | None, digits: int = 0) -> str:
        """1234.5 → '1,234.5', '1.234,5'; '–' for what is not known."""
        if value is None or not isfinite(value):
            return NOTHING
        places = "0." + "0" * digits if digits else "0"
        return format_decimal(value, format=f"#,##{places}", locale=self._words.locale).replace("-", "−")

    def percent(self, share: float | None, digits: int = 1) -> str:
        """0.1234 → '12.3%', '12,3 %'."""
        if share is None or not isfinite(share):
            return NOTHING
        space = "\N{NO-BREAK SPACE}" if self.language == "de" else ""
        places = "0." + "0" * digits if digits else "0"
        return format_percent(share, format=f"#,##{places}{space}%", locale=self._words.locale).replace("-", "−")

    def money(self, amount: float | None) -> str:
        """'12,50 €'."""
        if amount is None or not isfinite(amount):
            return NOTHING
        return format_price(round(amount, 2), self._currency, self._words.locale).replace("-", "−")

    def day(self, moment: datetime) -> str:
        """'2026-03-01'."""
        return f"{moment:%Y-%m-%d}"

    def span(self, interval: Interval, write: str) -> str:
        """'0.2% to 1.1%' as the method `write` writes values; an open end is '–'."""
        one = getattr(self, write)
        return self.gettext("{low} to {high}").format(low=one(interval.low), high=one(interval.high))

    def rounded(self, interval: Interval) -> str:
        """'0.212 to 0.304'."""
        return self.gettext("{low} to {high}").format(
            low=self.number(interval.low, 3), high=self.number(interval.high, 3)
        )

    def verdict(self, test: TestFigures, shares: Shares) -> str:
        """What a comparison says, as a sentence."""
        _ = self.gettext
        if test.broken:
            return _("This test is broken: its groups do not have the sizes they should have, so no figure counts.")
        if shares.verdict is Verdict.NOT_ENOUGH:
            return _("Not enough data yet: {n} more recipients.").format(n=self.number(shares.more))
        if shares.verdict is Verdict.NO_DIFFERENCE:
            return _("No difference worth knowing: a tenth more buyers is ruled out.")
        gain = abs(shares.difference.value)
        text = (
            _("It works: {gain} of the recipients bought who would not have.")
            if shares.verdict is Verdict.WORKS
            else _("It harms: {gain} of the recipients did not buy who would have.")
        )
        return text.format(gain=self.percent(gain, 2))

    def uplift(self, shares: Shares) -> str:
        """The difference of conversion rates with its interval, in percentage points."""
        _ = self.gettext
        if not shares.difference.known:
            return NOTHING
        points = shares.difference.scaled(100)
        text = _("{value} points ({low} to {high})")
        signed = {name: self._signed(getattr(points, name), 2) for name in ("value", "low", "high")}
        return text.format(**signed)

    def gain(self, amounts: Amounts) -> str:
        """The difference of two amounts with its interval."""
        if not amounts.difference.known:
            return NOTHING
        value, span = self.money(amounts.difference.value), self.span(amounts.difference, "money")
        return f"{'+' if amounts.difference.value > 0 else ''}{value} ({span})"

    def _signed(self, value: float, digits: int) -> str:
        return ("+" if value > 0 else "") + self.number(value, digits)


def lines_of(figures: Figures, words: Words) -> list[str]:
    """The figures for a terminal."""
    _ = words.gettext
    told = [
        _("Last {days} days: {orders} orders, {revenue}, of it {credited} after a click on a recommendation").format(
            days=figures.days, orders=words.number(figures.orders), revenue=words.money(figures.revenue),
            credited=words.money(figures.credited),
        )
    ]  # fmt: skip
    told += [
        _("  {name}: shown {shown}, clicked {rate}, {orders} orders, {revenue}").format(
            name=row.name, shown=words.number(row.shown), rate=words.percent(row.rate.value),
            orders=words.number(row.orders), revenue=words.money(row.revenue),
        )
        for row in figures.placements
    ]  # fmt: skip
    for test in figures.tests:
        told += ["", *_lines_of_test(test, words)]
    left_out = _("left out")
    told += [f"{left_out}: {words.number(count)} {_(reason)}" for reason, count in figures.notes.items()]
    return told


def lines_of_lookahead(found: Sequence[Lookahead], words: Words) -> list[str]:
    """What a model would have brought, for a terminal."""
    _ = words.gettext
    told = []
    for one in found:
        head = _("{name}: {lists} explored lists, worth {n}; {covered} of the model's places could be shown")
        told.append(
            head.format(
                name=one.experiment, lists=words.number(one.lists), n=words.number(one.effective),
                covered=words.percent(one.covered.value, 0),
            )
        )  # fmt: skip
        if one.unknown:
            told.append("  " + _("cannot tell: {why}").format(why=_(one.unknown)))
            continue
        for text, interval in (
            (_("  clicks a list, live: {value} ({span})"), one.live),
            (_("  clicks a list, of {model}: {value} ({span})"), one.would),
            (_("  difference: {value} ({span})"), one.difference),
        ):
            told.append(
                text.format(model=one.model, value=words.number(interval.value, 3), span=words.rounded(interval))
            )
    return told or [_("cannot tell: {why}").format(why=_("no explored list since the model's last purchase"))]


def _lines_of_test(test: TestFigures, words: Words) -> list[str]:
    _ = words.gettext
    state = _("running") if test.running else _("finished")
    told = [f"{test.name} ({state}, {words.day(test.first)} – {words.day(test.until)})"]
    told += [
        _("  {name}: {assigned} assigned, {buyers} bought ({rate}), {revenue} each").format(
            name=arm.name, assigned=words.number(arm.assigned), buyers=words.number(arm.buyers),
            rate=words.percent(arm.conversion.value, 2), revenue=words.money(arm.revenue_each),
        )
        for arm in test.arms
    ]  # fmt: skip
    for compared in test.comparisons:
        told.append(f"  {compared.arm}: {words.verdict(test, compared.shares)}")
        if not test.broken and compared.shares.difference.known:
            told.append("  " + _("conversion: {uplift}").format(uplift=words.uplift(compared.shares)))
            told.append("  " + _("revenue a recipient: {gain}").format(gain=words.gain(compared.revenue)))
    if not test.comparisons:
        told.append("  " + _("Nobody was held out, so nobody can say what it brought."))
    if test.crossed:
        told.append("  " + _("{n} met several groups and count for the first").format(n=words.number(test.crossed)))
    paid = test.payback
    if paid is not None and paid.roi is not None and not test.broken:
        told.append(
            "  "
            + _("return on investment: {roi} ({span}), cost {cost}").format(
                roi=words.percent(paid.roi.value, 0), span=words.span(paid.roi, "percent"), cost=words.money(paid.cost)
            )
        )
    return told

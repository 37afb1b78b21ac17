"""All figures at once, from the database, the published catalogue and, if wanted, purchase files."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import nan
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from models.catalogue import Catalogue
from models.errors import InputError
from recsvc.experiments import POOL
from recsvc.measure.cohort import campaigns_of, read_global, read_mailing, segments_of, visitors_of
from recsvc.measure.crediting import DAY, Credit, credit
from recsvc.measure.figures import Figures, ListFigures, TestFigures
from recsvc.measure.files import read_purchase_file
from recsvc.measure.interval import Interval
from recsvc.measure.names import Book
from recsvc.measure.outcomes import first_of_item, outcomes_of
from recsvc.measure.proportions import wilson
from recsvc.measure.purchases import Prices, PurchaseReader, Purchases
from recsvc.measure.settings import MeasureSettings
from recsvc.measure.testing import judge_experiment, judge_global, judge_mailing
from recsvc.measure.touches import Label, Touches, TouchReader
from recsvc.offers.holdout import read_global_holdouts

DAYS = 28


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be measured. `holdouts` are the shares that campaigns hold out, where somebody knows them, and
    `promised` the arms and shares of each experiment, the control first."""

    now: datetime
    days: int = DAYS
    settings: MeasureSettings = field(default_factory=MeasureSettings)
    files: Sequence[Path] = ()
    campaign: str | None = None
    holdouts: Mapping[str, float] = field(default_factory=dict)
    promised: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def prices_of(catalogue: Catalogue | None, margin: float | None) -> Prices:
    """What the catalogue says of prices and costs; nothing where there is no model yet."""
    if catalogue is None:
        return Prices(margin=margin)
    columns = (catalogue.numbers["price"], catalogue.numbers["cost_of_goods_sold"])
    ids = [catalogue.items[item] for item in range(len(catalogue))]
    price, cost = (
        {ids[item]: float(column[item]) for item in np.flatnonzero(~np.isnan(column)).tolist()} for column in columns
    )
    return Prices(price, cost, margin)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of small things are made and kept, none of them garbage: not looking for it saves a twentieth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_uncollected()
def measure(database: sa.Engine, prices: Prices, asked: Asked) -> Figures:
    """Every figure, each run from what is stored, so that late events count and repeated ones do not.

    Raises InputError for a campaign that was never mailed and for files that cannot be read.
    """
    book = Book()
    since = (asked.now - timedelta(days=asked.days)).timestamp()
    with database.connect() as connection:
        names = campaigns_of(connection)
        if asked.campaign is not None:
            if asked.campaign not in names:
                known = f"; mailed were {', '.join(names[:5])}" if names else "; none was mailed yet"
                raise InputError(f"campaign {asked.campaign[:100]!r} was never exported or sent{known}")
            names = [asked.campaign]
        reader = PurchaseReader(book)
        for path in asked.files:
            read_purchase_file(path, reader)
        reader.add_events(connection)
        touch_reader = TouchReader(book)
        touch_reader.add_lists(connection, views=asked.settings.view_days > 0, since=since)
        touch_reader.add_mail_clicks(connection)
        window = asked.settings.window_days * DAY
        never = read_global_holdouts(connection)
        read = [read_mailing(connection, name, book, never, window=window) for name in names]
        mailings = [mailing for mailing in read if mailing is not None]
        everybody = read_global(connection, book, never[-1], window=window) if asked.campaign is None else None
        segments = segments_of(connection, book)
    purchases, touches = reader.finish(prices), touch_reader.finish()
    campaigns, experiments = [], []
    before = asked.settings.before_days
    for mailing in mailings:
        outcomes = outcomes_of(mailing.cohort, purchases, before_days=before, subjects=len(book.subjects))
        holdout = asked.holdouts.get(mailing.cohort.name)
        campaigns.append(judge_mailing(mailing, outcomes, asked.settings, holdout=holdout, now=asked.now))
    if asked.campaign is None:
        experiments = _experiments(touches, purchases, book, segments, asked)
    credited = credit(
        purchases, touches, click_days=asked.settings.click_days, view_days=asked.settings.view_days
    )  # fmt: skip
    found = _summed(purchases, touches, credited, campaigns, experiments, asked, since)
    if everybody is None:
        return found
    outcomes = outcomes_of(everybody, purchases, before_days=before, subjects=len(book.subjects))
    shares = never[-1].share, 1 - never[-1].share
    return replace(found, all_campaigns=judge_global(everybody, outcomes, shares=shares, now=asked.now))


def _experiments(
    touches: Touches, purchases: Purchases, book: Book, segments: dict[int, str], asked: Asked
) -> list[TestFigures]:
    found = []
    for name in sorted({experiment for label in touches.labels for experiment, _ in label.arms} - {POOL}):
        promised = asked.promised.get(name, {})
        control = next(iter(promised), "control")
        window = asked.settings.window_days * DAY
        cohort = visitors_of(touches, name, window=window, control=control, segments=segments)
        if cohort is None:
            continue
        outcomes = outcomes_of(
            cohort, purchases, before_days=asked.settings.before_days, subjects=len(book.subjects)
        )  # fmt: skip
        shares = None
        if set(cohort.arms) <= set(promised) and len(cohort.arms) > 1:
            shares = [promised[arm] for arm in cohort.arms]
        found.append(judge_experiment(cohort, outcomes, shares=shares, now=asked.now))
    return found


def _summed(
    purchases: Purchases, touches: Touches, credited: Credit, campaigns: list[TestFigures],
    experiments: list[TestFigures], asked: Asked, since: float,
) -> Figures:  # fmt: skip
    """Lists by placement and model, and the sums of the last days."""
    lately = (purchases.at >= since) & (purchases.quantity > 0)
    given = lately & (credited.touch >= 0)
    new = first_of_item(purchases)
    label = np.full(len(purchases), -1, np.int64)
    label[given] = touches.label[credited.touch[given]]

    def rows(name_of: Callable[[Label], tuple[str, str] | None]) -> tuple[ListFigures, ...]:
        names = [name_of(label) for label in touches.labels]
        found = []
        for name in sorted({name for name in names if name is not None}):
            labels = np.array([number for number, other in enumerate(names) if other == name])
            of_name = np.isin(label, labels)
            shown, clicked = int(touches.lists[labels].sum()), int(touches.clicked_lists[labels].sum())
            if not (shown or of_name.any()):
                continue
            found.append(
                ListFigures(
                    name=name[1],
                    channel=name[0],
                    shown=shown,
                    clicked=clicked,
                    # Where clicks alone are told, every list that is known of was clicked.
                    rate=wilson(clicked, shown) if shown > clicked else Interval(nan),
                    orders=len(np.unique(purchases.order[of_name])),
                    revenue=float(purchases.revenue[of_name].sum()),
                    revenue_by_view=float(purchases.revenue[of_name & credited.by_view].sum()),
                    new_share=float(new[of_name].mean()) if of_name.any() else None,
                )
            )
        return tuple(found)

    return Figures(
        now=asked.now,
        days=asked.days,
        currency=purchases.currency,
        orders=len(np.unique(purchases.order[lately])),
        revenue=float(purchases.revenue[lately].sum()),
        credited=float(purchases.revenue[given].sum()),
        credited_by_view=float(purchases.revenue[given & credited.by_view].sum()),
        placements=rows(lambda label: (label.channel, label.campaign or label.placement)),
        models=rows(lambda label: (label.channel, label.model) if label.model else None),
        campaigns=tuple(campaigns),
        experiments=tuple(experiments),
        notes=purchases.notes,
    )

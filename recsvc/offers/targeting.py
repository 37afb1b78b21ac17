"""The rules of an audience that ask what customers bought: computed once for all customers of a bundle."""

import difflib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.errors import InputError
from recsvc.engine import Engine
from recsvc.offers.campaign import AudienceRules
from recsvc.offers.lifecycle import PROSPECT, STAGES, Lifecycle

OTHER_STAGE, NOT_BOUGHT, BOUGHT = "another lifecycle stage", "did not buy what is asked", "bought what is excluded"
NO_AFFINITY, TOO_RECENT, TOO_LONG = "no affinity to the category", "ordered too recently", "ordered too long ago"
NO_PROFILE = "no consent to a profile, which the audience asks for"
Mask = NDArray[np.bool_]


class Targeting:
    """The rules of one audience over one bundle. Raises InputError for an item or category that nobody knows."""

    def __init__(
        self, rules: AudienceRules, engine: Engine, *, now: datetime, lifecycle: Callable[[], Lifecycle] | None = None
    ) -> None:
        """`lifecycle` gives that of the engine today, where somebody keeps it."""
        self._rules = rules
        self._engine = engine
        self._known_lifecycle = lifecycle
        self.today = today_of(engine, now)
        self._checks: list[tuple[Mask, str]] = list(self._masks())

    @cached_property
    def lifecycle(self) -> Lifecycle:
        """Where every customer of the bundle stands."""
        if self._known_lifecycle is not None:
            return self._known_lifecycle()
        return Lifecycle.of(self._engine.recommender.histories, self.today)

    def refusal(self, customer_id: str, *, profiling_ok: bool) -> str | None:
        """Why the rules leave this customer out; who wants no profile is never looked up."""
        if not self._rules.by_purchases:
            return None
        if not profiling_ok:
            return NO_PROFILE
        customer = self._engine.customers.find(customer_id)
        for mask, reason in self._checks:
            if not mask[customer]:  # the last place is that of −1, a customer without purchases
                return reason
        return None

    def _masks(self) -> Iterable[tuple[Mask, str]]:
        rules = self._rules
        if rules.stage:
            wanted = [STAGES.index(stage) for stage in rules.stage]
            yield np.append(np.isin(self.lifecycle.stage, wanted), PROSPECT in wanted), OTHER_STAGE
        if rules.min_days_since_order is not None:
            yield self._since() >= rules.min_days_since_order, TOO_RECENT
        if rules.max_days_since_order is not None:
            yield self._since() <= rules.max_days_since_order, TOO_LONG
        if rules.bought or rules.bought_categories:
            yield self._count(self._items(rules.bought, rules.bought_categories, "bought")) > 0, NOT_BOUGHT
        if rules.not_bought or rules.not_bought_categories:
            yield self._count(self._items(rules.not_bought, rules.not_bought_categories, "not_bought")) == 0, BOUGHT
        if rules.affinity:
            of_category = self._count(self._items((), rules.affinity, "affinity"))
            everything = np.maximum(self._count(np.ones(len(self._engine.catalogue), np.bool_)), 1)
            yield of_category >= rules.affinity_share * everything, NO_AFFINITY

    def _since(self) -> NDArray[Any]:
        known = self.lifecycle.stage != PROSPECT
        # Who never ordered did so neither recently nor long ago, so no rule of days lets them in.
        since = np.where(known, self.lifecycle.days_since().astype(np.float64), np.nan)
        return np.append(since, np.nan)

    def _items(self, ids: tuple[str, ...], categories: tuple[str, ...], key: str) -> Mask:
        catalogue = self._engine.catalogue
        mask = np.zeros(len(catalogue), np.bool_)
        for item_id in ids:
            found = catalogue.items.find(item_id)
            if found < 0:
                raise InputError(f"{key} in [audience] has {item_id!r}, which is no item of the model")
            mask[found] = True
        name = f"{key}_categories" if key != "affinity" else key
        return mask | in_categories(catalogue, categories, f"{name} in [audience]")

    def _count(self, items: Mask) -> NDArray[np.int64]:
        """Entries of each customer's history that are among the items and recent enough; one more place, 0, for −1."""
        histories = self._engine.recommender.histories
        hit = items[histories.item]
        if self._rules.bought_within_days:
            hit &= histories.day > self.today - self._rules.bought_within_days
        upto = np.concatenate([[0], np.cumsum(hit, dtype=np.int64)])[histories.indptr]
        return np.append(np.diff(upto), 0)


def in_categories(catalogue: Catalogue, names: Iterable[str], key: str) -> Mask:
    """The items of categories named by their path ('Food > Dairy') or by one word of it, upper and lower case alike.

    Raises InputError that names `key` for a category that the catalogue does not have.
    """
    paths = [_words(catalogue.categories[number]) for number in range(len(catalogue.categories))]
    chosen = np.zeros(len(paths) + 1, np.bool_)  # the last place is that of −1, no category
    for name in names:
        wanted = _words(name)
        length = len(wanted)
        fits = [
            number
            for number, path in enumerate(paths)
            if path[:length] == wanted or (length == 1 and wanted[0] in path)
        ]
        if not fits:
            words = sorted({word for path in paths for word in path})
            near = difflib.get_close_matches(name.strip().lower(), words, n=1)
            raise InputError(
                f"{key} has {name!r}, which is no category of the catalogue"
                + (f"; did you mean {near[0]!r}?" if near else "")
            )
        chosen[fits] = True
    return chosen[catalogue.category]


def today_of(engine: Engine, now: datetime) -> int:
    """The shop's day at `now`, as days since 1970: the day after the model's last purchase, and the days since then.

    A model of old purchases, such as the demo's, lives in its own time.
    """
    trained = datetime.fromisoformat(engine.manifest.created_at).astimezone(UTC)
    return engine.recommender.statistics.today + max((now.astimezone(UTC).date() - trained.date()).days, 0)


def _words(path: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in path.split(">"))

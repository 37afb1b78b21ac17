"""The shop that a search works on: a sample of a large one, and what it fitted before, remembered."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from models.recommender import PERSONAL, Recommender
from models.scenarios import BASELINES
from models.sources.protocol import Source
from models.strings import IdIndex
from training.data import TrainingData
from training.fit.everything import FITS, past_of
from training.fit.sources import Past
from training.settings import TrainingSettings

# Customers of the sample.
CUSTOMERS = 10_000
# Fitted sources that are kept: those of a few settings on each of a few days.
REMEMBERED = 48


def sampled(data: TrainingData, limit: int, seed: int) -> TrainingData:
    """The shop with at most `limit` of its customers, drawn at random, and the same share of its guests' orders."""
    lines = data.lines
    known = np.unique(lines.customer[lines.customer >= 0])
    if len(known) <= limit:
        return data
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(known, limit, replace=False))
    order_kept = rng.random(int(lines.order.max()) + 1) < limit / len(known)
    guest = lines.customer < 0
    kept = lines.where(np.where(guest, order_kept[lines.order], np.isin(lines.customer, chosen)))
    customer = np.where(kept.customer < 0, -1, np.searchsorted(chosen, kept.customer)).astype(np.int32)
    order = np.unique(kept.order, return_inverse=True)[1].astype(np.int32)
    ids = IdIndex.of(data.customers.table.take(chosen))
    return replace(data, customers=ids, lines=replace(kept, customer=customer, order=order))


def fingerprint(data: TrainingData, *more: object) -> str:
    """Twenty hex digits of the purchases, the catalogue and whatever else makes a search another one."""
    digest = hashlib.sha256()
    for array in (*vars(data.lines).values(), *data.catalogue.arrays().values(), *data.customers.arrays().values()):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    for part in more:
        digest.update(repr(part).encode())
    return digest.hexdigest()[:20]


class Memory:
    """Fits sources like `training.fit.everything.fit_sources`, and does not fit the same one twice: most trials
    change only some of them.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._pasts: dict[tuple[int, int], Past] = {}
        self._sources: OrderedDict[tuple[Any, ...], Source] = OrderedDict()

    def fit(
        self, data: TrainingData, settings: TrainingSettings, horizon: int, names: Collection[str] = PERSONAL
    ) -> Recommender:
        """As `fit_sources`; `data` is always the same shop, seen at one day or another."""
        when = (data.last_day, len(data.lines))
        if when not in self._pasts:
            self._pasts[when] = past_of(data, horizon)
        past = self._pasts[when]
        sources = {name: self._source(when, past, name, getattr(settings, name)) for name in names}
        return Recommender(past.habits.history, past.statistics, sources, {}, BASELINES, settings.lists)

    def _source(self, when: tuple[int, int], past: Past, name: str, section: Any) -> Source:
        key = (*when, name, section)
        if key not in self._sources:
            self._sources[key] = FITS[name](past, section)
            if len(self._sources) > self._limit:
                self._sources.popitem(last=False)
        self._sources.move_to_end(key)
        return self._sources[key]

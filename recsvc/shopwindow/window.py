"""What the shop window's pages share: the engine of the moment, its gallery of customers, and the page's frame."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from babel.numbers import format_decimal
from werkzeug.datastructures import MultiDict

from models.catalogue import Product
from recsvc.customers.table import Customer
from recsvc.engine import Engine, Query
from recsvc.engine.past import day_of
from recsvc.http.service import Service
from recsvc.i18n import LANGUAGES, Translator, format_date, format_price
from recsvc.shopwindow.letter import known_customers
from recsvc.shopwindow.portraits import WEEKLY, Gallery, Portrait, open_gallery
from recsvc.shopwindow.shelf import Shelf, fill_shelf
from recsvc.shopwindow.tiles import tile_address
from recsvc.shopwindow.visit import Visit

STATIC = Path(__file__).parent / "static"
LANGUAGE_NAMES = {"de": "Deutsch", "en": "English"}


@dataclass
class Window:
    """One a worker. The gallery is looked at anew when another model is served."""

    service: Service
    database: sa.Engine
    _gallery: tuple[str, Gallery] | None = field(default=None, init=False)

    def engine(self) -> Engine:
        return self.service.live.current()

    def gallery(self, engine: Engine) -> Gallery:
        known = self._gallery
        if known is None or known[0] != engine.version:
            known = self._gallery = (engine.version, open_gallery(engine))
        return known[1]

    def warm_up(self) -> None:
        """Look at the gallery and ask for a list before the first visitor does."""
        if self.service.live.loaded:
            engine = self.engine()
            for portrait in self.gallery(engine).shown[:1]:
                engine.recommend(Query(customer_id=portrait.customer_id), now=self.service.clock())

    def customers(self, ids: Sequence[str]) -> dict[str, Customer]:
        return known_customers(self.database, tuple(ids))

    def first_names(self, ids: Sequence[str]) -> dict[str, str]:
        """The first names that the customer table has."""
        return {one.customer_id: one.first_name for one in self.customers(ids).values() if one.first_name}

    def shelf(
        self, engine: Engine, visit: Visit, name: str, heading: str, about: str = "", *, scenario: str, n: int,
        items: tuple[str, ...] = (),
    ) -> Shelf:  # fmt: skip
        """One list for this visitor."""
        query = Query(customer_id=visit.customer_id, items=items, scenario=scenario, n=n, locale=visit.language)
        return fill_shelf(engine, query, name=name, heading=heading, about=about, now=self.service.clock())

    def total(self, products: Iterable[Product], language: str) -> str:
        """What the products cost together; '' where a price is unknown or currencies differ."""
        amounts = [(one.price if one.sale_price is None else one.sale_price, one.currency) for one in products]
        known = [amount for amount, _ in amounts if amount is not None]
        currencies = {currency for _, currency in amounts}
        if not known or len(known) < len(amounts) or len(currencies) > 1:
            return ""
        return format_price(sum(known), currencies.pop(), language)

    def frame(self, visit: Visit, path: str, parameters: MultiDict[str, str]) -> dict[str, Any]:
        """What every page shows or calls."""
        words = visit.words
        manifest = self.engine().manifest
        own = [pair for pair in parameters.items(multi=True) if pair[0] not in ("customer", "cart", "lang")]
        return {
            "_": words.gettext,
            "visit": visit,
            "languages": [
                (code, LANGUAGE_NAMES.get(code, code), visit.speaking(code).address(path, also=own))
                for code in LANGUAGES
            ],
            "here": lambda **changed: visit.address(path, also=[*_without(own, changed), *changed.items()]),
            "version": manifest.version,
            "trained": format_date(datetime.fromisoformat(manifest.created_at).date(), visit.language),
            "window": [format_date(datetime.fromisoformat(day).date(), visit.language) for day in manifest.window],
            "lines": manifest.counts.get("lines", 0),
            "number": lambda number: format_decimal(number, format="#,##0", locale=words.locale),
            "ms": lambda number: format_decimal(number, format="0.0", locale=words.locale),
            "date": lambda day: format_date(day if not isinstance(day, int) else day_of(day), visit.language),
            "rhythm": lambda portrait: rhythm(portrait.every_days, words),
            "variety": lambda portrait: variety(portrait, words),
            "tile_address": tile_address,
            "static_version": static_version(),
        }


def variety(portrait: Portrait, words: Translator) -> str:
    """A line such as '312 different items'."""
    different = words.ngettext("{n} item", "{n} different items", portrait.items)
    return different.format(n=format_decimal(portrait.items, format="#,##0", locale=words.locale))


def rhythm(every_days: float | None, words: Translator) -> str:
    """How often a customer comes."""
    if every_days is None:
        return words.gettext("came once")
    if every_days < 2:
        return words.gettext("shops almost daily")
    if WEEKLY[0] <= every_days < WEEKLY[1]:
        return words.gettext("shops weekly")
    if every_days > 45:
        return words.gettext("shops now and then")
    return words.gettext("shops every {days} days").format(days=round(every_days))


def _without(pairs: Iterable[tuple[str, str]], names: Iterable[str]) -> list[tuple[str, str]]:
    gone = set(names)
    return [pair for pair in pairs if pair[0] not in gone]


@lru_cache(maxsize=1)
def static_files() -> dict[str, bytes]:
    """Style, script and icon by name."""
    return {path.name: path.read_bytes() for path in sorted(STATIC.iterdir())}


@lru_cache(maxsize=1)
def static_version() -> str:
    """Changes with style, script and icon, so that a browser may keep them until then."""
    digest = hashlib.sha256()
    for content in static_files().values():
        digest.update(content)
    return digest.hexdigest()[:8]

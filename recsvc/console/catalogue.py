"""Catalogue: how complete it is, which items nobody bought yet, and which stand in nobody's list."""

import time

import numpy as np
from flask import Blueprint, Response, request

from recsvc.console.desk import Desk
from recsvc.coverage import Coverage
from recsvc.engine import Engine

KEPT_SECONDS = 300.0
PAGE = 50
LISTS = ("cold", "never_listed", "unshown")


def add_to(routes: Blueprint, desk: Desk) -> None:
    """The page."""
    kept: dict[str, tuple[float, Coverage]] = {}

    def coverage_of(engine: Engine) -> Coverage:
        known = kept.get(engine.version)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        found = Coverage.of(engine, desk.service.clock())
        kept.clear()
        kept[engine.version] = time.monotonic() + KEPT_SECONDS, found
        return found

    @routes.get("/catalogue")
    def catalogue() -> Response:
        engine = desk.service.live.current()
        coverage = coverage_of(engine)
        which = request.args.get("list", LISTS[0])
        which = which if which in LISTS else LISTS[0]
        items = np.flatnonzero(getattr(coverage, which))
        last = max(1, -(-len(items) // PAGE))
        given = request.args.get("page", "1")[:9]
        page = min(max(1, int(given) if given.isascii() and given.isdigit() else 1), last)
        return desk.page(
            "catalogue.html",
            figures=coverage.as_json(), which=which, lists=LISTS, total=len(items), page_number=page, last=last,
            items=[item_row(engine, coverage, int(item)) for item in items[(page - 1) * PAGE : page * PAGE]],
        )  # fmt: skip


def item_row(engine: Engine, coverage: Coverage, item: int) -> dict[str, object]:
    """An item with why it may not be shown, if so."""
    texts = engine.catalogue.texts
    return {
        "item_id": engine.catalogue.items[item],
        "title": texts["title"][item],
        "category": texts["product_type"][item],
        "bought": bool(coverage.bought[item]),
        "unfit": [name for name, mask in coverage.unfit.items() if mask[item]],
    }

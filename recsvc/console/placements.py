"""Placements: other settings tried beside the live ones, on real customers, before anybody else sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from models.errors import SettingsError
from recsvc.console.customers import some_customers
from recsvc.console.desk import Desk
from recsvc.console.toml_text import toml_tables, toml_text
from recsvc.engine import Answer, AnsweredItem, Engine, Query
from recsvc.http.happened import as_it_is_now
from recsvc.placements import Placement, parse_placement, read_config, shaped
from recsvc.wishes import Wishes

MOST_CUSTOMERS = 6
SUGGESTED = 3
LONGEST_TEXT = 20_000
LAST_BOUGHT = 3  # what a list about items is asked about
ABOUT_ITEMS = ("complements", "similar")
PLAIN = Placement.model_validate({})
AS_IT_IS = Wishes.model_validate({})


@dataclass(frozen=True)
class Tried:
    """An item of the tried list: whether the live one lacks it, and by how many places it rose (fell, below 0)."""

    item: AnsweredItem
    new: bool
    rose: int


@dataclass(frozen=True)
class Beside:
    """One customer's list as it is and as it would be; `about` are the items that both were asked about."""

    customer_id: str
    about: tuple[str, ...]
    live: Answer
    tried: tuple[Tried, ...]
    tried_fallback: str | None

    @property
    def gone(self) -> frozenset[str]:
        """The items of the live list that the tried one lacks."""
        return frozenset(map(_id, self.live.items)) - {_id(one.item) for one in self.tried}


def add_to(routes: Blueprint, desk: Desk) -> None:
    """The page, and the trial that its form asks for."""
    service = desk.service

    def answer_of(placement: Placement, customer_id: str, about: tuple[str, ...], engine: Engine) -> Answer:
        items = about if placement.scenario in ABOUT_ITEMS else ()
        fields = shaped(AS_IT_IS, "", placement)
        query = Query(customer_id=customer_id, items=items, locale=desk.visitor().words.locale, **fields)
        return engine.recommend(as_it_is_now(query, None, engine, request, service), now=service.clock())

    def beside(live: Placement, tried: Placement, customer_id: str, engine: Engine) -> Beside:
        about = engine.last_bought(customer_id)[:LAST_BOUGHT]
        ours = answer_of(live, customer_id, about, engine)
        theirs = answer_of(tried, customer_id, about, engine)
        shown = about if {live.scenario, tried.scenario} & set(ABOUT_ITEMS) else ()
        return Beside(customer_id, shown, ours, _compared(ours.items, theirs.items), theirs.fallback)

    @routes.route("/placements", methods=["GET", "POST"])
    def placements() -> Response:
        engine, known = service.live.current(), service.placements.current()
        name = request.values.get("name", "")
        name = name if name in known else next(iter(known), "")
        live = known.get(name, PLAIN)
        text = _written(desk, name)
        problem, tried = "", live
        if request.method == "POST":
            text = request.form.get("settings", "")[:LONGEST_TEXT].replace("\r\n", "\n")
            try:
                tried = parse_placement(name or "NAME", toml_tables(text))
            except SettingsError as error:
                problem = str(error)
        asked = request.values.get("customers", "")
        ids = [part.strip() for part in asked.split(",") if part.strip()] or some_customers(engine)[:SUGGESTED]
        trials = [] if problem else [beside(live, tried, one, engine) for one in ids[:MOST_CUSTOMERS]]
        return desk.page(
            "placements.html",
            known=known, name=name, text=text, customers=", ".join(ids), problem=problem, trials=trials,
            tried_now=request.method == "POST" and not problem, settings=service.settings.config,
            title_of=lambda item_id: _title(engine, item_id),
        )  # fmt: skip


def _compared(live: Sequence[AnsweredItem], tried: Sequence[AnsweredItem]) -> tuple[Tried, ...]:
    places = {_id(item): place for place, item in enumerate(live)}
    return tuple(
        Tried(item, _id(item) not in places, places.get(_id(item), place) - place) for place, item in enumerate(tried)
    )


def _id(item: AnsweredItem) -> str:
    return item.product.item_id


def _title(engine: Engine, item_id: str) -> str:
    found = engine.catalogue.items.find(item_id)
    return (engine.catalogue.texts["title"][found] if found >= 0 else "") or item_id


def _written(desk: Desk, name: str) -> str:
    """The placement as the settings have it; the defaults where they have none, or cannot be read just now."""
    try:
        tables: dict[str, Any] = read_config(desk.service.settings.config).get("placements", {})
    except SettingsError:
        tables = {}
    return toml_text(tables.get(name) or {"scenario": "home", "n": 10})

"""Customers: history, lists with reasons, why an item is not in one, lifecycle and consent."""

from flask import Blueprint, Response, request

from recsvc.console.desk import Desk
from recsvc.console.people import masked, person_of, stage_words
from recsvc.console.reasons_out import refusal_words, step_words
from recsvc.engine import Answer, Engine, Query
from recsvc.engine import explain as explained
from recsvc.engine.feature_words import in_words
from recsvc.http.happened import as_it_is_now

LISTS = ("home", "discover", "again")
N = 10
LONGEST_ID = 512
SUGGESTED = 8


def add_to(routes: Blueprint, desk: Desk) -> None:
    """The page: of nobody yet, or of one customer."""
    service = desk.service

    def answer_of(customer_id: str, scenario: str, engine: Engine) -> Answer:
        query = Query(customer_id=customer_id, scenario=scenario, n=N, locale=desk.visitor().words.locale)
        # The header that `/recommend` sets while live events are unavailable would say nothing here.
        return engine.recommend(as_it_is_now(query, None, engine, request, service), now=service.clock())

    @routes.get("/customers")
    def customers() -> Response:
        customer_id = _asked("id")
        engine = service.live.current()
        if not customer_id:
            return desk.page("customers.html", asked="", suggested=some_customers(engine))
        words = desk.visitor().words
        scenario = request.args.get("scenario", LISTS[0])
        scenario = scenario if scenario in LISTS else LISTS[0]
        answer = answer_of(customer_id, scenario, engine)
        item_id = _asked("item")
        told = explained(engine, answer, [item_id], now=service.clock())[0] if item_id else None
        return desk.page(
            "customer.html",
            asked=customer_id, scenario=scenario, scenarios=LISTS, answer=answer, told=told, item_id=item_id,
            person=person_of(
                customer_id, service.database, desk.suppressions, engine, lambda: desk.lifecycle(engine)
            ),
            title_of=Titles(engine), masked=masked, in_words=in_words,
            refusal=lambda reason: refusal_words(reason, words),
            stage=lambda stage: stage_words(stage, words),
            step=lambda step, about: step_words(step, about, engine, words),
        )  # fmt: skip


def _asked(name: str) -> str:
    # No id has a NUL, and PostgreSQL takes none.
    return request.args.get(name, "").replace("\0", "").strip()[:LONGEST_ID]


def some_customers(engine: Engine) -> list[str]:
    """A few whom the model knows, spread over all of them."""
    total = len(engine.customers)
    places = {total * part // SUGGESTED for part in range(SUGGESTED)} if total else set()
    return [engine.customers[place] for place in sorted(places)]


class Titles:
    """Titles of items by their ids; the id itself where there is none."""

    def __init__(self, engine: Engine) -> None:
        self._catalogue = engine.catalogue

    def __call__(self, item_id: str) -> str:
        found = self._catalogue.items.find(item_id)
        return (self._catalogue.texts["title"][found] if found >= 0 else "") or item_id

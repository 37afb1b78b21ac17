"""`/recommend`."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import orjson
from flask import Blueprint, Response, request
from werkzeug import Request

from recsvc.engine import Answer, Engine, Query, explain
from recsvc.http.access import customer_asked_for, require_for_explanation, scope_of
from recsvc.http.caching import JSON, PRIVATE, shared_moment, shared_response
from recsvc.http.exploring import explored, wider
from recsvc.http.happened import as_it_is_now
from recsvc.http.questions import Question, question_from_address, question_from_body
from recsvc.http.quick import Reply, failed
from recsvc.http.schemas import ITEM_FIELDS
from recsvc.http.service import Service
from recsvc.http.signing import packed
from recsvc.http.written import found_to_json, items_to_json

PATHS = ("/recommend", "/v1/recommend")
NO_STORE = ("Cache-Control", PRIVATE)
BY_LANGUAGE = ("Vary", "Accept-Language")
BODY = b'{"recommendation_id":"%s","model_version":"%s","scenario":"%s","fallback":%s,"items":%s,"took_ms":%s}'


def quick_routes(service: Service) -> Mapping[tuple[str, str], Callable[[Request], Reply]]:
    """GET for what an address can say, POST for everything."""
    ways = (("GET", question_from_address), ("POST", question_from_body))
    return {
        (method, path): partial(respond, service=service, read=read, shareable=method == "GET")
        for method, read in ways
        for path in PATHS
    }


def blueprint(service: Service) -> Blueprint:
    """The routes as Flask knows them: for HEAD and OPTIONS, and for what the quick way could not answer."""
    routes = Blueprint("recommend", __name__)

    def answer(read: Callable[[Request, Service], Question], *, shareable: bool) -> Response:
        failed(request.environ)
        status, headers, body = respond(request, service, read, shareable=shareable)
        return Response(body, status, headers)

    @routes.get("/recommend")
    def recommend() -> Response:
        return answer(question_from_address, shareable=True)

    @routes.post("/recommend")
    def recommend_from_body() -> Response:
        return answer(question_from_body, shareable=False)

    return routes


def respond(
    asked: Request, service: Service, read: Callable[[Request, Service], Question], *, shareable: bool
) -> Reply:
    """Check, ask, answer; whether caches may share the answer where it is about nobody."""
    started = perf_counter()
    granted = scope_of(asked, service)
    question = read(asked, service)
    shared = shareable and not question.personal
    customer = customer_asked_for(question.query.customer_id, question.customer_token, granted, asked, service)
    query = question.query
    if customer != query.customer_id:
        query = query.by(customer)
    if question.explain:
        require_for_explanation(granted)
    now, engine = service.clock(), service.shelf.engine(question.drawn.model)
    query = as_it_is_now(query, question.session_id, engine, asked, service)
    said = listed(engine, query, question, now)
    moment = shared_moment(now) if shared else now
    signed = service.signer.sign(
        engine.version, said.scenario, moment, said.hashes, placement=question.placement, arms=said.arms
    ).encode()
    seconds = perf_counter() - started
    service.metrics.count_list(said.scenario, said.fallback, said.sources, seconds, computed=said.computed)
    body = BODY % (
        signed,
        engine.version.encode(),
        said.scenario.encode(),
        b"null" if said.fallback is None else b'"%s"' % said.fallback.encode(),
        said.items,
        b"0.0" if shared else b"%.3f" % (seconds * 1000),
    )
    if shared:
        vary = "Accept-Language" if question.negotiated else None
        return shared_response(body, asked, vary=vary, seconds=seconds)
    return Reply("200 OK", [JSON, NO_STORE, BY_LANGUAGE] if question.negotiated else [JSON, NO_STORE], body)


class Listed(NamedTuple):
    """A list as it is sent: `items` as a JSON array, `hashes` as a recommendation_id holds them; how many items each
    source brought; whether it was ranked for this request; and the arms of experiments."""

    items: bytes
    hashes: bytes
    scenario: str
    fallback: str | None
    sources: Mapping[str, int]
    computed: bool
    arms: Iterable[tuple[str, str]]


def listed(engine: Engine, query: Query, question: Question, now: datetime) -> Listed:
    """The list that answers the question; a stored one is written down without a detour."""
    drawn = question.drawn
    if question.fields is ITEM_FIELDS and not question.explain and not drawn.explore:
        found = engine.look_up(query, now=now)
        if found is not None:
            items, hashes, sources = found_to_json(found, engine, query.locale, now.timestamp())
            return Listed(items, hashes, query.scenario, None, sources, False, drawn.arms)
    rankings = engine.rankings
    answer, arms = explored(engine.recommend(wider(query, drawn), now=now), drawn, query.n)
    made = {} if answer.made is None or question.fields is not ITEM_FIELDS else answer.made
    if "items" not in made:
        made["items"] = orjson.dumps(items_to_json(answer.items, question.fields))
        made["hashes"] = packed(item.product.item_id for item in answer.items)
    items = _explained(engine, answer, made["items"], now) if question.explain else made["items"]
    return Listed(
        items,
        made["hashes"],
        answer.query.scenario,
        answer.fallback,
        answer.sources,
        engine.rankings > rankings,
        arms,
    )


def _explained(engine: Engine, answer: Answer, listed: bytes, now: datetime) -> bytes:
    items = orjson.loads(listed)
    explained = explain(engine, answer, [item.product.item_id for item in answer.items], now=now)
    for item, explanation in zip(items, explained, strict=True):
        item["explanation"] = explanation
    return orjson.dumps(items)


def to_json(answer: Answer, question: Question) -> dict[str, Any]:
    """The answer as it is sent, but for id and time."""
    return {
        "model_version": answer.model_version,
        "scenario": answer.query.scenario,
        "fallback": answer.fallback,
        "items": items_to_json(answer.items, question.fields),
    }

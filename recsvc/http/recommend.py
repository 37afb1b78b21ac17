"""`/recommend`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from time import perf_counter
from typing import Any

import orjson
from flask import Blueprint, Request, Response, request

from recsvc.engine import Answer, AnsweredItem, Engine, explain
from recsvc.http.access import customer_asked_for, require_for_explanation, scope_of
from recsvc.http.caching import PRIVATE, shared_moment, shared_response
from recsvc.http.exploring import explored, wider
from recsvc.http.happened import as_it_is_now
from recsvc.http.questions import Question, question_from_address, question_from_body
from recsvc.http.schemas import ITEM_FIELDS
from recsvc.http.service import Service
from recsvc.http.signing import packed


def blueprint(service: Service) -> Blueprint:
    """The routes: GET for what an address can say, POST for everything."""
    routes = Blueprint("recommend", __name__)

    @routes.get("/recommend")
    def recommend() -> Response:
        return respond(_asked(), service, question_from_address, shareable=True)

    @routes.post("/recommend")
    def recommend_from_body() -> Response:
        return respond(_asked(), service, question_from_body, shareable=False)

    return routes


def _asked() -> Request:
    # Flask's `request` looks for the request each time that something of it is read.
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def respond(
    asked: Request, service: Service, read: Callable[[Request, Service], Question], *, shareable: bool
) -> Response:
    """Check, ask, answer; whether caches may share the answer where it is about nobody."""
    started = perf_counter()
    granted = scope_of(asked, service)
    question = read(asked, service)
    shared = shareable and not question.personal
    customer = customer_asked_for(question.query.customer_id, question.customer_token, granted, service)
    query = question.query
    if customer != query.customer_id:
        query = replace(query, customer_id=customer)
    if question.explain:
        require_for_explanation(granted)
    now, engine = service.clock(), service.shelf.engine(question.drawn.model)
    query = as_it_is_now(query, question.session_id, engine, service)
    rankings = engine.rankings
    answer, arms = explored(engine.recommend(wider(query, question.drawn), now=now), question.drawn, query.n)
    service.metrics.count_answer(answer)
    listed = listed_json(answer, question)
    if question.explain:
        listed = _explained(engine, answer, listed, now)
    recommendation_id = service.signer.sign(
        answer.model_version,
        answer.query.scenario,
        shared_moment(now) if shared else now,
        hashes_of(answer),
        placement=question.placement,
        arms=arms,
    )
    seconds = perf_counter() - started
    service.metrics.time_answer(answer, seconds, computed=engine.rankings > rankings)
    vary = "Accept-Language" if question.negotiated else None
    took = b"0.0" if shared else b"%.3f" % (seconds * 1000)
    body = b'{"recommendation_id":"%s",%s,"took_ms":%s}' % (recommendation_id.encode(), listed[1:-1], took)
    if shared:
        return shared_response(body, asked, vary=vary, seconds=seconds)
    headers = [("Cache-Control", PRIVATE), *([("Vary", vary)] if vary else [])]
    return Response(body, 200, headers, content_type="application/json")


def listed_json(answer: Answer, question: Question) -> bytes:
    """The answer as it is sent, but for id and time; written once where the same will be sent again."""
    if answer.made is None or question.fields is not ITEM_FIELDS:
        return orjson.dumps(to_json(answer, question))
    if "listed" not in answer.made:
        answer.made["listed"] = orjson.dumps(to_json(answer, question))
    written: bytes = answer.made["listed"]
    return written


def hashes_of(answer: Answer) -> bytes:
    """The items as a recommendation_id holds them."""
    if answer.made is None:
        return packed(item.product.item_id for item in answer.items)
    if "hashes" not in answer.made:
        answer.made["hashes"] = packed(item.product.item_id for item in answer.items)
    hashes: bytes = answer.made["hashes"]
    return hashes


def _explained(engine: Engine, answer: Answer, listed: bytes, now: datetime) -> bytes:
    body = orjson.loads(listed)
    explained = explain(engine, answer, [item.product.item_id for item in answer.items], now=now)
    for item, explanation in zip(body["items"], explained, strict=True):
        item["explanation"] = explanation
    return orjson.dumps(body)


def to_json(answer: Answer, question: Question) -> dict[str, Any]:
    """The answer as it is sent, but for id and time."""
    items = [item_to_json(item) for item in answer.items]
    if question.fields is not ITEM_FIELDS:
        wanted = ("item_id", *question.fields)
        items = [{name: item[name] for name in wanted} for item in items]
    return {
        "model_version": answer.model_version,
        "scenario": answer.query.scenario,
        "fallback": answer.fallback,
        "items": items,
    }


def item_to_json(item: AnsweredItem) -> dict[str, Any]:
    """One item with all its fields; the catalogue's '' for "not given" is null in an answer."""
    product = item.product
    return {
        "item_id": product.item_id,
        "score": item.score,
        "source": item.source,
        "reason": item.reason,
        "title": product.title,
        "price": product.price,
        "sale_price": product.sale_price,
        "currency": product.currency or None,
        "link": product.link or None,
        "image_link": product.image_link or None,
        "category": product.product_type or None,
        "brand": product.brand or None,
    }

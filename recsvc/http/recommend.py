"""`/recommend`."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import orjson
from flask import Blueprint, Response, request

from recsvc.engine import Answer, AnsweredItem, explain
from recsvc.http.access import require_for_customer, require_for_explanation, scope_of
from recsvc.http.questions import Question, question_from_address, question_from_body
from recsvc.http.schemas import ITEM_FIELDS
from recsvc.http.service import Service

PRIVATE = "private, no-store"
SHARED = "public, max-age=60"


def blueprint(service: Service) -> Blueprint:
    """The routes: GET for what an address can say, POST for everything."""
    routes = Blueprint("recommend", __name__)

    @routes.get("/recommend")
    def recommend() -> Response:
        return respond(service, question_from_address, stored=SHARED)

    @routes.post("/recommend")
    def recommend_from_body() -> Response:
        return respond(service, question_from_body, stored=PRIVATE)

    return routes


def respond(service: Service, read: Callable[[Any], Question], *, stored: str) -> Response:
    """Check, ask, answer; `stored` is the Cache-Control of an answer that is about nobody."""
    started = perf_counter()
    granted = scope_of(request, service)
    question = read(request)
    if question.query.customer_id is not None:
        require_for_customer(granted)
    if question.explain:
        require_for_explanation(granted)
    now, engine = service.clock(), service.live.current()
    answer = engine.recommend(question.query, now=now)
    service.metrics.count_answer(answer)
    body = to_json(answer, question)
    if question.explain:
        explained = explain(engine, answer, [item.product.item_id for item in answer.items], now=now)
        for item, explanation in zip(body["items"], explained, strict=True):
            item["explanation"] = explanation
    body["recommendation_id"] = service.signer.sign(
        answer.model_version, answer.query.scenario, now, [item.product.item_id for item in answer.items]
    )
    body["took_ms"] = round((perf_counter() - started) * 1000, 3)
    headers = [("Cache-Control", PRIVATE if question.personal else stored)]
    if question.negotiated:
        headers.append(("Vary", "Accept-Language"))
    return Response(orjson.dumps(body), 200, headers, content_type="application/json")


def to_json(answer: Answer, question: Question) -> dict[str, Any]:
    """The answer as it is sent, but for id and time."""
    items = [item_to_json(item) for item in answer.items]
    if question.fields is not ITEM_FIELDS:
        wanted = ("item_id", *question.fields)
        items = [{name: item[name] for name in wanted} for item in items]
    return {
        "recommendation_id": "",
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

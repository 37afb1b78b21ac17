"""The OpenAPI document, built once at start from the models that check the requests.

It is written here as it will be read, but for schemas, which `_schema` leaves to the models.
"""

from collections.abc import Mapping
from typing import Any

from openapi_pydantic import OpenAPI
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from pydantic import BaseModel

from recsvc.http.batch_document import batch_operation, batch_schemas
from recsvc.http.events_document import events_operation
from recsvc.http.kpis_document import kpis_operation
from recsvc.http.mails_document import mail_paths
from recsvc.http.questions import IN_JSON
from recsvc.http.release import release
from recsvc.http.schemas import MOST_IDS, Alive, Problem, Readiness, RecommendAnswer, RecommendRequest
from recsvc.http.wish_schemas import REFERENCE, wish_schemas, with_references

ABOUT = """Lists of items for a shop's pages: for a customer, for an item, for a cart, or what is popular.

Every question is answered; what the scenario asked for cannot fill is filled by a fallback, which the answer names.
Items that are sold out, expired or unlisted are never in a list. Errors are `application/problem+json`."""
PROBLEMS = {
    400: "A field is unknown, of the wrong type or out of range; `errors` names it.",
    401: "The API key is missing, unknown, expired or revoked.",
    403: "The API key's scope does not reach this far.",
    404: "This service has no such placement, or has not signed a `recommendation_id` of `exclude_seen`.",
    413: "The body is too large.",
    415: "The body is of another type.",
    429: "Asked too often; `Retry-After` says when to ask again.",
    500: "The service failed; its log says why under the request id.",
    503: "No model is loaded, or keys cannot be checked.",
}
# The server in front of the application says so, and has no body for it.
TOO_LONG = {
    "414": {"description": "The address is longer than 65,000 characters; ask by POST."},
    "431": {"description": "The address and headers are longer than 400,000 characters; ask by POST."},
}
KEYED: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}, {}]
KEYED_PAGE = [*KEYED, {"address": []}]
ACCEPT_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "description": "Language of the reasons where `locale` does not say.",
    "schema": {"type": "string"},
    "example": "de",
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an answer that is at hand.",
    "schema": {"type": "string"},
}
EXAMPLE_QUESTION = {"customer_id": "900", "scenario": "home", "n": 3, "exclude": ["SKU-7"], "locale": "en"}
EXAMPLE_ITEM = {
    "item_id": "1082185",
    "score": 0.97,
    "source": "repeat",
    "reason": "You buy this regularly",
    "title": "Bananas",
    "price": 0.59,
    "sale_price": None,
    "currency": "USD",
    "link": "https://shop.example/bananas",
    "image_link": None,
    "category": "Produce > Tropical fruit",
    "brand": "National",
}
EXAMPLE_ANSWER = {
    "recommendation_id": "AQBxx2kAFzIwMjYwMzAx…",
    "model_version": "20260301T040000Z-1f2e3d4c",
    "scenario": "home",
    "fallback": None,
    "items": [EXAMPLE_ITEM],
    "took_ms": 0.42,
}
EXAMPLE_PROBLEM = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "n is 0: input should be greater than or equal to 1",
    "errors": [{"parameter": "n", "detail": "n is 0: input should be greater than or equal to 1"}],
    "request_id": "5f0c6d1e2b3a4958",
}


def build_document() -> dict[str, Any]:
    """OpenAPI 3.1 as a JSON object."""
    document = OpenAPI.model_validate(
        {
            "openapi": "3.1.1",
            "info": {"title": "recsvc", "version": release(), "summary": "Recommendations", "description": ABOUT},
            "servers": [
                {"url": "/", "description": "The current interface"},
                {"url": "/v1", "description": "The same, under its version"},
            ],
            "paths": {
                "/recommend": {"get": _recommend(), "post": _recommend_from_body()},
                "/recommend/batch": {"post": batch_operation(KEYED, _problems(401, 403, 413, 415, 429, 500, 503))},
                "/events": {"post": events_operation(KEYED_PAGE, _problems(400, 401, 403, 413, 415, 429, 500, 503))},
                **mail_paths(KEYED, _problems),
                "/kpis": {"get": kpis_operation(KEYED, _problems(400, 401, 403, 404, 429, 500, 503))},
                "/health/live": {"get": _health("live", "Is the process alive?", {200: Alive})},
                "/health/ready": {
                    "get": _health("ready", "Can it answer, and from which model?", {200: Readiness, 503: Readiness})
                },
                "/metrics": {"get": _metrics()},
            },
            "components": {
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
                    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
                    "address": {"type": "apiKey", "in": "query", "name": "key", "description": "A public key alone."},
                }
            },
        }
    )
    whole = construct_open_api_with_schema_class(document)
    built: dict[str, Any] = whole.model_dump(mode="json", by_alias=True, exclude_none=True)
    for operation in (built["paths"]["/recommend"][method] for method in ("get", "post")):
        operation["responses"]["200"]["content"]["application/json"]["example"] = EXAMPLE_ANSWER
    built["components"]["schemas"] |= wish_schemas() | batch_schemas()
    referring: dict[str, Any] = with_references(built)
    return referring


def _schema(model: type[BaseModel]) -> PydanticSchema[BaseModel]:
    return PydanticSchema.model_validate({"schema_class": model})


def _recommend() -> dict[str, Any]:
    return {
        "operationId": "recommend",
        "tags": ["recommend"],
        "summary": "A list, asked for in the address",
        "description": "Lists are repeated or comma-separated: `items=a,b&items=c`. An id with a comma goes by POST."
        " `filter`, `boost`, `diversity` and `pins` are JSON.",
        "security": KEYED_PAGE,
        "parameters": [*_parameters(), ACCEPT_LANGUAGE, IF_NONE_MATCH],
        "responses": {
            "200": _answer(),
            "304": {"description": "The answer whose ETag `If-None-Match` names is still right."},
            **_problems(400, 401, 403, 404),
            **TOO_LONG,
            **_problems(429, 500, 503),
        },
    }


def _recommend_from_body() -> dict[str, Any]:
    body = {"schema": _schema(RecommendRequest), "example": EXAMPLE_QUESTION}
    return {
        "operationId": "recommendFromBody",
        "tags": ["recommend"],
        "summary": "A list, asked for in JSON",
        "security": KEYED_PAGE,
        "parameters": [ACCEPT_LANGUAGE],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": _answer(), **_problems(400, 401, 403, 404, 413, 415, 429, 500, 503)},
    }


def _health(name: str, summary: str, answers: Mapping[int, type[BaseModel]]) -> dict[str, Any]:
    about = {200: "Yes.", 503: "No; `problem` says what is missing."}
    return {
        "operationId": f"health{name.title()}",
        "tags": ["operation"],
        "summary": summary,
        "responses": {
            str(code): {"description": about[code], "content": {"application/json": {"schema": _schema(model)}}}
            for code, model in answers.items()
        },
    }


def _metrics() -> dict[str, Any]:
    counts = {"description": "All workers' counts.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "operationId": "metrics",
        "tags": ["operation"],
        "summary": "What Prometheus reads",
        "description": "Needs a `server` key where keys are asked for.",
        "security": KEYED,
        "responses": {"200": counts, **_problems(401, 403, 429, 500, 503)},
    }


def _answer() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    return {
        "description": "A list, best first.",
        "headers": {
            "X-Request-ID": {"description": "The caller's, or a new one.", **text},
            "Cache-Control": {"description": "`private, no-store` for an answer about somebody.", **text},
            "ETag": {"description": "Strong; of an answer that caches may keep.", **text},
            "Server-Timing": {"description": "What such an answer took, milliseconds.", **text},
            "Customer-Token-Status": {"description": "`accepted`, or why `customer_token` was not.", **text},
            "RateLimit": {"description": "What is left of the key's quota, and until when.", **text},
            "RateLimit-Policy": {"description": "The quota.", **text},
        },
        "content": {"application/json": {"schema": _schema(RecommendAnswer)}},
        "links": {
            "another list of the page": {
                "operationId": "recommendFromBody",
                "description": "Its items are others than this list's.",
                "requestBody": {"exclude_seen": ["$response.body#/recommendation_id"]},
            }
        },
    }


def _problems(*codes: int) -> dict[str, Any]:
    shown = {400: {"example": EXAMPLE_PROBLEM}}
    return {
        str(code): {
            "description": PROBLEMS[code],
            "content": {"application/problem+json": {"schema": _schema(Problem), **shown.get(code, {})}},
        }
        for code in codes
    }


def _parameters() -> list[dict[str, Any]]:
    """RecommendRequest's fields as parameters of the address, where nothing can be null."""
    parameters = []
    properties = RecommendRequest.model_json_schema(ref_template=REFERENCE + "{model}")["properties"]
    for name, found in properties.items():
        schema = {key: value for key, value in found.items() if key not in ("title", "description", "default")}
        if "anyOf" in schema:
            schema |= next(option for option in schema.pop("anyOf") if option.get("type") != "null")
        if found.get("default"):
            schema["default"] = found["default"]
        if name in MOST_IDS:
            del schema["items"]["minLength"]  # an empty id in an address does not count
        about = {"name": name, "in": "query", "description": found["description"]}
        if name in IN_JSON:
            parameters.append({**about, "content": {"application/json": {"schema": schema}}})
            continue
        lists = {"style": "form", "explode": True} if schema.get("type") == "array" else {}
        parameters.append({**about, "schema": schema, **lists})
    return parameters

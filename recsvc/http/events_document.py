"""`/events` in the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any

from openapi_pydantic.util import PydanticSchema
from pydantic import BaseModel, ConfigDict, Field

from recsvc.events.wire import MOST_EVENTS, EventBatch, EventIn, EventsAnswer

ABOUT = """A single event, a list of them, `{"events": […]}`, or a GA4 ecommerce payload of the Measurement Protocol as
it is; at most 1,000 events. What is answered as accepted is on the disk, and the next list of that customer or visit
takes account of it within a second, whichever worker answers. An event that is wrong keeps no other back: it stands
in `errors`. A page may post the same JSON as `text/plain`, by `sendBeacon`."""
EXAMPLE = {
    "events": [
        {"type": "view", "event_id": "5e1b", "session_id": "s-81", "items": ["1082185"]},
        {
            "type": "purchase",
            "event_id": "order-1001",
            "customer_id": "900",
            "order_id": "1001",
            "items": [{"item_id": "1082185", "quantity": 2, "price": 0.59}],
            "currency": "USD",
        },
    ]
}
EXAMPLE_ANSWER = {"accepted": 2, "duplicates": 0, "ignored": 0, "errors": []}


class Ga4Event(BaseModel):
    """One event of a GA4 payload; see Google's reference for its parameters."""

    model_config = ConfigDict(extra="allow", title="Ga4Event")

    name: str
    params: dict[str, Any] = {}


class Ga4Payload(BaseModel):
    """Of the Measurement Protocol: `client_id` is the visit, `user_id` the customer. Other events are ignored."""

    model_config = ConfigDict(extra="allow", title="Ga4Payload")

    events: list[Ga4Event] = Field(min_length=1, max_length=MOST_EVENTS)


def events_operation(security: Sequence[object], problems: Mapping[str, Any]) -> dict[str, Any]:
    """The operation, with the problems that it may answer."""
    one, batch, payload = (_schema(model) for model in (EventIn, EventBatch, Ga4Payload))
    body = {
        "schema": {
            "anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_EVENTS}, batch, payload]
        },
        "example": EXAMPLE,
    }
    answer = {
        "description": "What became of the events.",
        "content": {"application/json": {"schema": _schema(EventsAnswer), "example": EXAMPLE_ANSWER}},
    }
    return {
        "operationId": "events",
        "tags": ["events"],
        "summary": "What visitors and customers did",
        "description": ABOUT,
        "security": security,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"202": answer, **problems},
    }


def _schema(model: type[BaseModel]) -> PydanticSchema[BaseModel]:
    return PydanticSchema.model_validate({"schema_class": model})

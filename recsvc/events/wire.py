"""The shape of an event in a request; the OpenAPI document is made of it too."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from models.strings import LONGEST_ID
from recsvc.events.event import TYPES

MOST_EVENTS = 1_000
MOST_ITEMS = 200
LONGEST_RECOMMENDATION = 4_096
LARGEST_QUANTITY = 1e7
LARGEST_PRICE = 1e9
# Numbers from here on are milliseconds, as Date.now() gives them: 1e11 seconds are the year 5138.
MILLISECONDS = 1e11
TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})?")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("input should have no NUL character")
    return text


def read_time(value: object) -> object:
    """A moment from RFC 3339 text (UTC where no zone is named) or a number of seconds or milliseconds since 1970."""
    if isinstance(value, str) and TIME.fullmatch(value):
        moment = datetime.fromisoformat(value.upper())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if value >= MILLISECONDS else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError):
            pass
    raise ValueError("input should be a time such as 2026-03-01T09:30:00Z, or seconds or milliseconds since 1970")


def _as_object(value: object) -> object:
    return {"item_id": value} if isinstance(value, str) else value


Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_without_nul)]


class EventItemIn(BaseModel):
    """One item of an event."""

    model_config = ConfigDict(extra="forbid", strict=True, title="EventItem")

    item_id: Id
    quantity: float = Field(1.0, gt=0, le=LARGEST_QUANTITY, allow_inf_nan=False)
    price: float | None = Field(
        None, ge=0, le=LARGEST_PRICE, allow_inf_nan=False, description="Of one piece, as paid, in `currency`."
    )


class EventIn(BaseModel):
    """One event. Who did it is a `customer_id`, a `session_id` or both; both make the session the customer's."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Event")

    type: Literal[TYPES] = Field(description="What happened.")  # type: ignore[valid-type]
    event_id: Id | None = Field(
        None, description="Your own id of it: the same id of the same type is counted once, however often it comes."
    )
    customer_id: Id | None = Field(None, description="Needs a server key.")
    session_id: Id | None = Field(None, description="A random id of the visit, without a person behind it.")
    items: list[Annotated[EventItemIn, BeforeValidator(_as_object)]] = Field(
        [], max_length=MOST_ITEMS, description="What it is about; an id alone is one piece of it."
    )
    order_id: Id | None = Field(None, description="Of a purchase or return: the same as in your order exports.")
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$", description="ISO 4217.")
    timestamp: Annotated[datetime, BeforeValidator(read_time, json_schema_input_type=str | float)] | None = Field(
        None, description="When; now, where it is left out. RFC 3339, or seconds or milliseconds since 1970."
    )
    recommendation_id: str | None = Field(
        None, min_length=1, max_length=LONGEST_RECOMMENDATION, description="Of the list that led to it."
    )


class EventBatch(BaseModel):
    """Up to 1,000 events at once."""

    model_config = ConfigDict(extra="forbid", title="EventBatch")

    events: list[EventIn] = Field(min_length=1, max_length=MOST_EVENTS)
    customer_token: str | None = Field(
        None, description="From a page: whose events they are, signed by your server. One that is not valid is ignored."
    )


class EventFault(BaseModel):
    """One event that was refused; the others of its request were not."""

    model_config = ConfigDict(extra="forbid")

    index: int = Field(ge=0, description="Its place among the events, from 0.")
    pointer: str = Field(description="The field at fault (RFC 6901, into the body).")
    detail: str


class EventsAnswer(BaseModel):
    """What became of the events. What is accepted is on the disk."""

    model_config = ConfigDict(extra="forbid")

    accepted: int = Field(ge=0)
    duplicates: int = Field(ge=0, description="Known already; sending again is safe.")
    ignored: int = Field(0, ge=0, description="GA4 events that say nothing of items, such as `page_view`.")
    errors: list[EventFault] = []


def as_dict(value: object) -> dict[str, Any] | None:
    """The value if it is a JSON object."""
    return value if isinstance(value, dict) else None

"""From a request's body to events: each is checked by itself, so that one bad event keeps no other one back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from models.errors import InputError
from recsvc.events.event import ORDERS, Event, EventItem, derived_id, merged
from recsvc.events.ga4 import from_ga4, is_ga4, place_of
from recsvc.events.wire import MOST_EVENTS, EventIn, as_dict
from recsvc.keys import Scope

AHEAD = timedelta(minutes=5)
BEHIND = timedelta(hours=72)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # as training takes them
IN_BROWSERS = ("view", "add_to_cart", "remove_from_cart", "impression", "click")
OF_LISTS = ("impression", "click")

Location = tuple[int | str, ...]
# From a recommendation_id to what says where an item stands in its list; raises InputError for a forged one.
ReadList = Callable[[str], Callable[[str], int | None]]


@dataclass(frozen=True)
class Fault:
    """Why event number `index` is refused; `location` is the way to the field in the body, `type` the event's."""

    index: int
    location: Location
    detail: str
    type: str = "unknown"
    forbidden: bool = False


@dataclass
class Batch:
    """What a body held: `single` when it was one event alone."""

    single: bool
    events: list[Event] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    ignored: int = 0


@dataclass(frozen=True, kw_only=True)
class Rules:
    """By what events are judged: the moment, the key's scope, the signatures of lists, and whose a token is."""

    now: datetime
    scope: Scope
    read_list: ReadList
    vouched: Callable[[str], str | None] = lambda _: None


class EventError(Exception):
    """One event cannot be taken; `location` leads to the field in our own shape of it."""

    def __init__(self, location: Location, detail: str, *, forbidden: bool = False) -> None:
        super().__init__(detail)
        self.location, self.detail, self.forbidden = location, detail, forbidden


def may_post(scope: Scope, kind: str, customer_id: str | None, vouched: str | None) -> tuple[str, str] | None:
    """The field and the reason for which a key of this scope may not post such an event; None when it may.

    A key in a browser is anybody's: it says what a visit looked at, never what a customer did or bought, but for the
    customer whom the shop's own token vouches for.
    """
    if scope.includes(Scope.SERVER):
        return None
    if kind not in IN_BROWSERS:
        return "type", f"a public API key posts no {kind}; send it from your server with a server key"
    if customer_id is not None and customer_id != vouched:
        return "customer_id", "a public API key posts for a session_id; send customer_id from your server"
    return None


def read_events(body: bytes, rules: Rules) -> Batch:
    """One event, a list of them, `{"events": […]}`, or a GA4 payload. Raises InputError for a body that is neither."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the body is not JSON: {error}") from None
    batch = Batch(single=isinstance(given, dict) and "events" not in given)
    token = given.pop("customer_token", None) if isinstance(given, dict) and not batch.single else None
    customer_id = rules.vouched(token) if isinstance(token, str) else None
    for index, (raw, location_of) in enumerate(_each(given)):
        kind = "unknown"
        try:
            if raw is None:
                batch.ignored += 1
                continue
            found = as_dict(raw)
            if found is None:
                raise EventError((), "the event is not a JSON object")
            kind = _kind(found)
            batch.events.append(_judged(EventIn.model_validate(found), rules, customer_id))
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_context=False)[:3]:
                detail = _explained(fault["loc"], fault["type"], fault["msg"], fault["input"])
                batch.faults.append(Fault(index, location_of(fault["loc"]), detail, kind))
        except EventError as error:
            batch.faults.append(Fault(index, location_of(error.location), error.detail, kind, error.forbidden))
    return batch


def _each(given: Any) -> Iterator[tuple[Any, Callable[[Location], Location]]]:
    """Each event in our own shape (None for one to ignore), and the way from its fields to the body's."""
    if isinstance(given, dict) and "events" not in given:
        yield given, lambda location: location
        return
    if isinstance(given, dict) and is_ga4(given):
        _check_number(given["events"])
        for index, event in enumerate(given["events"]):
            raw = as_dict(event)
            read = False if raw is None else from_ga4(given, raw)
            yield read, lambda location, index=index: place_of(location, index)  # type: ignore[misc]
        return
    if isinstance(given, dict) and len(given) > 1:
        strange = next(name for name in given if name != "events")
        raise InputError(f"{strange[:40]!r} stands beside 'events'; each event has its own fields")
    events, before = (given["events"], ("events",)) if isinstance(given, dict) else (given, ())
    if not isinstance(events, list):
        raise InputError('the body is neither an event, nor a list of events, nor {"events": […]}')
    _check_number(events)
    for index, event in enumerate(events):
        yield (False if event is None else event), lambda location, index=index: (*before, index, *location)  # type: ignore[misc]


def _check_number(events: Sequence[Any]) -> None:
    if not 1 <= len(events) <= MOST_EVENTS:
        raise InputError(f"the body has {len(events):,} events; expected 1 to {MOST_EVENTS:,}")


def _kind(raw: dict[str, Any]) -> str:
    kind = raw.get("type")
    return kind if isinstance(kind, str) else "unknown"


def _explained(location: Location, kind: str, message: str, given: Any) -> str:
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")[:80]
    if kind == "extra_forbidden":
        return f"{name} is not a field of an event; known are {', '.join(EventIn.model_fields)}"
    if kind == "missing":
        return f"{name} is missing"
    message = message.removeprefix("Value error, ")
    shown = repr(given) if isinstance(given, str | int | float | None) else type(given).__name__
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown[:40])
    return f"{name} is {shown}: {message[:1].lower()}{message[1:]}"


def _judged(given: EventIn, rules: Rules, vouched: str | None) -> Event:
    """The event by the rules that go beyond single fields; raises EventError."""
    refused = may_post(rules.scope, given.type, given.customer_id, vouched)
    if refused is not None:
        raise EventError((refused[0],), refused[1], forbidden=True)
    items = merged(EventItem(item_id=i.item_id, quantity=i.quantity, price=i.price) for i in given.items)
    _check_parts(given, bool(items), somebody=any((given.customer_id, given.session_id, vouched)))
    happened = _moment(given.timestamp, rules)
    if given.recommendation_id is not None:
        _check_recommendation(given, rules)
    customer_id = given.customer_id or vouched
    event_id = given.event_id or derived_id(
        given.type,
        who=(customer_id, given.session_id),
        order_id=given.order_id,
        items=items,
        recommendation_id=given.recommendation_id,
        timestamp=given.timestamp,
    )
    return Event(
        type=given.type,
        event_id=event_id,
        happened_at=happened,
        customer_id=customer_id,
        session_id=given.session_id,
        order_id=given.order_id,
        items=items,
        currency=given.currency,
        recommendation_id=given.recommendation_id,
    )


def _check_parts(given: EventIn, has_items: bool, *, somebody: bool) -> None:
    """What each type needs: an order, a list, items, somebody."""
    kind = given.type
    if kind in ORDERS and given.order_id is None:
        raise EventError(("order_id",), f"order_id is missing: a {kind} needs the order's id")
    if kind not in ORDERS and given.order_id is not None:
        raise EventError(("order_id",), f"order_id belongs to a purchase or a return, not to {kind}")
    if kind in OF_LISTS and given.recommendation_id is None:
        raise EventError(("recommendation_id",), f"recommendation_id is missing: which list was the {kind} in?")
    if kind == "login":
        for name in ("customer_id", "session_id"):
            if getattr(given, name) is None:
                raise EventError((name,), f"{name} is missing: a login ties a session to a customer")
        if has_items:
            raise EventError(("items",), "items do not belong to a login")
    elif not has_items and kind not in ("return", "impression"):
        raise EventError(("items",), f"items are missing: what is the {kind} about?")
    if kind not in (*ORDERS, *OF_LISTS) and not somebody:
        raise EventError((), f"a {kind} needs a customer_id or a session_id")


def _moment(given: datetime | None, rules: Rules) -> datetime:
    """When it happened, never later than now: shops' clocks go a little fast."""
    if given is None:
        return rules.now
    if given > rules.now + AHEAD:
        raise EventError(("timestamp",), f"timestamp is {given:%Y-%m-%dT%H:%M:%SZ}, more than 5 minutes ahead")
    if given < EARLIEST:
        raise EventError(("timestamp",), f"timestamp is before {EARLIEST.year}")
    if given < rules.now - BEHIND and not rules.scope.includes(Scope.SERVER):
        raise EventError(("timestamp",), "timestamp is more than 72 hours ago; older events need a server key")
    return min(given, rules.now)


def _check_recommendation(given: EventIn, rules: Rules) -> None:
    """A forged id is refused, and so is a click on what its list did not show."""
    assert given.recommendation_id is not None
    try:
        place_of_item = rules.read_list(given.recommendation_id)
    except InputError as error:
        raise EventError(("recommendation_id",), str(error)) from None
    for place, item in enumerate(given.items if given.type in OF_LISTS else ()):
        if place_of_item(item.item_id) is None:
            detail = f"items[{place}] is not in the list of recommendation_id"
            raise EventError(("items", place, "item_id"), detail)

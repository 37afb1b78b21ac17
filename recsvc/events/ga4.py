"""Google Analytics 4 ecommerce events, in the shape of the Measurement Protocol, as events of our own.

`client_id` is the session, `user_id` the customer. Whatever else a payload says is left alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from recsvc.events.wire import as_dict

NAMES = {
    "view_item": "view",
    "select_item": "click",
    "view_item_list": "impression",
    "add_to_cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart",
    "purchase": "purchase",
    "refund": "return",
    "login": "login",
}
LISTS = ("click", "impression")
NOT_SET = ("", "(not set)")
# Our names of what stands elsewhere in a GA4 payload: (from its root?, path).
PLACES: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "customer_id": (True, ("user_id",)),
    "session_id": (True, ("client_id",)),
    "type": (False, ("name",)),
    "timestamp": (False, ("timestamp_micros",)),
    "order_id": (False, ("params", "transaction_id")),
    "currency": (False, ("params", "currency")),
    "items": (False, ("params", "items")),
    "event_id": (False, ("params", "event_id")),
    "recommendation_id": (False, ("params", "recommendation_id")),
}
# What recsvc reads from `params` besides the standard's own.
OWN = ("event_id", "recommendation_id")


def is_ga4(body: Mapping[str, Any]) -> bool:
    """Whether an object is a Measurement Protocol payload: its events have a name instead of a type."""
    events = body.get("events")
    if not isinstance(events, list) or not events:
        return False
    first = as_dict(events[0]) or {}
    return "name" in first and "type" not in first


def from_ga4(body: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event in our own shape, still to be checked; None for one that says nothing of items.

    `select_item` and `view_item_list` are clicks and impressions where they carry a `recommendation_id`; else the
    first is a look at the item, and the second says nothing.
    """
    name, params = event.get("name"), as_dict(event.get("params", {}))
    if not isinstance(name, str) or params is None:
        return {"type": name if params is not None else event}  # which no event is: the checks will say so
    kind = NAMES.get(name)
    if kind in LISTS and not params.get("recommendation_id"):
        kind = "view" if kind == "click" else None
    if kind is None:
        return None
    read: dict[str, Any] = {
        "type": kind,
        "customer_id": _id(body.get("user_id")),
        "session_id": _id(body.get("client_id")),
        **{own: params[own] for own in OWN if own in params},
    }
    if kind == "login":
        if read["customer_id"] is None or read["session_id"] is None:
            return None
    else:
        read["order_id"] = _id(params.get("transaction_id")) if kind in ("purchase", "return") else None
        if isinstance(params.get("currency"), str) and params["currency"] not in NOT_SET:
            read["currency"] = params["currency"].upper()
        read["items"] = _items(params.get("items"))
    micros = event.get("timestamp_micros", body.get("timestamp_micros"))
    if micros is not None:
        micros = _number(micros)
        read["timestamp"] = micros / 1e6 if isinstance(micros, int | float) else micros
    return read


def place_of(location: Sequence[int | str], index: int) -> tuple[int | str, ...]:
    """Where in the payload the field at `location` of our event number `index` was read."""
    if not location:
        return ("events", index)
    at_root, path = PLACES.get(str(location[0]), (False, ("params", str(location[0]))))
    return (*path, *location[1:]) if at_root else ("events", index, *path, *location[1:])


def _items(items: object) -> object:
    if not isinstance(items, list):
        return [] if items is None else items
    return [_item(entry) for entry in items]


def _item(entry: object) -> object:
    item = as_dict(entry)
    if item is None:
        return entry
    item_id = _id(item.get("item_id"))
    read = {"item_id": _id(item.get("item_name")) if item_id is None else item_id}
    for name in ("quantity", "price"):
        if item.get(name) is not None:
            read[name] = _number(item[name])
    return read


def _id(value: object) -> object:
    """Ids come as numbers too; an id that is not set is none."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value) if isinstance(value, int) else value
    return None if text in NOT_SET else text


def _number(value: object) -> object:
    """Numbers come as texts too."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value

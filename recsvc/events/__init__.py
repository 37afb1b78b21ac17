"""Live events: what visitors look at, put into carts, buy and give back, read, stored and seen by the next request."""

from recsvc.events.event import Event, EventItem
from recsvc.events.settings import EventSettings

__all__ = ["Event", "EventItem", "EventSettings"]

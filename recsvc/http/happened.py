"""What happened since the training joins the question, where it is about somebody."""

from dataclasses import replace

from werkzeug import Request

from recsvc.engine import Engine, Query
from recsvc.http.asked import asked_in
from recsvc.http.service import Service

HEADER = "Live-Events"


def as_it_is_now(query: Query, session_id: str | None, engine: Engine, request: Request, service: Service) -> Query:
    """The query with its customer's and visit's events. While they cannot be read the answer's header says so."""
    if query.customer_id is None and session_id is None:
        return query
    happened = service.events.of(query.customer_id, session_id, engine)
    if not service.events.available:
        asked_in(request.environ).headers[HEADER] = "unavailable"
    return query if happened is None else replace(query, live=happened)

"""`/events`: what visitors and customers do, on the disk before it is answered."""

import logging
from collections import Counter
from http import HTTPStatus

import orjson
import sqlalchemy as sa
from flask import Blueprint, Request, Response, request

from models.errors import InputError
from recsvc.events.reading import Batch, Fault, Rules, read_events
from recsvc.events.store import Stored, append
from recsvc.faults import shown
from recsvc.http.access import customer_of, scope_of
from recsvc.http.problems import ProblemError
from recsvc.http.questions import pointer
from recsvc.http.schemas import LARGEST_BODY
from recsvc.http.service import Service
from recsvc.keys import Scope
from recsvc.state.patience import at_most

log = logging.getLogger(__name__)
# A beacon is text/plain: anything else would ask the browser for a preflight, which a page that closes does not wait
# for.
MEDIA_TYPES = ("application/json", "text/plain")
SHOWN_ERRORS = 20
PATIENCE = 3.0  # seconds that a request waits for a database that says nothing
NO_STORE = [("Cache-Control", "no-store")]


def blueprint(service: Service) -> Blueprint:
    """The route."""
    routes = Blueprint("events", __name__)

    @routes.post("/events")
    def events() -> Response:
        granted = scope_of(request, service)
        if granted is None:
            raise unavailable()
        return respond(service, granted)

    return routes


def respond(service: Service, granted: Scope) -> Response:
    """Check each event, store those that are right, and say what became of all."""
    now = service.clock()
    rules = Rules(
        now=now,
        scope=granted,
        read_list=lambda text: service.signer.read(text).place,
        vouched=lambda token: customer_of(token, request, service).customer_id,
    )
    try:
        batch = read_events(body_of(request), rules)
    except InputError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, str(error), errors=[{"pointer": "#", "detail": str(error)}]
        ) from None
    refused = {fault.index: fault.type for fault in batch.faults}
    for kind, n_events in Counter(refused.values()).items():
        service.metrics.count_events(kind, "refused", n_events)
    if batch.faults and not batch.events:
        raise all_refused(batch.faults)
    stored = store(service, batch, granted)
    answer: dict[str, object] = {"accepted": stored.accepted.total(), "duplicates": stored.duplicates.total()}
    answer["ignored"] = batch.ignored
    answer["errors"] = [
        {"index": fault.index, "pointer": pointer(fault.location), "detail": fault.detail} for fault in batch.faults
    ]
    return Response(orjson.dumps(answer), HTTPStatus.ACCEPTED, NO_STORE, content_type="application/json")


def body_of(request: Request) -> bytes:
    """The body. Raises ProblemError: 415 for another type, 413 when it is too large."""
    if request.mimetype not in MEDIA_TYPES:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body is {shown(request.mimetype) if request.mimetype else 'of no named type'}; send JSON with"
            " Content-Type: application/json, or text/plain from a beacon",
            headers={"Accept": ", ".join(MEDIA_TYPES)},
        )
    body = request.get_data(cache=False)
    if len(body) > LARGEST_BODY:
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {LARGEST_BODY} bytes")
    return body


def store(service: Service, batch: Batch, granted: Scope) -> Stored:
    """Write the events; raises ProblemError (503) when the database cannot take them."""
    if not batch.events:
        return Stored(Counter(), Counter())
    try:
        if service.events.hangs:
            raise TimeoutError("the database does not answer")
        with at_most(PATIENCE):
            stored = append(service.database, batch.events, scope=granted.value, now=service.clock())
    except (sa.exc.SQLAlchemyError, OSError) as error:
        log.warning("events not stored", extra={"problem": type(getattr(error, "orig", None) or error).__name__})
        for kind, n_events in Counter(event.type for event in batch.events).items():
            service.metrics.count_events(kind, "unavailable", n_events)
        raise unavailable() from None
    for outcome, counts in (("accepted", stored.accepted), ("duplicate", stored.duplicates)):
        for kind, n_events in counts.items():
            service.metrics.count_events(kind, outcome, n_events)
    service.events.notice()
    return stored


def all_refused(faults: list[Fault]) -> ProblemError:
    """The problem where no event of the request could be taken."""
    status = HTTPStatus.FORBIDDEN if all(fault.forbidden for fault in faults) else HTTPStatus.BAD_REQUEST
    errors = [{"pointer": pointer(fault.location), "detail": fault.detail} for fault in faults[:SHOWN_ERRORS]]
    return ProblemError(status, "; ".join(error["detail"] for error in errors[:3]), errors=errors)


def unavailable() -> ProblemError:
    """The database is down: nothing was stored, and the same request may be sent again."""
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "events cannot be stored while the database is down; none of this request was, so send it again later",
        headers={"Retry-After": "5"},
    )

"""Errors as `application/problem+json` (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from models.errors import RecsvcError
from recsvc.http.schemas import LARGEST_BODY

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with a problem; `errors` names the fields at fault as schemas.FieldAtFault does, `members` are
    what a `type` of its own adds."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        type: str = "about:blank",  # noqa: A002
        title: str | None = None,
        members: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.type = type
        self.title = title or status.phrase
        self.members = dict(members or {})
        self.headers = dict(headers or {})


def problem_body(problem: ProblemError, request_id: str) -> dict[str, object]:
    """The problem as a JSON object."""
    body: dict[str, object] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status.value,
        "detail": problem.detail,
        **problem.members,
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    body["request_id"] = request_id
    return body


def problem_response(problem: ProblemError) -> Response:
    """The answer that a problem is sent as; never stored by a cache."""
    body = problem_body(problem, g.get("request_id", ""))
    response = Response(orjson.dumps(body), problem.status.value, content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(problem.headers)
    return response


def handle_problems(app: Flask) -> None:
    """Every error of the application becomes a problem, the unforeseen ones without their reasons."""
    app.register_error_handler(ProblemError, problem_response)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(RecsvcError, _refused)
    app.register_error_handler(Exception, _unforeseen)


def _http_error(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    details = {
        HTTPStatus.NOT_FOUND: f"nothing is at {request.path[:200]}; /docs lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not among the methods of {request.path[:200]}; see Allow",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"the body is larger than {LARGEST_BODY} bytes",
    }
    # Of the headers that come with an error only Allow says something that the problem does not.
    headers = {name: value for name, value in error.get_headers(request.environ) if name.lower() == "allow"}
    if isinstance(error, RequestEntityTooLarge):
        headers["Connection"] = "close"
    detail = details.get(status, (error.description or status.phrase).strip().rstrip("."))
    return problem_response(ProblemError(status, detail, headers=headers))


def _refused(error: RecsvcError) -> Response:
    """What the service cannot do as it is set up. The reason names places on this machine: it goes to the log alone."""
    log.warning("refused", extra={"request_id": g.get("request_id", ""), "reason": str(error)})
    detail = "the service cannot answer yet; /health/ready says what is missing"
    return problem_response(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"}))


def _unforeseen(error: Exception) -> Response:
    request_id = g.get("request_id", "")
    log.error("request failed", exc_info=error, extra={"request_id": request_id, "route": str(request.url_rule)})
    detail = f"the service failed on this request; its log says why under the request id {request_id}"
    return problem_response(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail))

"""Routes that are answered before Flask: what every page of a shop asks for needs no contexts, sessions and rules.

They are routes of Flask, too, for other methods and for whatever goes wrong: what they raise, Flask's handlers answer.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from werkzeug import Request

from recsvc.http.asked import Asked
from recsvc.http.schemas import LARGEST_BODY

FAILED = "recsvc.failed"
Headers = list[tuple[str, str]]


class Reply(NamedTuple):
    """An answer: its status such as '200 OK', its headers but for the length, and its body."""

    status: str
    headers: Headers
    body: bytes


class QuickRequest(Request):
    """A request without Flask around it; a body of unknown length is cut where it is seen to be too long."""

    max_content_length = LARGEST_BODY + 1


class Quick:
    """Answers what it can of the `routes`, which are by method and path. `finish` gives answers the headers that depend
    on the request's `Origin`; None where none do."""

    def __init__(
        self,
        routes: Mapping[tuple[str, str], Callable[[Request], Reply]],
        finish: Callable[[Headers, str | None], Headers] | None,
    ) -> None:
        self._routes, self._finish = routes, finish

    def answer(self, environ: dict[str, Any], asked: Asked) -> Reply | None:
        """The answer with its length; None where Flask has to give it."""
        path = environ.get("PATH_INFO", "")
        answer = self._routes.get((environ["REQUEST_METHOD"], path))
        if answer is None:
            return None
        asked.route = path
        try:
            status, headers, body = answer(QuickRequest(environ))
        except Exception as error:  # noqa: BLE001  Flask tells them apart
            environ[FAILED] = error
            return None
        if self._finish is not None:
            headers = self._finish(headers, environ.get("HTTP_ORIGIN"))
        if body:
            headers.append(("Content-Length", str(len(body))))
        return Reply(status, headers, body)


def failed(environ: dict[str, Any]) -> None:
    """Raises what the quick way raised for this request, if it did."""
    error = environ.pop(FAILED, None)
    if error is not None:
        raise error

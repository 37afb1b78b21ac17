"""Who may ask: API keys and their scopes."""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Request

from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.keys import ApiKey, Scope
from recsvc.keys.records import split_token

REALM = 'Bearer realm="recsvc"'
SOON = 1.0  # a key that is not known here may have been made this many seconds ago


def scope_of(request: Request, service: Service) -> Scope | None:
    """What the caller may do; None where the database has not been readable and nobody can tell.

    Without any key in the database and with nobody but this machine able to connect, everything. Raises ProblemError
    (401) for a key that is missing, unknown, expired or revoked.
    """
    keys = service.keys.keys()
    if keys is None:
        return None
    token = presented(request)
    if token is None:
        if not keys and service.settings.loopback:
            return Scope.ADMIN
        raise _unauthorized("this service needs an API key: Authorization: Bearer KEY, or X-API-Key: KEY", "")
    key = _opened(keys, token, service)
    if key is None and split_token(token):
        key = _opened(service.keys.keys(younger_than=SOON) or {}, token, service)
    if key is None:
        raise _unauthorized("this API key is unknown, expired or revoked", ', error="invalid_token"')
    return key.scope


def require(scope: Scope, request: Request, service: Service) -> None:
    """Raises ProblemError: 401 without a key, 403 with one that may not, 503 when keys cannot be checked."""
    granted = scope_of(request, service)
    if granted is None:
        raise cannot_check()
    if not granted.includes(scope):
        raise ProblemError(HTTPStatus.FORBIDDEN, f"this API key has the scope {granted}; this needs {scope}")


def require_for_customer(granted: Scope | None) -> None:
    """Raises ProblemError unless the caller may see one customer's list."""
    if granted is None:
        raise cannot_check()
    if not granted.includes(Scope.SERVER):
        detail = (
            "a public API key gets lists that are not personal; ask for customer_id from your server with a server key"
        )
        raise ProblemError(HTTPStatus.FORBIDDEN, detail, errors=[{"parameter": "customer_id", "detail": detail}])


def require_for_explanation(granted: Scope | None) -> None:
    """Raises ProblemError unless the caller may see why an item is in a list: it tells a customer's habits."""
    if granted is None:
        raise cannot_check()
    if not granted.includes(Scope.SERVER):
        detail = "a public API key gets no explanations; ask for explain from your server with a server key"
        raise ProblemError(HTTPStatus.FORBIDDEN, detail, errors=[{"parameter": "explain", "detail": detail}])


def cannot_check() -> ProblemError:
    """The database that holds the keys has been down since the start: personal lists wait, others go on."""
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "API keys cannot be checked while the database is down; lists without customer_id go on",
        headers={"Retry-After": "5"},
    )


def presented(request: Request) -> str | None:
    """The key in the request's headers."""
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        kind, _, token = authorization.partition(" ")
        if kind.lower() == "bearer":
            return token.strip()
    return request.headers.get("X-API-Key")


def _opened(keys: Mapping[str, ApiKey], token: str, service: Service) -> ApiKey | None:
    parts = split_token(token)
    key = keys.get(parts[0]) if parts else None
    return key if key is not None and parts is not None and key.opened_by(parts[1], service.clock()) else None


def _unauthorized(detail: str, error: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": REALM + error})

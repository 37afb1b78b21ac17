"""Who may ask: API keys, their scopes and quotas, and the tokens by which a page asks for its customer.

A page may send its public key as the parameter `key` of the address, for a request without headers of its own needs no
preflight, and a beacon can have none. Other keys are refused there: addresses end up in logs.
"""

from collections.abc import Mapping
from http import HTTPStatus

from werkzeug import Request

from recsvc.http.asked import asked_in
from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.keys import ApiKey, Scope, Verdict
from recsvc.keys.records import split_token

REALM = 'Bearer realm="recsvc"'
KEY_PARAMETER = "key"
TOKEN_HEADER = "Customer-Token-Status"  # noqa: S105
SOON = 1.0  # a key that is not known here may have been made this many seconds ago


def scope_of(request: Request, service: Service) -> Scope | None:
    """What the caller may do; None where the database has not been readable and nobody can tell.

    Without any key in the database and with nobody but this machine able to connect, everything. Raises ProblemError
    (401) for a key that is missing, unknown, expired or revoked, and for one in an address that is not public; 429 for
    one that asks too often.
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
    if key.scope is not Scope.PUBLIC and token == _in_address(request):
        raise _unauthorized(
            f"a {key.scope} key stands in an address, where logs keep it: rotate it, and send the new one in a header",
            ', error="invalid_request"',
        )
    allowance = service.quota.take(key, request)
    if allowance is not None:
        asked_in(request.environ).headers.update(allowance.headers())
    return key.scope


def customer_of(token: str, request: Request, service: Service) -> Verdict:
    """Whose token a page sent, or why it is nobody's, which the answer's header `Customer-Token-Status` says, too."""
    verdict = service.tokens.read(token, service.keys.keys(), service.clock())
    service.metrics.count_token(verdict.status.value)
    asked_in(request.environ).headers[TOKEN_HEADER] = verdict.status.value
    return verdict


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
            "a public API key gets lists that are not personal; ask for customer_id from your server with a server key,"
            " or send the customer_token that your server has signed"
        )
        raise ProblemError(HTTPStatus.FORBIDDEN, detail, errors=[{"parameter": "customer_id", "detail": detail}])


def require_for_explanation(granted: Scope | None) -> None:
    """Raises ProblemError unless the caller may see why an item is in a list: it tells a customer's habits."""
    if granted is None:
        raise cannot_check()
    if not granted.includes(Scope.SERVER):
        detail = "a public API key gets no explanations; ask for explain from your server with a server key"
        raise ProblemError(HTTPStatus.FORBIDDEN, detail, errors=[{"parameter": "explain", "detail": detail}])


def customer_asked_for(
    customer_id: str | None, token: str | None, granted: Scope | None, request: Request, service: Service
) -> str | None:
    """Whose list it is to be: the customer named, if the key reaches so far, or the one that the token stands for.

    None for nobody's, which is what a token that does not hold gets. Raises ProblemError: 403 where the two name
    different customers, else as `require_for_customer`.
    """
    vouched = customer_of(token, request, service).customer_id if token is not None else None
    if customer_id is None:
        return vouched
    if token is None:
        require_for_customer(granted)
    elif vouched != customer_id:
        detail = "customer_token does not stand for this customer_id; send one of the two"
        raise ProblemError(HTTPStatus.FORBIDDEN, detail, errors=[{"parameter": "customer_token", "detail": detail}])
    return customer_id


def cannot_check() -> ProblemError:
    """The database that holds the keys has been down since the start: personal lists wait, others go on."""
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "API keys cannot be checked while the database is down; lists without customer_id go on",
        headers={"Retry-After": "5"},
    )


def presented(request: Request) -> str | None:
    """The key in the request's headers, else in its address."""
    authorization = request.environ.get("HTTP_AUTHORIZATION")
    if authorization is not None:
        kind, _, token = authorization.partition(" ")
        if kind.lower() == "bearer":
            return str(token.strip())
    key: str | None = request.environ.get("HTTP_X_API_KEY")
    return key if key is not None else _in_address(request)


def _in_address(request: Request) -> str | None:
    # Most addresses have none, and reading the others' parameters takes longer than all else here.
    address = request.query_string
    return request.args.get(KEY_PARAMETER) if b"key" in address or b"%" in address else None


def _opened(keys: Mapping[str, ApiKey], token: str, service: Service) -> ApiKey | None:
    parts = split_token(token)
    key = keys.get(parts[0]) if parts else None
    return key if key is not None and parts is not None and key.opened_by(parts[1], service.clock()) else None


def _unauthorized(detail: str, error: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": REALM + error})

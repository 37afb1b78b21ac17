"""The application factory."""

import logging
import os
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, g, redirect, request
from flask.typing import ResponseReturnValue
from pydantic import ImportString, TypeAdapter

from models.scenarios import SCENARIOS
from recsvc.console import pages as console
from recsvc.engine import LiveEngine
from recsvc.engine.shelf import Shelf
from recsvc.events.live import LiveEvents
from recsvc.experiments import LiveExperiments
from recsvc.http import batch, contract, events, health, kpis, mails, recommend, script, unsubscribe
from recsvc.http.cors import allow_origins
from recsvc.http.logs import current_request, trace_id_of
from recsvc.http.metrics import Metrics
from recsvc.http.problems import handle_problems
from recsvc.http.quota import Quota
from recsvc.http.schemas import LARGEST_BODY
from recsvc.http.service import Service, utc_now
from recsvc.http.settings import METRICS_DIRECTORY, ServeSettings
from recsvc.http.signing import Signer, read_secret
from recsvc.keys import CustomerTokens, KeyRing
from recsvc.placements import LivePlacements

access_log = logging.getLogger("recsvc.http.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
# For all that is no page: nothing may be loaded, and nobody may put it into a frame. A page sets its own.
NO_CONTENT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def create_app(
    settings: ServeSettings, live: LiveEngine, database: sa.Engine, *, clock: Callable[[], datetime] = utc_now
) -> Flask:
    """The WSGI application: every route at / and under /v1.

    `database` may be down: recommendations do without. Raises SettingsError when the store has no secret and cannot
    get one.
    """
    app = Flask("recsvc", static_folder=None, template_folder=None)
    # One more than is taken: a body of unknown length is cut there without a word, and then seen to be too long.
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1
    app.url_map.merge_slashes = False
    secret = read_secret(settings.secret, settings.store)
    shared = os.environ.get(METRICS_DIRECTORY)
    service = Service(
        settings=settings,
        live=live,
        keys=KeyRing(database),
        signer=Signer(secret, SCENARIOS),
        tokens=CustomerTokens(secret),
        quota=Quota(
            settings.public_limit,
            settings.server_limit,
            proxies=settings.proxies,
            directory=Path(shared) if shared else None,
        ),
        metrics=Metrics(live),
        events=LiveEvents(database, live, settings.events, clock),
        database=database,
        placements=LivePlacements(settings.config),
        experiments=LiveExperiments(settings.config),
        shelf=Shelf(live),
        clock=clock,
    )
    app.extensions["recsvc"] = service
    _watch_requests(app, service)
    allow_origins(app, settings.origins)
    handle_problems(app)
    for resource in (recommend, batch, events, mails, unsubscribe, kpis, health, contract, script):
        routes = resource.blueprint(service)
        app.register_blueprint(routes)
        app.register_blueprint(routes, name=f"v1-{routes.name}", url_prefix="/v1")
    app.register_blueprint(console.blueprint(service))
    for name in settings.pages:
        _function(name)(app)
    if not any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/", "start", lambda: redirect("/docs"))
    return app


def _function(name: str) -> Callable[[Flask], Any]:
    found: Callable[[Flask], Any] = TypeAdapter(ImportString[Callable[[Flask], Any]]).validate_python(name)
    return found


def _watch_requests(app: Flask, service: Service) -> None:
    """Give each request an id, and each answer its headers, its place in the metrics and, if wanted, in the log."""

    @app.before_request
    def begin() -> ResponseReturnValue | None:
        g.started = perf_counter()
        given = request.headers.get("X-Request-ID")
        g.request_id = given if given and REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        g.answer_headers = {}
        current_request.set((g.request_id, trace_id_of(request.headers.get("traceparent"))))
        return None

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        current_request.set(None)

    @app.after_request
    def finish(response: Response) -> Response:
        headers = response.headers
        for name, value in SECURITY_HEADERS:
            headers.setdefault(name, value)
        headers.setdefault("Content-Security-Policy", NO_CONTENT_POLICY)
        headers["X-Request-ID"] = g.request_id
        for name, value in g.answer_headers.items():
            headers[name] = value
        rule = request.url_rule
        route = rule.rule if rule is not None else "none"
        seconds = perf_counter() - g.started
        service.metrics.count_request(route, response.status_code, seconds)
        if settings_log:
            access_log.info(
                "request",
                extra={
                    "request_id": g.request_id,
                    "method": request.method,
                    "route": route,
                    "code": response.status_code,
                    "ms": round(seconds * 1000, 3),
                },
            )
        return response

    settings_log = service.settings.access_log

"""The application factory."""

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask, redirect
from pydantic import ImportString, TypeAdapter

from models.remote_registry import open_registry
from models.scenarios import SCENARIOS
from recsvc.engine import LiveEngine
from recsvc.engine.shelf import Shelf
from recsvc.events.live import LiveEvents
from recsvc.experiments import LiveExperiments
from recsvc.http import batch, contract, events, health, kpis, mails, recommend, script, unsubscribe
from recsvc.http.cors import allow_origins
from recsvc.http.later import Later
from recsvc.http.metrics import Metrics
from recsvc.http.problems import handle_problems
from recsvc.http.quick import Quick
from recsvc.http.quota import Quota
from recsvc.http.schemas import LARGEST_BODY
from recsvc.http.service import Service, utc_now
from recsvc.http.settings import METRICS_DIRECTORY, ServeSettings
from recsvc.http.signing import Signer, read_previous_secret, read_secret
from recsvc.http.watching import name_requests, watch_requests
from recsvc.keys import CustomerTokens, KeyRing
from recsvc.placements import LivePlacements


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
    secret, previous = read_secret(settings.secret, settings.store), read_previous_secret(settings.previous_secret)
    shared = os.environ.get(METRICS_DIRECTORY)
    service = Service(
        settings=settings,
        live=live,
        registry=open_registry(settings.store),
        keys=KeyRing(database),
        signer=Signer(secret, SCENARIOS, previous),
        tokens=CustomerTokens(secret, previous),
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
    finish = allow_origins(app, settings.origins)
    app.wsgi_app = Later("/console", app.wsgi_app, partial(console_app, service))  # type: ignore[method-assign]
    watch_requests(app, Quick(recommend.quick_routes(service), finish), service.metrics, log=settings.access_log)
    handle_problems(app)
    for resource in (recommend, batch, events, mails, unsubscribe, kpis, health, contract, script):
        routes = resource.blueprint(service)
        app.register_blueprint(routes)
        app.register_blueprint(routes, name=f"v1-{routes.name}", url_prefix="/v1")
    for name in settings.pages:
        _function(name)(app)
    if not any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/", "start", lambda: redirect("/docs"))
    return app


def console_app(service: Service) -> Flask:
    """The console, an application of its own, so that it is loaded when somebody first looks at it."""
    from recsvc.console import pages as console

    app = Flask("recsvc-console", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1
    app.url_map.merge_slashes = False
    app.extensions["recsvc"] = service
    name_requests(app)
    handle_problems(app)
    app.register_blueprint(console.blueprint(service))
    return app


def _function(name: str) -> Callable[[Flask], Any]:
    found: Callable[[Flask], Any] = TypeAdapter(ImportString[Callable[[Flask], Any]]).validate_python(name)
    return found

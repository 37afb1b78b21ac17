"""`/health/live`, `/health/ready` and `/metrics`: for whoever runs the service."""

from datetime import datetime
from typing import Literal

import orjson
from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from models.remote_registry import RemoteRegistry
from recsvc.http.access import require
from recsvc.http.keeper import state_of
from recsvc.http.schemas import Alive, Readiness
from recsvc.http.service import Service
from recsvc.keys import Scope

DATABASE_PATIENCE = 1.0
NO_STORE = [("Cache-Control", "no-store")]


def blueprint(service: Service) -> Blueprint:
    """The routes; none of the health checks needs a key."""
    routes = Blueprint("health", __name__)
    alive = orjson.dumps(Alive(status="alive").model_dump())

    @routes.get("/health/live")
    def live() -> Response:
        return Response(alive, 200, NO_STORE, content_type="application/json")

    @routes.get("/health/ready")
    def ready() -> Response:
        state = readiness(service)
        status = 200 if state.status == "ready" else 503
        return Response(state.model_dump_json(), status, NO_STORE, content_type="application/json")

    @routes.get("/metrics")
    def metrics() -> Response:
        require(Scope.SERVER, request, service)
        return Response(service.metrics.exposition(), 200, NO_STORE, content_type=CONTENT_TYPE_LATEST)

    return routes


def readiness(service: Service) -> Readiness:
    """A model makes it ready; a database that is down is reported, because recommendations do without."""
    database = service.keys.check_database(DATABASE_PATIENCE)
    registry, silence = registry_of(service)
    found = (one.problem for one in (service.live, service.placements, service.experiments, service.shelf))
    problem = "; ".join(text for text in (*found, silence, database) if text) or None
    if not service.live.loaded:
        return Readiness(
            status="not ready",
            model_version=None,
            model_created_at=None,
            model_age_seconds=None,
            database="down" if database else "up",
            registry=registry,
            problem=problem or "no model is published; train one with `recsvc train`",
        )
    manifest = service.live.current().manifest
    created = datetime.fromisoformat(manifest.created_at)
    leaving = service.leaving.is_set()
    return Readiness(
        status="not ready" if leaving else "ready",
        model_version=manifest.version,
        model_created_at=created,
        model_age_seconds=max(0, int((service.clock() - created).total_seconds())),
        database="down" if database else "up",
        registry=registry,
        problem="the service is about to stop" if leaving else problem,
    )


def registry_of(service: Service) -> tuple[Literal["up", "down"] | None, str | None]:
    """Whether the shared registry answers, None without one; and what is wrong with it or its copy on this machine."""
    if not isinstance(service.registry, RemoteRegistry):
        return None, None
    up, problem = state_of(service.registry, service.clock().timestamp())
    return "up" if up else "down", problem

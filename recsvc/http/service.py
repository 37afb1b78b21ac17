"""What the routes share: one object an application, made by `create_app`."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask

from models.registry import Registry
from recsvc.engine import LiveEngine
from recsvc.engine.shelf import Shelf
from recsvc.events.live import LiveEvents
from recsvc.experiments import LiveExperiments
from recsvc.http.metrics import Metrics
from recsvc.http.quota import Quota
from recsvc.http.settings import ServeSettings
from recsvc.http.signing import Signer
from recsvc.keys import CustomerTokens, KeyRing
from recsvc.placements import LivePlacements

# In a request's environment: its answer is to be sent piece by piece.
STREAMED = "recsvc.streamed"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts of one running application; `app.extensions["recsvc"]`."""

    settings: ServeSettings
    live: LiveEngine
    registry: Registry  # as all machines see it; `live` follows what is on this one
    keys: KeyRing
    signer: Signer
    tokens: CustomerTokens
    quota: Quota
    metrics: Metrics
    events: LiveEvents
    database: sa.Engine
    placements: LivePlacements
    experiments: LiveExperiments
    shelf: Shelf
    clock: Callable[[], datetime] = utc_now
    leaving: threading.Event = field(default_factory=threading.Event)  # the service is about to stop
    questions: dict[Hashable, Any] = field(default_factory=dict)  # as `recsvc.http.questions` keeps them


def service_of(app: Flask) -> Service:
    """The service behind an application that `create_app` made."""
    service = app.extensions["recsvc"]
    assert isinstance(service, Service)
    return service

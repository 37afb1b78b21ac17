"""Models: what was trained, how each was judged, and which one serves."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request

from models.bundle import Manifest
from models.errors import BundleError, RecsvcError, UnreachableError
from models.registry import Publication, Registry
from recsvc.console.desk import Desk, to
from recsvc.console.sessions import PATH
from recsvc.engine.feature_words import in_words
from recsvc.http.problems import ProblemError
from recsvc.plain import shortened

log = logging.getLogger(__name__)
SCENARIOS = ("home", "discover")
SHOWN_HISTORY, SHOWN_FEATURES = 12, 10
LONGEST_NAME = 60


@dataclass(frozen=True)
class Row:
    """One version; without a manifest where that cannot be read, which `problem` explains."""

    version: str
    published: bool
    manifest: Manifest | None = None
    problem: str = ""

    @property
    def gate(self) -> dict[str, Any]:
        """What the gate wrote down; {} for a model from before there was one."""
        return self.manifest.metrics.get("gate", {}) if self.manifest is not None else {}


def add_to(routes: Blueprint, desk: Desk) -> None:
    """The pages, and what they can do."""
    registry = desk.service.registry

    def overview(problem: str = "", status: int = HTTPStatus.OK) -> Response:
        rows: list[Row] = []
        history: list[Publication] = []
        try:
            rows, history = rows_of(registry), registry.history()[: -SHOWN_HISTORY - 1 : -1]
        except UnreachableError as error:
            problem, status = problem or str(error), HTTPStatus.SERVICE_UNAVAILABLE
        except BundleError as error:
            problem = problem or str(error)  # what tells of the publications is damaged: publishing mends it
        return desk.page(
            "models.html",
            status=status, problem=problem, rows=rows, scenarios=SCENARIOS, done=request.args.get("done"),
            history=history, served=_served(desk),
        )  # fmt: skip

    def act(done: str, version: str) -> Response:
        log.info(f"console: {done}", extra={"version": version, "by": desk.visitor().name})  # noqa: G004
        return to(f"{PATH}/models?done={version}")

    @routes.get("/models")
    def models() -> Response:
        return overview()

    @routes.get("/models/<version>")
    def model(version: str) -> Response:
        row = _row(desk, registry, version)
        manifest = row.manifest
        metrics = manifest.metrics if manifest is not None else {}
        return desk.page(
            "model.html",
            row=row, manifest=manifest, scenarios=SCENARIOS, in_words=in_words,
            backtest=metrics.get("backtest", {}), gate=row.gate, carts=metrics.get("complements") or {},
            input=metrics.get("input", {}), importance=_importance(metrics),
            publications=_publications(registry, row.version),
        )  # fmt: skip

    @routes.post("/models/<version>/publish")
    def publish(version: str) -> Response:
        name = shortened(desk.visitor().name or "", LONGEST_NAME)
        row = _row(desk, registry, version)
        try:
            registry.publish(row.version, why=f"published in the console by {name}", now=desk.service.clock())
        except RecsvcError as error:
            return overview(str(error), HTTPStatus.CONFLICT)
        return act("published", row.version)

    @routes.post("/models/rollback")
    def rollback() -> Response:
        try:
            version = registry.rollback(now=desk.service.clock())
        except RecsvcError as error:
            return overview(str(error), HTTPStatus.CONFLICT)
        return act("rolled back", version)


def rows_of(registry: Registry) -> list[Row]:
    """All versions, newest first."""
    current = _current(registry)
    return [_read(registry, version, current) for version in reversed(registry.versions())]


def _row(desk: Desk, registry: Registry, version: str) -> Row:
    try:
        known = registry.versions()
    except UnreachableError as error:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
    if version not in known:
        raise ProblemError(HTTPStatus.NOT_FOUND, desk.visitor().words.gettext("There is no such model."))
    return _read(registry, version, _current(registry))


def _read(registry: Registry, version: str, current: str | None) -> Row:
    try:
        return Row(version, version == current, registry.manifest(version))
    except RecsvcError as error:
        return Row(version, version == current, problem=str(error))


def _publications(registry: Registry, version: str) -> list[Publication]:
    with suppress(BundleError):
        return [entry for entry in registry.history() if entry.version == version]
    return []


def _current(registry: Registry) -> str | None:
    try:
        return registry.current()
    except BundleError:
        return None  # `current` is damaged: publishing mends it


def _served(desk: Desk) -> str | None:
    live = desk.service.live
    return live.current().version if live.loaded else None


def _importance(metrics: Any) -> dict[str, list[tuple[str, float, float]]]:
    """For each ranker (feature, gain, share of the greatest) of those that count most."""
    found = {}
    known = metrics.get("importance", {})
    for name in (name for name in SCENARIOS if name in known):
        ordered = sorted(known[name].items(), key=lambda pair: -pair[1])[:SHOWN_FEATURES]
        ordered = [pair for pair in ordered if pair[1] > 0]
        most = ordered[0][1] if ordered else 0
        found[name] = [(feature, gain, gain / most if most else 0.0) for feature, gain in ordered]
    return found

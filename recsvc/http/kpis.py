"""`/kpis`: what lists, experiments and campaigns brought."""

import logging
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa
from flask import Blueprint, Response, request

from models.errors import InputError, RecsvcError
from recsvc.http.access import require
from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.keys import Scope

if TYPE_CHECKING:
    from recsvc.measure.figures import Figures

log = logging.getLogger(__name__)
KEPT_SECONDS = 60.0  # figures of a large shop take seconds, and change little in a minute
MOST_KEPT = 20
MOST_DAYS = 730
NO_STORE = [("Cache-Control", "private, no-store")]


def blueprint(service: Service) -> Blueprint:
    """The route."""
    routes = Blueprint("kpis", __name__)
    kept = KeptFigures(service)

    @routes.get("/kpis")
    def kpis() -> Response:
        require(Scope.SERVER, request, service)
        strange = next((name for name in request.args if name not in ("days", "campaign", "key")), None)
        if strange is not None:
            raise _refused(strange, f"{strange[:40]} is not a field of this request; known are days, campaign")
        given = request.args.get("days", "28")
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MOST_DAYS):
            raise _refused("days", f"days is {given[:40]!r}; expected 1 to {MOST_DAYS}")
        from recsvc.measure.written import as_json

        figures = kept.figures(int(given), request.args.get("campaign"))
        return Response(orjson.dumps(as_json(figures)), 200, NO_STORE, content_type="application/json")

    return routes


class KeptFigures:
    """One computation at a time, and its result for a minute."""

    def __init__(self, service: Service) -> None:
        self._service, self._lock = service, threading.Lock()
        self._kept: dict[tuple[int, str | None], tuple[float, Figures]] = {}

    def figures(self, days: int, campaign: str | None = None) -> "Figures":
        """The figures. Raises ProblemError: 404 for an unknown campaign, 503 while the database is down."""
        from recsvc.measure.asking import ask

        service = self._service
        with self._lock:
            known = self._kept.get((days, campaign))
            if known is not None and known[0] > time.monotonic():
                return known[1]
            catalogue = service.live.current().catalogue if service.live.loaded else None
            if campaign is not None and campaign.endswith(".toml"):
                raise _refused("campaign", "campaign is a file; send the campaign's id")
            try:
                found = ask(
                    service.database, catalogue, service.settings.config, now=service.clock(), days=days,
                    campaign=campaign,
                )  # fmt: skip
            except InputError as error:
                detail = str(error)
                raise ProblemError(
                    HTTPStatus.NOT_FOUND, detail, errors=[{"parameter": "campaign", "detail": detail}]
                ) from None
            except (sa.exc.SQLAlchemyError, OSError, RecsvcError) as error:
                log.warning("no figures", exc_info=error)
                detail = (
                    str(error) if isinstance(error, RecsvcError) else "there are no figures while the database is down"
                )
                raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"}) from None
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[days, campaign] = time.monotonic() + KEPT_SECONDS, found
            return found


def _refused(name: str, detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, detail, errors=[{"parameter": name, "detail": detail}])

"""The console's routes: what guards every page, signing in and out, and the pages."""

import logging
from http import HTTPStatus
from pathlib import PurePath
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from limits import parse
from werkzeug.exceptions import RequestEntityTooLarge

from models.errors import RecsvcError
from recsvc.console import campaigns, catalogue, customers, models, placements, today
from recsvc.console.desk import TYPES, Desk, assets, remember_language, to
from recsvc.console.sessions import NOBODY, PATH, THIS_MACHINE, key_of
from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.http.signing import read_previous_secret, read_secret

log = logging.getLogger(__name__)
TRIES = parse("10/minute")  # of keys, from one address
OPEN_TO_ALL = ("console.sign_in", "console.enter", "console.asset")
FOREVER = "public, max-age=31536000, immutable"
PARTS = (today, models, customers, campaigns, placements, catalogue)


def blueprint(service: Service) -> Blueprint:
    """All of it, under /console."""
    parts = tuple(part.__name__.rpartition(".")[2] for part in PARTS)
    settings = service.settings
    secret, previous = read_secret(settings.secret, settings.store), read_previous_secret(settings.previous_secret)
    desk = Desk(service, secret, previous, parts)
    routes = Blueprint("console", __name__, url_prefix=PATH)
    _guard(routes, desk)
    _doors(routes, desk)
    for part in PARTS:
        part.add_to(routes, desk)
    _handle_errors(routes, desk)
    return routes


def _guard(routes: Blueprint, desk: Desk) -> None:
    @routes.before_request
    def check() -> ResponseReturnValue | None:
        visitor = desk.visitor()
        if request.method == "POST":
            session = visitor.session
            if session is None or not desk.sessions.holds(session, request.form.get("form_token", "")):
                detail = visitor.words.gettext("This form is too old, or comes from elsewhere. Open the page again.")
                raise ProblemError(HTTPStatus.FORBIDDEN, detail)
        if visitor.name is not None or request.endpoint in OPEN_TO_ALL:
            return None
        if "HX-Request" in request.headers:
            return Response(status=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": f"{PATH}/sign-in"})
        wanted = request.full_path.rstrip("?") if request.method == "GET" else PATH
        return to(f"{PATH}/sign-in?{urlencode({'to': wanted})}")

    routes.after_request(remember_language)


def _doors(routes: Blueprint, desk: Desk) -> None:
    """What is open to all: signing in and out, and the files that pages load."""
    service = desk.service

    @routes.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        return to(PATH) if desk.visitor().name is not None else _sign_in_page(desk)

    @routes.post("/sign-in")
    def enter() -> ResponseReturnValue:
        visitor = desk.visitor()
        wait = service.quota.wait(TRIES, "console sign-in", request)
        if wait is not None:
            text = visitor.words.gettext("Too many tries. Wait {n} seconds.").format(n=wait)
            page = _sign_in_page(desk, text, status=HTTPStatus.TOO_MANY_REQUESTS)
            page.headers["Retry-After"] = str(wait)
            return page
        if "here" in request.form:
            who = THIS_MACHINE if _is_open(desk) else None
        else:
            key = key_of(request.form.get("key", ""), service)
            who = None if key is None else key.key_id
        if who is None:
            log.warning("console: sign-in refused")
            text = visitor.words.gettext("This is no admin key in force.")
            return _sign_in_page(desk, text, status=HTTPStatus.FORBIDDEN)
        log.info("console: signed in", extra={"key_id": who})
        return desk.keep(to(_inside(request.form.get("to", ""))), desk.sessions.begin(who, service.clock()))

    @routes.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        return desk.keep(to(f"{PATH}/sign-in"), None)

    @routes.get("/")
    def start() -> ResponseReturnValue:
        return to(PATH)

    @routes.get("/static/<name>")
    def asset(name: str) -> ResponseReturnValue:
        ending = PurePath(name).suffix
        if name not in assets() or ending not in TYPES:
            raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such file")
        headers = {"Cache-Control": FOREVER}
        return Response(assets()[name][0], headers=headers, content_type=f"{TYPES[ending]}; charset=utf-8")


def _is_open(desk: Desk) -> bool:
    """Whether no key is asked for: there is none, and only this machine can be asking."""
    return desk.service.keys.keys() == {} and desk.visitor().local


def _sign_in_page(desk: Desk, problem: str = "", status: int = HTTPStatus.OK) -> Response:
    visitor = desk.visitor()
    session = visitor.session
    fresh = desk.sessions.begin(NOBODY, desk.service.clock()) if session is None else session
    target = _inside(request.values.get("to", ""))
    token = desk.sessions.form_token(fresh)
    page = desk.page("sign_in.html", status=status, problem=problem, to=target, token=token, is_open=_is_open(desk))
    return desk.keep(page, fresh) if session is None else page


def _inside(address: str) -> str:
    """An address of the console; its start for any other."""
    inside = address == PATH or address.startswith((f"{PATH}/", f"{PATH}?"))
    return address if inside and address.isprintable() else PATH


def _handle_errors(routes: Blueprint, desk: Desk) -> None:
    """Errors as pages, in the reader's language where they are foreseen."""

    @routes.errorhandler(ProblemError)
    def problem(error: ProblemError) -> Response:
        return desk.page("problem.html", status=error.status, title=error.status.phrase, detail=error.detail)

    @routes.errorhandler(RecsvcError)
    def refused(error: RecsvcError) -> Response:
        title = desk.visitor().words.gettext("This cannot be shown yet")
        return desk.page("problem.html", status=HTTPStatus.SERVICE_UNAVAILABLE, title=title, detail=str(error))

    @routes.errorhandler(sa.exc.SQLAlchemyError)
    def without_database(error: sa.exc.SQLAlchemyError) -> Response:
        log.error("console: database", exc_info=error)
        words = desk.visitor().words
        title, detail = words.gettext("The database does not answer"), words.gettext("`recsvc doctor` says why.")
        return desk.page("problem.html", status=HTTPStatus.SERVICE_UNAVAILABLE, title=title, detail=detail)

    @routes.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> Response:
        detail = desk.visitor().words.gettext("The text is too long to be sent. Go back, and shorten it.")
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        page = desk.page("problem.html", status=status, title=status.phrase, detail=detail)
        page.headers["Connection"] = "close"
        return page

    @routes.route("/<path:_>", methods=["GET", "POST"])
    def nothing(_: str) -> ResponseReturnValue:
        raise ProblemError(HTTPStatus.NOT_FOUND, desk.visitor().words.gettext("The console has no such page."))

"""What the console's pages share: who asks, in which language, and the frame around a page."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import urlencode

import jinja2
from flask import Response, g, request
from markupsafe import Markup

from recsvc.console.sessions import (
    COOKIE,
    FORM_COOKIE,
    LIFE,
    NOBODY,
    PATH,
    THIS_MACHINE,
    Session,
    Sessions,
    comes_from_here,
    name_of,
)
from recsvc.console.shown import Shown
from recsvc.customers.suppression import Suppressions
from recsvc.engine import Engine
from recsvc.http.contract import coded
from recsvc.http.kpis import KeptFigures
from recsvc.http.service import Service
from recsvc.i18n import LANGUAGES, Translator, translator
from recsvc.measure.figures import Figures
from recsvc.offers.lifecycle import Lifecycle
from recsvc.offers.targeting import today_of

LANGUAGE_COOKIE = "recsvc_language"
LANGUAGE_NAMES = {"de": "Deutsch", "en": "English"}
YEAR = 365 * 86_400
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Desk:
    """One an application."""

    service: Service
    secret: bytes
    previous_secret: bytes | None
    parts: tuple[str, ...]  # the pages that there are
    sessions: Sessions = field(init=False)
    kept: KeptFigures = field(init=False)
    _stages: dict[tuple[str, int], Lifecycle] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", Sessions(self.secret))
        object.__setattr__(self, "kept", KeptFigures(self.service))

    @cached_property
    def templates(self) -> jinja2.Environment:
        """The console's own, and those of the figures."""
        return jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [jinja2.PackageLoader("recsvc.console"), jinja2.PackageLoader("recsvc.measure")]
            ),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def figures(self, campaign: str | None = None, days: int = 28) -> Figures:
        """What `/kpis` answers with, computed at most a minute ago. Raises ProblemError as that does."""
        return self.kept.figures(days, campaign)

    def suppressions(self) -> Suppressions:
        """The addresses that are never written to, read anew."""
        return Suppressions(self.service.database, self.secret, self.previous_secret)

    def lifecycle(self, engine: Engine) -> Lifecycle:
        """Where each customer stands today, computed once a day and model."""
        key = engine.version, today_of(engine, self.service.clock())
        if key not in self._stages:
            self._stages.clear()
            self._stages[key] = Lifecycle.of(engine.recommender.histories, key[1])
        return self._stages[key]

    def visitor(self) -> "Visitor":
        """Who makes the request at hand."""
        known: Visitor | None = g.get("console_visitor")
        if known is None:
            now = self.service.clock()
            session = self.sessions.read(request.cookies.get(COOKIE), now)
            local = comes_from_here(self.service, request.host, proxied="X-Forwarded-For" in request.headers)
            name = name_of(session, self.service, local=local)
            if name is None:
                session = self.sessions.read(request.cookies.get(FORM_COOKIE), now)
            known = g.console_visitor = Visitor(session, name, translator(_language()), local)
        return known

    def page(self, template: str, /, *, status: int = HTTPStatus.OK, currency: str = "", **values: object) -> Response:
        """A whole page, or the part of one that htmx asked for; nobody but the reader may keep it."""
        visitor = self.visitor()
        words = visitor.words
        shown = Shown(words, currency)
        html = self.templates.get_template(template).render(
            {
                "_": words.gettext, "ngettext": words.ngettext, "lang": words.language, "shown": shown,
                "visitor": visitor, "form_token": self.form_field(visitor), "asset": asset_address,
                "languages": [(code, LANGUAGE_NAMES.get(code, code), _in_language(code)) for code in LANGUAGES],
                "path": request.path, "parts": self.parts, "english": english, "say": say, "coded": coded, **values,
            }
        )  # fmt: skip
        response = Response(html, status, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    def form_field(self, visitor: "Visitor") -> Markup:
        """What each form holds beside its fields."""
        if visitor.session is None:
            return Markup()
        token = self.sessions.form_token(visitor.session)
        return Markup('<input type="hidden" name="form_token" value="{}">').format(token)

    def keep(self, response: Response, session: Session | None) -> Response:
        """The answer with the session's cookie, or without one from now on; never over a plain connection where the
        page came over a secure one.

        Who has not signed in gets another cookie: a link from another site comes without any, and answering it must
        not sign anybody out.
        """
        secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
        name = FORM_COOKIE if session is not None and session.who == NOBODY else COOKIE
        text, age = (self.sessions.write(session), int(LIFE.total_seconds())) if session is not None else ("", 0)
        response.set_cookie(name, text, max_age=age, path=PATH, secure=secure, httponly=True, samesite="Strict")
        return response


@dataclass(frozen=True)
class Visitor:
    """Who asks: `name` is that of the key, None for who has not signed in."""

    session: Session | None
    name: str | None
    words: Translator
    local: bool

    @property
    def title(self) -> str:
        """As the page names who has signed in."""
        return self.words.gettext("this machine") if self.name == THIS_MACHINE else self.name or ""


def to(address: str) -> Response:
    """The way to another page, after something was done."""
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address, "Cache-Control": "no-store"})


def say(sentence: str, /, **values: object) -> Markup:
    """A sentence of ours with what stands in its braces, such as a number that `Shown` wrote."""
    return Markup(sentence).format(**values)  # noqa: S704


def english(text: str) -> Markup:
    """A message that is not translated, marked for whoever reads it aloud."""
    return Markup('<span lang="en">{}</span>').format(text)


def _language() -> str:
    for asked in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return str(asked)
    return request.accept_languages.best_match(LANGUAGES) or "en"


def remember_language(response: Response) -> Response:
    """A language that was chosen stays."""
    asked = request.args.get("lang")
    if asked in LANGUAGES and asked != request.cookies.get(LANGUAGE_COOKIE):
        response.set_cookie(LANGUAGE_COOKIE, asked, max_age=YEAR, path=PATH, httponly=True, samesite="Strict")
    return response


def _in_language(code: str) -> str:
    """The address of this page in a language."""
    given = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return f"{request.path}?{urlencode([*given, ('lang', code)])}"


@lru_cache(maxsize=1)
def assets() -> Mapping[str, tuple[bytes, str]]:
    """Content and version of each file that a page loads, by name."""
    found = {}
    for file in (files("recsvc.console") / "static").iterdir():
        content = file.read_bytes()
        found[file.name] = content, hashlib.blake2b(content, digest_size=8).hexdigest()
    return found


def asset_address(name: str) -> str:
    """Where a page finds a file, an address that changes with it."""
    return f"{PATH}/static/{name}?v={assets()[name][1]}"

"""Who has signed in: a signed cookie that holds a key's id, and the tokens that its forms carry.

Nothing is stored: a session ends with its time or with its key, whichever comes first.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from recsvc.http.service import Service
from recsvc.http.settings import is_loopback
from recsvc.keys import ApiKey, Scope
from recsvc.keys.records import split_token

COOKIE, FORM_COOKIE = "recsvc_console", "recsvc_console_form"
PATH = "/console"
LIFE = timedelta(hours=12)
NOBODY = "nobody"  # a visitor who has yet to sign in
THIS_MACHINE = "here"  # somebody at this machine, while there is no key at all
SHAPE = re.compile(r"([a-z0-9]{1,32})\.([0-9]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")
SOON = 1.0


@dataclass(frozen=True)
class Session:
    """`who` is a key's id, NOBODY or THIS_MACHINE; `ends` in seconds since 1970."""

    who: str
    ends: int
    nonce: str


class Sessions:
    """Makes and reads the cookies of one service."""

    def __init__(self, secret: bytes) -> None:
        self._cookie_key = hmac.digest(secret, b"recsvc console session", "sha256")
        self._form_key = hmac.digest(secret, b"recsvc console form", "sha256")

    @staticmethod
    def begin(who: str, now: datetime) -> Session:
        """A new one, with a nonce that nobody has seen."""
        return Session(who, int((now + LIFE).timestamp()), secrets.token_hex(16))

    def write(self, session: Session) -> str:
        """The cookie's text."""
        text = f"{session.who}.{session.ends}.{session.nonce}"
        return f"{text}.{hmac.digest(self._cookie_key, text.encode(), 'sha256').hex()}"

    def read(self, text: str | None, now: datetime) -> Session | None:
        """The session of a cookie; None where it is missing, forged or over."""
        found = SHAPE.fullmatch(text or "")
        if found is None:
            return None
        session = Session(found[1], int(found[2]), found[3])
        genuine = hmac.compare_digest(self.write(session), text or "")
        return session if genuine and now.timestamp() < session.ends else None

    def form_token(self, session: Session) -> str:
        """What every form of this session sends along, and no page of another site can know."""
        return hmac.digest(self._form_key, f"{session.who}.{session.nonce}".encode(), "sha256").hex()

    def holds(self, session: Session, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode("utf-8", "surrogatepass"))


def name_of(session: Session | None, service: Service, *, local: bool) -> str | None:
    """Who acts: the name of an admin key in force, or this machine; None for who may not.

    `local` is whether the request comes from this machine itself (`comes_from_here`).
    """
    if session is None or session.who == NOBODY:
        return None
    keys = service.keys.keys()
    if session.who == THIS_MACHINE:
        return THIS_MACHINE if keys == {} and local else None
    key = (keys or {}).get(session.who)
    return key.name if key is not None and _opens(key, service) else None


def key_of(token: str, service: Service) -> ApiKey | None:
    """The admin key that a token opens, else None."""
    parts = split_token(token.strip())
    if parts is None:
        return None
    for age in (None, SOON):  # one that is not known here may have been made just now
        key = (service.keys.keys(younger_than=age) or {}).get(parts[0])
        if key is not None:
            return key if key.opened_by(parts[1], service.clock()) and _opens(key, service) else None
    return None


def comes_from_here(service: Service, host: str, *, proxied: bool) -> bool:
    """Whether only this machine can be asking: the service listens to nobody else, no proxy stands in front, and the
    address is this machine's own, which a page that rebinds its name cannot say."""
    named = re.sub(r":\d+$", "", host).strip("[]")
    return service.settings.loopback and is_loopback(named) and not proxied


def _opens(key: ApiKey, service: Service) -> bool:
    return key.scope is Scope.ADMIN and key.status(service.clock()) == "active"

"""The mail server: how it is reached, and a connection that hands a mail over in two steps.

A server takes a mail only with the line that ends its text; what breaks off before that line is discarded (RFC 5321,
4.1.1.4). So all of a mail but this line is sent first, then the book says that it is being sent, then the line goes.
"""

import re
import select
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

from models.errors import RefusedError, SettingsError
from recsvc.http.settings import is_loopback
from recsvc.offers.sending.message import Message

TIMEOUT, LAST_TIMEOUT = 30.0, 300.0  # seconds; after the last line a server may take its time
_DOT = re.compile(rb"(?m)^\.")
State = Literal["sent", "deferred", "refused", "unsure", "lost"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mail: `deferred` may be tried later, `lost` broke off before its end and may be tried at once,
    `unsure` was ended and never answered."""

    state: State
    detail: str = ""


class Withdrawn(Exception):
    """Raised by `before_end` when a mail must not be ended after all; the message says why."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Where mails are handed in. STARTTLS is asked of every server that is not this machine, or TLS from the
    start; `context` asks it of this machine too."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    context: ssl.SSLContext | None = field(default=None, repr=False)
    timeout: float = TIMEOUT
    last_timeout: float = LAST_TIMEOUT

    @classmethod
    def parse(cls, url: str | None, ca_file: str | None = None) -> "ServerSettings":
        """From RECSVC_SMTP_URL, and RECSVC_SMTP_CA where its certificate is signed by the shop's own authority.

        Raises SettingsError, which never shows the password.
        """
        expected = "expected smtp://user:password@host:587, or smtps:// for TLS from the start"
        if not url:
            raise SettingsError(f"RECSVC_SMTP_URL is not set; {expected}")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError(f"RECSVC_SMTP_URL is no address; {expected}") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise SettingsError(f"RECSVC_SMTP_URL is no address of a mail server; {expected}")
        return cls(
            host=parts.hostname,
            port=port or (465 if parts.scheme == "smtps" else 587),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=parts.scheme == "smtps",
            context=_trusting(ca_file) if ca_file else None,
        )


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise SettingsError(f"RECSVC_SMTP_CA is {ca_file}, which holds no certificate in PEM") from None
    except OSError as error:
        raise SettingsError(f"RECSVC_SMTP_CA is {ca_file}: {(error.strerror or str(error)).lower()}") from None


class Connection:
    """One connection, opened when it is needed and again after it broke."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._smtp: smtplib.SMTP | None = None

    def hand_over(self, message: Message, before_end: Callable[[], None]) -> Outcome:
        """Send one mail; `before_end` is called when all but its last line is sent, and may raise Withdrawn.

        Raises RefusedError when the server cannot be reached or wants other credentials, and Withdrawn.
        """
        ended = False
        try:
            smtp = self._opened()
            outcome = self._begin(smtp, message)
            if outcome is not None:
                return outcome
            before_end()
            if _spoke(smtp):
                # It hung up, or complains, before the end: it has nothing that it could deliver.
                raise smtplib.SMTPServerDisconnected("the server broke off in the middle of the mail")
            ended = True
            if smtp.sock is not None:
                smtp.sock.settimeout(self._settings.last_timeout)
            smtp.send(b".\r\n")
            answer = _outcome(*smtp.getreply())
            if smtp.sock is not None:
                smtp.sock.settimeout(self._settings.timeout)
            return answer
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            told = str(error) or type(error).__name__
            return Outcome("unsure" if ended else "lost", told[:500])
        except BaseException:
            # Without its end the server discards the mail; the connection cannot be used for anything else.
            self._drop()
            raise

    def _begin(self, smtp: smtplib.SMTP, message: Message) -> Outcome | None:
        """All but the last line; the outcome where the server does not want it."""
        steps: tuple[Callable[[], tuple[int, bytes]], ...] = (
            lambda: smtp.mail(message.sender),
            lambda: smtp.rcpt(message.recipient),
            lambda: smtp.docmd("DATA"),
        )
        for ask in steps:
            code, text = ask()
            if code not in (250, 251, 252, 354):
                if code == 421:
                    self._drop()
                else:
                    smtp.rset()
                return _outcome(code, text)
        body = _DOT.sub(b"..", message.raw)
        smtp.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        return None

    def _opened(self) -> smtplib.SMTP:
        if self._smtp is None:
            settings = self._settings
            place = f"{settings.host}:{settings.port}"
            context = settings.context or ssl.create_default_context()
            try:
                smtp: smtplib.SMTP
                if settings.tls:
                    smtp = smtplib.SMTP_SSL(settings.host, settings.port, timeout=settings.timeout, context=context)
                else:
                    smtp = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
                # Held from here on, so that one who is not let in does not leave the connection open.
                self._smtp = smtp
                smtp.ehlo_or_helo_if_needed()
                if not settings.tls and (settings.context is not None or not is_loopback(settings.host)):
                    smtp.starttls(context=context)
                    smtp.ehlo()
                if settings.user:
                    smtp.login(settings.user, settings.password)
            except smtplib.SMTPNotSupportedError as error:
                self._drop()
                raise RefusedError(f"the mail server {place} lacks what is needed: {error}") from None
            except smtplib.SMTPAuthenticationError:
                self._drop()
                raise RefusedError(
                    f"the mail server {place} takes neither user nor password; check RECSVC_SMTP_URL"
                ) from None
            except ssl.SSLCertVerificationError as error:
                self._drop()
                raise RefusedError(
                    f"the mail server {place} shows a certificate that is not trusted: {error.verify_message}; call it "
                    "by the name that its certificate has, or set RECSVC_SMTP_CA to the file of the authority that "
                    "signed it"
                ) from None
            except (OSError, smtplib.SMTPException) as error:
                self._drop()
                raise RefusedError(f"the mail server {place} cannot be reached: {error}") from None
        return self._smtp

    def close(self) -> None:
        """Take leave, if there is somebody to take leave of."""
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.close()
            self._smtp = None


def _spoke(smtp: smtplib.SMTP) -> bool:
    """Whether something came from the server when nothing should: a complaint, or the end of the connection."""
    if smtp.sock is None:
        return True
    # poll, not select, which knows no more than 1,024 open files.
    looking = select.poll()
    looking.register(smtp.sock, select.POLLIN)
    return bool(looking.poll(0))


def _outcome(code: int, text: bytes) -> Outcome:
    told = f"{code} {text.decode('utf-8', 'replace')}"[:500]
    if code < 400:
        return Outcome("sent", told)
    return Outcome("deferred" if code < 500 else "refused", told)

"""A mail as the bytes that go over the wire: MIME, headers, and the two of RFC 8058."""

import hashlib
import hmac
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime

from recsvc.offers.campaign import Campaign
from recsvc.offers.mail import MailRenderer
from recsvc.offers.offer import Offer

# Headers of text are folded to short lines; a link is written whole, for folding or encoding would break it.
POLICY = SMTP.clone(max_line_length=76)


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, ready to go."""

    customer_id: str
    sender: str
    recipient: str
    message_id: str
    raw: bytes


class MessageBuilder:
    """Builds the messages of one campaign; the same customer and edition give the same Message-ID."""

    def __init__(self, campaign: Campaign, secret: bytes, *, now: datetime) -> None:
        self._campaign = campaign
        self._renderer = MailRenderer(campaign, today=now.date())
        self._key = hmac.digest(secret, b"recsvc message id", "sha256")
        sender = campaign.sender
        self._sender = _ascii(sender.from_address)
        self._domain = self._sender.rpartition("@")[2]
        self._common = [
            _folded("From", Address(display_name=sender.from_name, addr_spec=self._sender)),
            *([_folded("Reply-To", Address(addr_spec=_ascii(sender.reply_to)))] if sender.reply_to else []),
            _folded("Date", format_datetime(now)),
            f"List-Id: <{campaign.id.lower()}.{self._domain}>\r\n",
            "MIME-Version: 1.0\r\n",
        ]
        self._one_click = sender.service_url.startswith("https://")

    def build(self, offer: Offer) -> Message:
        """The mail of an offer that has an address. Raises ValueError for a line break where a header takes none."""
        assert offer.email is not None
        mail = self._renderer.render(offer)
        recipient = _ascii(offer.email)
        message_id = self.message_id(offer.customer_id)
        boundary = f"=_{message_id[1:33]}"  # '=_' is in no quoted-printable text
        headers = [
            *self._common,
            _folded("To", Address(addr_spec=recipient)),
            _folded("Subject", mail.subject),
            f"Message-ID: {message_id}\r\n",
            f"List-Unsubscribe: <{_link(offer.unsubscribe_url)}>\r\n",
            *(["List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"] if self._one_click else []),
            f"Content-Language: {offer.locale}\r\n",
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n',
        ]
        parts = (("plain", mail.text), ("html", mail.html))
        raw = b"".join(
            [
                "".join(headers).encode("ascii"),
                *(_part(boundary, subtype, text) for subtype, text in parts),
                f"\r\n--{boundary}--\r\n".encode(),
            ]
        )
        return Message(offer.customer_id, self._sender, recipient, message_id, raw)

    def message_id(self, customer_id: str) -> str:
        """Made of campaign, edition and customer, and telling none of them."""
        head = self._campaign.head
        named = f"{head.id}\n{head.edition}\n{customer_id}".encode("utf-8", "surrogatepass")
        return f"<{hmac.new(self._key, named, hashlib.sha256).hexdigest()[:32]}@{self._domain}>"


def _ascii(address: str) -> str:
    """The address with its domain as DNS has it."""
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{domain.encode('idna').decode()}"


def _part(boundary: str, subtype: str, text: str) -> bytes:
    """One of the two ways to read the mail; encoded by C code, for the email package takes ten times as long."""
    head = (
        f'\r\n--{boundary}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    encoded = b2a_qp(text.replace("\r\n", "\n").encode(), istext=True)
    return head.encode() + encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _folded(name: str, value: object) -> str:
    """A header as it stands in the mail, encoded where it must be."""
    if any(character in str(value) for character in "\r\n\0"):
        raise ValueError(f"the header {name} holds a line break")
    folded: str = POLICY.header_factory(name, value).fold(policy=POLICY)
    return folded


def _link(url: str) -> str:
    if not url.isascii() or any(character in url for character in "<> \r\n"):
        raise ValueError("the link to unsubscribe holds what no header takes")
    return url

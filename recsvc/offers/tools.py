"""Offers in the shapes of mailing tools, within their limits: Mailchimp, Klaviyo, Brevo, SendGrid, Amazon SES v2.

What does not fit is left out and counted, never cut in a way that would show.
"""

from collections.abc import Sequence
from typing import IO, Any

import orjson

from models.errors import SettingsError
from recsvc.offers.campaign import Campaign
from recsvc.offers.offer import Offer
from recsvc.offers.plain_files import Writer, as_json, csv_row, safe_cell
from recsvc.plain import shortened

MAILCHIMP_ITEMS = 6  # with 5 fields of the reader and 4 an item, 29 of the 30 merge fields that an audience has
MAILCHIMP_BYTES = 255
KLAVIYO_BYTES = 100_000  # of a profile
BREVO_VERSIONS, BREVO_PARAMS, BREVO_BYTES = 2_000, 100_000, 1_000_000
SENDGRID_PERSONALIZATIONS = 1_000
SES_ENTRIES, SES_CHARACTERS = 50, 262_144


class Mailchimp(Writer):
    """A CSV for import into an audience: the address, and merge fields with tags of up to 10 characters."""

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        super().__init__(out)
        self._items = min(sum(slot.n for slot in campaign.slots), MAILCHIMP_ITEMS)
        columns = ["Email Address", "FNAME", "SUBJECT", "UNSUB_URL", "B_TEXT", "B_CODE"]
        for place in range(1, self._items + 1):
            columns += [f"R{place}_NAME", f"R{place}_PRICE", f"R{place}_URL", f"R{place}_IMG"]
        self._out.write(csv_row(columns))

    def entry(self, offer: Offer) -> bytes | None:
        benefit = offer.benefits[0] if offer.benefits else None
        if not _fits(offer.unsubscribe_url):
            return None
        cells = [
            offer.email or "", _clipped(offer.first_name or ""), _clipped(offer.subject), offer.unsubscribe_url,
            _clipped(benefit.text if benefit else ""), benefit.code if benefit else "",
        ]  # fmt: skip
        # A link that is cut leads nowhere: its item makes room for the next one.
        items = [item for item in offer.items if _fits(item.link)][: self._items]
        for item in items:
            image = item.image if _fits(item.image) else ""
            cells += [_clipped(item.title), _clipped(item.price), item.link, image]
        cells += [""] * (4 * (self._items - len(items)))
        return csv_row(map(safe_cell, cells))


class Klaviyo(Writer):
    """A profile a line."""

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        super().__init__(out)
        self._name = f"offer_{campaign.id.replace('-', '_')}"

    def entry(self, offer: Offer) -> bytes | None:
        attributes = {
            "email": offer.email,
            "external_id": offer.customer_id,
            "first_name": offer.first_name,
            "locale": offer.locale,
            "properties": {self._name: template_data(offer)},
        }
        line = orjson.dumps({"data": {"type": "profile", "attributes": attributes}})
        return line + b"\n" if len(line) <= KLAVIYO_BYTES else None


class Requests(Writer):
    """A request of many readers a line; `most` of them, and their data of up to `most_bytes` together (0: any)."""

    most, most_each, most_bytes = 1, 0, 0

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        super().__init__(out)
        self.campaign = campaign
        self._entries: list[orjson.Fragment] = []
        self._bytes = 0

    def entry(self, offer: Offer) -> tuple[bytes, int] | None:
        """The reader as JSON, and the length of the data in it."""
        data = orjson.dumps(template_data(offer))
        if self.most_each and len(data) > self.most_each:
            return None
        return orjson.dumps(self.reader(offer, data)), len(data)

    def add(self, entry: tuple[bytes, int]) -> None:
        text, length = entry
        if len(self._entries) >= self.most or (self.most_bytes and self._bytes + length > self.most_bytes):
            self.finish()
        self._entries.append(orjson.Fragment(text))
        self._bytes += length

    def finish(self) -> None:
        if self._entries:
            self._out.write(orjson.dumps(self.request(self._entries), option=orjson.OPT_APPEND_NEWLINE))
        self._entries, self._bytes = [], 0

    def reader(self, offer: Offer, data: bytes) -> dict[str, Any]:
        """One reader."""
        raise NotImplementedError

    def request(self, entries: Sequence[orjson.Fragment]) -> dict[str, Any]:
        """What is posted."""
        raise NotImplementedError


class Brevo(Requests):
    """Bodies for POST /v3/smtp/email."""

    most, most_each, most_bytes = BREVO_VERSIONS, BREVO_PARAMS, BREVO_BYTES

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        super().__init__(out, campaign)
        self._template = _template(campaign.export.brevo_template, "brevo_template")

    def reader(self, offer: Offer, data: bytes) -> dict[str, Any]:
        to = {"email": offer.email, **({"name": offer.first_name} if offer.first_name else {})}
        return {"to": [to], "subject": offer.subject, "params": orjson.Fragment(data)}

    def request(self, entries: Sequence[orjson.Fragment]) -> dict[str, Any]:
        sender = self.campaign.sender
        return {
            "sender": {"name": sender.from_name, "email": sender.from_address},
            "templateId": self._template,
            "messageVersions": entries,
        }


class SendGrid(Requests):
    """Bodies for POST /v3/mail/send."""

    most = SENDGRID_PERSONALIZATIONS

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        super().__init__(out, campaign)
        self._template = _template(campaign.export.sendgrid_template, "sendgrid_template")

    def reader(self, offer: Offer, data: bytes) -> dict[str, Any]:
        head = self.campaign.head
        return {
            "to": [{"email": offer.email}],
            "headers": dict(unsubscribe_headers(offer)),
            "dynamic_template_data": orjson.Fragment(data),
            "custom_args": {"campaign": head.id, "edition": head.edition},
        }

    def request(self, entries: Sequence[orjson.Fragment]) -> dict[str, Any]:
        sender = self.campaign.sender
        return {
            "from": {"email": sender.from_address, "name": sender.from_name},
            "template_id": self._template,
            "personalizations": entries,
        }


class Ses(Requests):
    """Bodies for POST /v2/email/outbound-bulk-emails; `TemplateData` is JSON in a string, as SES wants it."""

    most, most_each = SES_ENTRIES, SES_CHARACTERS

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        super().__init__(out, campaign)
        self._template = _template(campaign.export.ses_template, "ses_template")

    def reader(self, offer: Offer, data: bytes) -> dict[str, Any]:
        return {
            "Destination": {"ToAddresses": [offer.email]},
            "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data.decode()}},
            "ReplacementHeaders": [{"Name": name, "Value": value} for name, value in unsubscribe_headers(offer)],
        }

    def request(self, entries: Sequence[orjson.Fragment]) -> dict[str, Any]:
        return {
            "FromEmailAddress": self.campaign.sender.from_address,
            "DefaultContent": {"Template": {"TemplateName": self._template, "TemplateData": "{}"}},
            "BulkEmailEntries": entries,
        }


def template_data(offer: Offer) -> dict[str, object]:
    """What a tool's template fills in."""
    whole = as_json(offer)
    hidden = ("customer_id", "email", "model_version", "no_benefit")
    data = {key: value for key, value in whole.items() if key not in hidden}
    data["items"] = [item for slot in whole["slots"] for item in slot["items"]]  # type: ignore[attr-defined]
    return data


def unsubscribe_headers(offer: Offer) -> list[tuple[str, str]]:
    """RFC 2369's, and RFC 8058's where the link is an https one."""
    headers = [("List-Unsubscribe", f"<{offer.unsubscribe_url}>")]
    if offer.unsubscribe_url.startswith("https://") and "/u/" in offer.unsubscribe_url:
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return headers


def _template(value: Any, key: str) -> Any:
    if not value:
        raise SettingsError(f"{key} in [export] is missing; it names the template of the mailing tool")
    return value


def _fits(text: str) -> bool:
    return len(text.encode()) <= MAILCHIMP_BYTES


def _clipped(text: str) -> str:
    """On one line and of at most 255 bytes, cut between words."""
    length = MAILCHIMP_BYTES
    while not _fits(cut := shortened(text, length)):
        length -= 20
    return cut

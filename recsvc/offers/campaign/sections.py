"""The sections of a campaign file that say what is written: texts, slots, sender, links. See docs/offers.md."""

import difflib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.scenarios import SCENARIOS
from recsvc.customers.fields import is_email
from recsvc.engine.diversity import Diversity
from recsvc.engine.filters import Filter, ShapeError, parse_filter
from recsvc.i18n import LANGUAGES
from recsvc.offers.links import PRODUCT_URL_FIELD, web_url
from recsvc.offers.wording import placeholders
from recsvc.plain import one_line

MOST_ITEMS = 16  # in all slots together: more would not fit a mail of 80 kB
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SLOT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_REPLY_MARK = re.compile(r"\s*(re|aw|antw|fw|fwd|wg)\s*(\[\d+\])?\s*:", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Head:
    """[campaign]: `id` names files and links; who has no locale that the campaign speaks is written to in `locale`.

    Each `edition` of a campaign goes to a customer once.
    """

    id: str
    locale: str
    name: str = ""
    edition: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.id):
            raise ValueError(f"id is {self.id!r}; expected up to 64 letters, digits, '-' and '_'")
        if self.edition and not NAME.fullmatch(self.edition):
            raise ValueError(f"edition is {self.edition!r}; expected up to 64 letters, digits, '-' and '_'")
        require_language(self.locale, "locale")
        require_one_line(self, "name")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One of [[slots]]: a block of the mail, filled by a scenario. `heading` is one text, or one a language.

    `filter` lets through what meets its conditions, as in a request to /recommend; `max_per_category` (0: any number)
    mixes.
    """

    name: str
    scenario: str
    n: int = 4
    heading: str | dict[str, str] = ""
    filter: dict[str, Any] | None = None
    max_per_category: int = 0

    def __post_init__(self) -> None:
        if not _SLOT_NAME.fullmatch(self.name):
            raise ValueError(
                f"name is {self.name!r}; expected a word of a-z, 0-9 and '_', which names columns and links"
            )
        if self.scenario not in SCENARIOS:
            near = difflib.get_close_matches(self.scenario, SCENARIOS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(SCENARIOS)}"
            raise ValueError(f"scenario is {self.scenario!r}; {hint}")
        if not 1 <= self.n <= MOST_ITEMS:
            raise ValueError(f"n is {self.n}; expected 1 to {MOST_ITEMS} items")
        if not 0 <= self.max_per_category <= MOST_ITEMS:
            raise ValueError(f"max_per_category is {self.max_per_category}; expected 0 to {MOST_ITEMS}")
        try:
            _ = self.condition
        except ShapeError as error:
            place = "".join(f".{part}" for part in error.place)
            raise ValueError(f"filter{place} of slot {self.name}: {error}") from None
        texts = self.heading if isinstance(self.heading, dict) else {"": self.heading}
        for language, text in texts.items():
            if text != one_line(str(text)):
                raise ValueError(f"heading is {text!r}{language and f' in {language}'}; expected text on one line")

    @cached_property
    def condition(self) -> Filter | None:
        """The filter, read."""
        return parse_filter(self.filter) if self.filter is not None else None

    @cached_property
    def diversity(self) -> Diversity | None:
        """The mix, where one is wished."""
        return Diversity(max_per_category=self.max_per_category) if self.max_per_category else None

    def heading_in(self, language: str) -> str:
        """The campaign's own heading, '' where it has none."""
        return self.heading[language] if isinstance(self.heading, dict) else self.heading


@dataclass(frozen=True, kw_only=True)
class Sender:
    """[mail] without the languages' texts: who writes, and the links that the law wants in a mail.

    `service_url` is where readers reach `recsvc serve`: it takes one-click unsubscriptions, and clicks.
    """

    from_name: str
    from_address: str
    shop_url: str
    imprint_url: str
    privacy_url: str
    unsubscribe_url: str = ""
    service_url: str = ""
    reply_to: str = ""
    conditions_url: str = ""
    templates: str = ""

    def __post_init__(self) -> None:
        require_one_line(self, "from_name", needed=True)
        for key in ("from_address", "reply_to"):
            address = getattr(self, key)
            if (address or key == "from_address") and not is_email(address):
                raise ValueError(f"{key} is {address!r}; expected an e-mail address")
        if not (self.unsubscribe_url or self.service_url):
            raise ValueError(
                "unsubscribe_url and service_url are both missing; a mail needs a way to unsubscribe: give the address "
                "where `recsvc serve` is reached as service_url, or a page of the shop as unsubscribe_url"
            )
        for key in ("shop_url", "imprint_url", "privacy_url", "unsubscribe_url", "service_url", "conditions_url"):
            url = getattr(self, key)
            if (url or key in ("shop_url", "imprint_url", "privacy_url")) and not web_url(url):
                raise ValueError(f"{key} is {url!r}; expected a link that begins with https:// or http://")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """[mail.de], [mail.en] …: subject and first words in one language; {first_name} and {item} are filled in.

    A text with {first_name} has a twin for customers whose name is not known; the greeting has one of its own.
    """

    subject: str
    subject_without_name: str = ""
    preheader: str = ""
    preheader_without_name: str = ""
    greeting: str = ""
    greeting_without_name: str = ""
    intro: str = ""
    intro_without_name: str = ""

    def __post_init__(self) -> None:
        for key in ("subject", "preheader", "greeting", "intro"):
            for name in (key, f"{key}_without_name"):
                require_one_line(self, name, needed=name == "subject")
                placeholders(getattr(self, name), name)
            if "first_name" in placeholders(getattr(self, f"{key}_without_name"), key):
                raise ValueError(f"{key}_without_name uses {{first_name}}, which is what its readers do not have")
            needs_twin = key != "greeting" and "first_name" in placeholders(getattr(self, key), key)
            if needs_twin and not getattr(self, f"{key}_without_name"):
                raise ValueError(
                    f"{key} uses {{first_name}}; add {key}_without_name for customers whose name is unknown"
                )
        for name in ("subject", "subject_without_name"):
            if _REPLY_MARK.match(getattr(self, name)):
                raise ValueError(
                    f"{name} begins like an answer ({getattr(self, name)[:12]!r}); an offer must not look like one"
                )


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """[link]: what is added to product links. `product_url` makes a link for items whose feed has none."""

    utm_source: str = "newsletter"
    utm_medium: str = "email"
    utm_campaign: str = ""
    utm_content: str = ""
    utm_term: str = ""
    product_url: str = ""

    def __post_init__(self) -> None:
        for key in ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"):
            require_one_line(self, key)
            if re.search("[@{}]", getattr(self, key)):
                raise ValueError(
                    f"{key} is {getattr(self, key)!r}; links carry nothing personal, so no address and no placeholder"
                )
        if self.product_url and (PRODUCT_URL_FIELD not in self.product_url or not web_url(self.product_url)):
            raise ValueError(
                f"product_url is {self.product_url!r}; expected a link such as https://shop.example/p/{{item_id}}"
            )


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """[export]: the templates that a mailing tool has for this campaign."""

    brevo_template: int = 0
    sendgrid_template: str = ""
    ses_template: str = ""

    def __post_init__(self) -> None:
        if self.sendgrid_template and not self.sendgrid_template.startswith("d-"):
            raise ValueError(f"sendgrid_template is {self.sendgrid_template!r}; a dynamic template begins with 'd-'")


def require_language(locale: str, key: str) -> None:
    """Raises ValueError for a locale of a language that has no texts."""
    if re.split("[-_]", locale)[0].lower() not in LANGUAGES:
        raise ValueError(f"{key} is {locale!r}; there are texts for {', '.join(sorted(LANGUAGES))}")


def require_one_line(section: object, key: str, *, needed: bool = False) -> None:
    """Raises ValueError for a text with line breaks or spaces at its ends."""
    text = getattr(section, key)
    if needed and not text.strip():
        raise ValueError(f"{key} is empty")
    if text != one_line(text):
        raise ValueError(f"{key} is {text!r}; expected text on one line, without spaces at its ends")

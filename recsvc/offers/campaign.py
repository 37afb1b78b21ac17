"""The campaign file: what marketing decides once, checked before anything is sent. TOML; see docs/offers.md."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import SettingsError
from models.scenarios import SCENARIOS
from models.settings import read_section, read_toml, unknown_key
from recsvc.customers.fields import is_email
from recsvc.i18n import LANGUAGES, translator
from recsvc.offers.links import PRODUCT_URL_FIELD, web_url
from recsvc.offers.wording import placeholders
from recsvc.plain import one_line

SECTIONS = ("campaign", "audience", "slots", "mail", "link")
MOST_ITEMS = 16  # in all slots together: more would not fit a mail of 80 kB
ALL = "all"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SLOT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_REPLY_MARK = re.compile(r"\s*(re|aw|antw|fw|fwd|wg)\s*(\[\d+\])?\s*:", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Head:
    """[campaign]: `id` names files and links; who has no locale that the campaign speaks is written to in `locale`."""

    id: str
    locale: str
    name: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id):
            raise ValueError(f"id is {self.id!r}; expected up to 64 letters, digits, '-' and '_'")
        _require_language(self.locale, "locale")
        _require_one_line(self, "name")


@dataclass(frozen=True, kw_only=True)
class AudienceRules:
    """[audience]: who gets the mail, of those who agreed to mail. `customers` is 'all' or a CSV file of ids."""

    customers: str = ALL
    locale: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for locale in self.locale:
            _require_language(locale, "locale")

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(translator(locale).language for locale in self.locale)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One of [[slots]]: a block of the mail, filled by a scenario. `heading` is one text, or one a language."""

    name: str
    scenario: str
    n: int = 4
    heading: str | dict[str, str] = ""

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
        texts = self.heading if isinstance(self.heading, dict) else {"": self.heading}
        for language, text in texts.items():
            if text != one_line(str(text)):
                raise ValueError(f"heading is {text!r}{language and f' in {language}'}; expected text on one line")

    def heading_in(self, language: str) -> str:
        """The campaign's own heading, '' where it has none."""
        return self.heading[language] if isinstance(self.heading, dict) else self.heading


@dataclass(frozen=True, kw_only=True)
class Sender:
    """[mail] without the languages' texts: who writes, and the links that the law wants in a mail."""

    from_name: str
    from_address: str
    shop_url: str
    imprint_url: str
    privacy_url: str
    unsubscribe_url: str
    reply_to: str = ""
    conditions_url: str = ""
    templates: str = ""

    def __post_init__(self) -> None:
        _require_one_line(self, "from_name", needed=True)
        for key in ("from_address", "reply_to"):
            address = getattr(self, key)
            if (address or key == "from_address") and not is_email(address):
                raise ValueError(f"{key} is {address!r}; expected an e-mail address")
        for key in ("shop_url", "imprint_url", "privacy_url", "unsubscribe_url", "conditions_url"):
            url = getattr(self, key)
            if (url or key != "conditions_url") and not web_url(url):
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
                _require_one_line(self, name, needed=name == "subject")
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
            _require_one_line(self, key)
            if re.search("[@{}]", getattr(self, key)):
                raise ValueError(
                    f"{key} is {getattr(self, key)!r}; links carry nothing personal, so no address and no placeholder"
                )
        if self.product_url and (PRODUCT_URL_FIELD not in self.product_url or not web_url(self.product_url)):
            raise ValueError(
                f"product_url is {self.product_url!r}; expected a link such as https://shop.example/p/{{item_id}}"
            )


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A checked campaign file. `texts` by language; `folder` is what paths in the file start from."""

    head: Head
    audience: AudienceRules
    slots: tuple[Slot, ...]
    sender: Sender
    texts: Mapping[str, Texts]
    link: LinkSettings
    folder: Path = field(default_factory=Path)

    @property
    def id(self) -> str:
        return self.head.id

    @property
    def audience_file(self) -> Path | None:
        return None if self.audience.customers == ALL else self.folder / self.audience.customers

    @property
    def template_folder(self) -> Path | None:
        return self.folder / self.sender.templates if self.sender.templates else None

    def locale_for(self, wanted: str | None) -> str:
        """The locale to write in: the wanted one where the campaign has texts in its language, else its own."""
        return wanted if wanted and translator(wanted).language in self.texts else self.head.locale


def load_campaign(path: Path) -> Campaign:
    """Read and check a campaign file; raises SettingsError naming file, section, key and remedy."""
    tables = read_toml(path)
    try:
        return _campaign(tables, path.parent)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def _campaign(tables: dict[str, Any], folder: Path) -> Campaign:
    for key in tables:
        if key not in SECTIONS:
            raise SettingsError(unknown_key(key, SECTIONS, "the file"))
    head = read_section(Head, _table(tables, "campaign"), "campaign")
    mail = dict(_table(tables, "mail"))
    texts = {
        language: read_section(Texts, _table(mail, language, "mail."), f"mail.{language}")
        for language in LANGUAGES
        if language in mail
    }
    sender = read_section(Sender, {key: value for key, value in mail.items() if key not in texts}, "mail")
    own_language = translator(head.locale).language
    if own_language not in texts:
        raise SettingsError(
            f"[mail.{own_language}] with the subject is missing; it is the language of the campaign's locale"
        )
    campaign = Campaign(
        head=head,
        audience=read_section(AudienceRules, _table(tables, "audience"), "audience"),
        slots=_slots(tables.get("slots"), texts),
        sender=sender,
        texts=texts,
        link=read_section(LinkSettings, _table(tables, "link"), "link"),
        folder=folder,
    )
    if campaign.template_folder is not None and not campaign.template_folder.is_dir():
        raise SettingsError(
            f"templates in [mail] is {sender.templates!r}; there is no folder {campaign.template_folder}"
        )
    if campaign.audience_file is not None and not campaign.audience_file.is_file():
        raise SettingsError(
            f"customers in [audience] is {campaign.audience.customers!r}; expected 'all' or a CSV file, "
            f"and there is no file {campaign.audience_file}"
        )
    return campaign


def _slots(tables: Any, texts: Mapping[str, Texts]) -> tuple[Slot, ...]:
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise SettingsError("there is no [[slots]]; a mail needs at least one, with name, scenario and n")
    slots = tuple(read_section(Slot, table, f"slots, number {number}") for number, table in enumerate(tables, 1))
    for number, slot in enumerate(slots, 1):
        place = f"[slots, number {number}]"
        if slot.name in {earlier.name for earlier in slots[: number - 1]}:
            raise SettingsError(f"{place}: name {slot.name!r} is taken by an earlier slot")
        if isinstance(slot.heading, dict):
            for language in slot.heading:
                if language not in LANGUAGES:
                    raise SettingsError(unknown_key(language, LANGUAGES, f"heading of slot {slot.name}"))
            missing = [language for language in texts if language not in slot.heading]
            if missing:
                raise SettingsError(f"{place}: heading lacks {', '.join(missing)}, a language of the mail")
    total = sum(slot.n for slot in slots)
    if total > MOST_ITEMS:
        raise SettingsError(f"the slots ask for {total} items in all; a mail takes up to {MOST_ITEMS}")
    return slots


def _table(tables: Mapping[str, Any], name: str, within: str = "") -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{within}{name} is {table!r}; expected a table, written as [{within}{name}]")
    return table


def _require_language(locale: str, key: str) -> None:
    if re.split("[-_]", locale)[0].lower() not in LANGUAGES:
        raise ValueError(f"{key} is {locale!r}; there are texts for {', '.join(sorted(LANGUAGES))}")


def _require_one_line(section: object, key: str, *, needed: bool = False) -> None:
    text = getattr(section, key)
    if needed and not text.strip():
        raise ValueError(f"{key} is empty")
    if text != one_line(text):
        raise ValueError(f"{key} is {text!r}; expected text on one line, without spaces at its ends")

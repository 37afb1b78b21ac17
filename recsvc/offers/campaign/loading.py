"""Reads a campaign file as a whole, and checks what one section alone cannot know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import SettingsError
from models.settings import read_section, read_toml, unknown_key
from recsvc.i18n import LANGUAGES, translator
from recsvc.offers.campaign.sections import MOST_ITEMS, ExportSettings, Head, LinkSettings, Sender, Slot, Texts
from recsvc.offers.campaign.who import ALL, AudienceRules, BenefitChoice, Holdout, Limits, Schedule

SECTIONS = ("campaign", "audience", "slots", "mail", "link", "benefit", "export", "holdout", "limits", "schedule")


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A checked campaign file. `texts` by language; `folder` is what paths in the file start from."""

    head: Head
    audience: AudienceRules
    slots: tuple[Slot, ...]
    sender: Sender
    texts: Mapping[str, Texts]
    link: LinkSettings
    export: ExportSettings = field(default_factory=ExportSettings)
    benefit: BenefitChoice = field(default_factory=BenefitChoice)
    holdout: Holdout = field(default_factory=Holdout)
    limits: Limits = field(default_factory=Limits)
    schedule: Schedule = field(default_factory=Schedule)
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
        return campaign_of(tables, path.parent)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def campaign_of(tables: dict[str, Any], folder: Path) -> Campaign:
    """A file's tables as a campaign; paths in it start from `folder`. Raises SettingsError as `load_campaign`."""
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
        export=read_section(ExportSettings, _table(tables, "export"), "export"),
        benefit=read_section(BenefitChoice, _table(tables, "benefit"), "benefit"),
        holdout=read_section(Holdout, _table(tables, "holdout"), "holdout"),
        limits=read_section(Limits, _table(tables, "limits"), "limits"),
        schedule=read_section(Schedule, _table(tables, "schedule"), "schedule"),
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

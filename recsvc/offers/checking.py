"""The check before a campaign: files, templates and the links that the law wants, tried out on a made-up reader."""

import html
from collections.abc import Iterator
from datetime import UTC, datetime

from models.errors import InputError
from recsvc.customers.files import open_customer_file
from recsvc.i18n import format_price, translator
from recsvc.offers.benefits.chooser import benefits_of
from recsvc.offers.campaign import Campaign, Texts
from recsvc.offers.mail import MJML_NAME, TEXT_NAME, Mail, MailRenderer
from recsvc.offers.markup import loose_styles, markup_faults
from recsvc.offers.offer import Offer, OfferItem, OfferSlot
from recsvc.offers.wording import default_heading, fill

LONGEST_SUBJECT = 60  # phones show hardly more
PREHEADER = range(40, 111)
NEEDED_LINKS = ("unsubscribe_url", "imprint_url", "privacy_url")


def check_campaign(campaign: Campaign) -> list[str]:
    """What could be better; raises InputError or SettingsError for what must be."""
    if campaign.audience_file is not None:
        with open_customer_file(campaign.audience_file, ("customer_id",)):
            pass
    folder = campaign.template_folder
    if folder is not None and not any((folder / name).is_file() for name in (MJML_NAME, TEXT_NAME)):
        raise InputError(f"templates in [mail] is {folder}, which has neither {MJML_NAME} nor {TEXT_NAME}")
    if campaign.benefit.file:
        benefits_of(campaign)
    renderer = MailRenderer(campaign, today=datetime.now(UTC).date())
    notes: list[str] = []
    for language, texts in campaign.texts.items():
        offer = sample_offer(campaign, language)
        mail = renderer.render(offer)
        needed = (*NEEDED_LINKS, "conditions_url") if campaign.sender.conditions_url else NEEDED_LINKS
        for key in needed:
            url = offer.unsubscribe_url if key == "unsubscribe_url" else getattr(campaign.sender, key)
            for name, body in ((MJML_NAME, html.unescape(mail.html)), (TEXT_NAME, mail.text)):
                if url not in body:
                    raise InputError(f"the template {name} does not show {{{{ {key} }}}}; a mail must have this link")
        faults = markup_faults(mail.html)
        if faults:
            raise InputError(f"the template {MJML_NAME} makes HTML that mail programs show differently: {faults[0]}")
        notes += _could_be_better(language, texts, offer, mail)
    mute = sorted(campaign.audience.languages - set(campaign.texts))
    if mute:
        notes.append(f"locale in [audience] has {', '.join(mute)}, which is written to in {campaign.head.locale}")
    return notes


def _could_be_better(language: str, texts: Texts, offer: Offer, mail: Mail) -> Iterator[str]:
    if loose := loose_styles(mail.html):
        yield f"{language}: where style sheets are dropped, the style of {loose[0]!r} is missing; put it into the tags"
    if mail.dropped:
        yield f"{language}: the mail has room for {len(offer.items) - mail.dropped} of {len(offer.items)} items"
    if len(offer.subject) > LONGEST_SUBJECT:
        yield f"[mail.{language}] subject: {len(offer.subject)} characters; phones cut after {LONGEST_SUBJECT}"
    if not texts.preheader:
        yield f"[mail.{language}] has no preheader, the line that inboxes show after the subject"
    elif len(offer.preheader) not in PREHEADER:
        yield f"[mail.{language}] preheader: {len(offer.preheader)} characters; 40 to 110 are shown well"


def sample_offer(campaign: Campaign, language: str) -> Offer:
    """An offer to nobody that fills every slot; every other item has an image, all but one a price."""
    words = translator(campaign.locale_for(language))
    texts = campaign.texts[language]
    link = f"{campaign.sender.shop_url}?utm_source=newsletter&utm_medium=email&utm_campaign={campaign.id}"

    def item(place: int) -> OfferItem:
        return OfferItem(
            item_id=f"sample-{place}",
            title=f"Sample product {place}",
            price=format_price(10.0 + place, "EUR", words.locale) if place > 1 else "",
            amount=10.0 + place if place > 1 else None,
            currency="EUR",
            image=f"{campaign.sender.shop_url}sample-{place}.jpg" if place % 2 else "",
            link=link,
            category="Samples",
            reason=words.gettext("Popular right now"),
            source="popular",
        )

    slots = tuple(
        OfferSlot(
            name=slot.name,
            scenario=slot.scenario,
            heading=slot.heading_in(language) or default_heading(slot.scenario, words),
            fallback=None,
            items=tuple(item(place) for place in range(1, slot.n + 1)),
        )
        for slot in campaign.slots
    )
    return Offer(
        campaign_id=campaign.id,
        customer_id="sample",
        email=None,
        first_name="Alexandra",
        locale=words.locale.replace("_", "-"),
        language=language,
        model_version="",
        personal=True,
        subject=fill(texts.subject, "", first_name="Alexandra", item="Sample product 1"),
        preheader=fill(texts.preheader, "", first_name="Alexandra", item="Sample product 1"),
        greeting=fill(texts.greeting, "", first_name="Alexandra", item="Sample product 1"),
        intro=fill(texts.intro, "", first_name="Alexandra", item="Sample product 1"),
        slots=slots,
        unsubscribe_url=campaign.sender.unsubscribe_url or f"{campaign.sender.service_url.rstrip('/')}/u/sample",
    )

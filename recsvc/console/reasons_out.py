"""What keeps an item out of a list, or a customer out of an audience, in the reader's language."""

from datetime import UTC, datetime

from recsvc.customers import consent
from recsvc.engine import Engine, Explanation
from recsvc.engine.explanation import Step
from recsvc.i18n import Translator
from recsvc.offers import audience, targeting
from recsvc.offers.blocks import NO_ITEMS


def step_words(step: Step, about: Explanation, engine: Engine, words: Translator) -> str:
    """One step of an explanation."""
    _ = words.gettext
    match step.step:
        case "ranked_below":
            return _("It has rank {rank}, and the list is shorter.").format(rank=about.rank)
        case "not_yet_available":
            return _("It is not available before {moment}.").format(moment=_moment(engine, about, "available_from"))
        case "expired":
            return _("It expired on {moment}.").format(moment=_moment(engine, about, "expires"))
    known = {
        "not_in_catalogue": _("It is not in the catalogue."),
        "not_listed": _("It is paused, or not in the product feed."),
        "no_title": _("It has no title."),
        "out_of_stock": _("It is not in stock."),
        "excluded": _("The request excludes it."),
        "asked_about": _("It lies in the cart, or was looked at just now."),
        "bought_before": _("It was bought before, and this list holds only new items."),
        "never_bought": _("It was never bought, and this list holds only bought items."),
        "not_popular": _("There is no history to rank by, and nobody bought it lately."),
        "not_proposed": _("No source proposed it."),
    }
    return known.get(step.step, step.detail)


def refusal_words(reason: str, words: Translator) -> str:
    """Why a customer gets no mail; as it is where this version does not know the reason."""
    _ = words.gettext
    return {
        consent.SUPPRESSED: _("the address is suppressed"),
        consent.OBJECTED: _("objected to e-mail"),
        consent.NO_CONSENT: _("no consent to e-mail"),
        audience.NOT_KNOWN: _("not in the customer table"),
        audience.NOT_READABLE: _("row of the list not readable"),
        audience.OTHER_LANGUAGE: _("another language"),
        audience.OTHER_TIER: _("another tier"),
        audience.OTHER_SEGMENT: _("another segment"),
        audience.NO_EMAIL: _("no e-mail address"),
        audience.TOO_MANY_MAILS: _("enough mails already"),
        audience.MAILED: _("this edition was mailed already"),
        audience.HELD_OUT: _("held out, to compare with"),
        audience.HELD_OUT_GLOBALLY: _("held out of every campaign"),
        audience.NO_PURCHASE: _("no consent, and no purchase known either"),
        targeting.OTHER_STAGE: _("another lifecycle stage"),
        targeting.NOT_BOUGHT: _("did not buy what is asked"),
        targeting.BOUGHT: _("bought what is excluded"),
        targeting.NO_AFFINITY: _("no affinity to the category"),
        targeting.TOO_RECENT: _("ordered too recently"),
        targeting.TOO_LONG: _("ordered too long ago"),
        targeting.NO_PROFILE: _("no consent to a profile, which the audience asks for"),
        NO_ITEMS: _("nothing to show them"),
    }.get(reason, reason)


def _moment(engine: Engine, about: Explanation, column: str) -> str:
    seconds = int(engine.catalogue.times[column][engine.catalogue.items.find(about.item_id)])
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "∞"

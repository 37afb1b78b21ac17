"""A benefit in the reader's language: what it is, and under which conditions."""

from datetime import timedelta

from recsvc.customers.table import Customer
from recsvc.i18n import Translator, format_date, format_price
from recsvc.offers.benefits.eligible import Covered
from recsvc.offers.benefits.schema import Benefit, Loyalty, moment
from recsvc.plain import one_line, shortened


def benefit_text(
    benefit: Benefit, customer: Customer, loyalty: Loyalty, covered: Covered | None, words: Translator, currency: str
) -> str:
    """One sentence; the shop's own text where it gives one."""
    own = _own(benefit.text, words)
    if own:
        return own
    match benefit.kind:
        case "percent":
            return words.gettext("{percent} % off your next order").format(percent=f"{benefit.value / 100:g}")
        case "amount":
            amount = format_price(benefit.value / 100, benefit.currency or currency, words.locale)
            return words.gettext("{amount} off your next order").format(amount=amount)
        case "points":
            return words.gettext("{points} extra points with your next order").format(points=benefit.value)
        case "free_shipping":
            return words.gettext("Free delivery of your next order")
        case "gift":
            return words.gettext("A gift with your next order")
        case "protection_plan":
            return _plan_text(covered, words, currency)
        case "loyalty":
            return _loyalty_text(customer, loyalty, words, currency)


def benefit_conditions(benefit: Benefit, words: Translator, currency: str) -> str:
    """The conditions in short; the shop's own where it gives them."""
    own = _own(benefit.conditions, words)
    if own:
        return own
    parts = []
    if benefit.min_basket_minor:
        amount = format_price(benefit.min_basket_minor / 100, benefit.currency or currency, words.locale)
        parts.append(words.gettext("for orders of {amount} or more").format(amount=amount))
    if benefit.max_discount_minor:
        amount = format_price(benefit.max_discount_minor / 100, benefit.currency or currency, words.locale)
        parts.append(words.gettext("up to {amount}").format(amount=amount))
    if benefit.eligibility.include_categories:
        names = ", ".join(name.rpartition(">")[2].strip() for name in benefit.eligibility.include_categories)
        parts.append(words.gettext("for {categories}").format(categories=names))
    return ", ".join(parts)


def last_day(benefit: Benefit, words: Translator) -> str:
    """The last day on which it can be used, as the locale writes it; '' without an end."""
    end = moment(benefit.valid_until)
    return format_date((end - timedelta(microseconds=1)).date(), words.locale) if end is not None else ""


def _own(text: str | dict[str, str], words: Translator) -> str:
    if isinstance(text, str):
        return one_line(text)
    return one_line(text.get(words.language) or next(iter(text.values()), ""))


def _loyalty_text(customer: Customer, loyalty: Loyalty, words: Translator, currency: str) -> str:
    points = customer.points or 0
    worth = format_price(points * loyalty.point_value_minor / 100, currency, words.locale)
    text = words.gettext("You have {points} points, worth {amount}").format(points=points, amount=worth)
    tier = loyalty.next_tier(points)
    if tier is None:
        return text
    missing = words.gettext("{missing} more and you are {tier}")
    return f"{text}; {missing.format(missing=tier.from_points - points, tier=tier.name)}"


def _plan_text(covered: Covered | None, words: Translator, currency: str) -> str:
    assert covered is not None
    plan = covered.plan
    covers = ", ".join(_coverage(part, words) for part in plan.coverage)
    return words.gettext("Protection for {item}: {coverage}, {months} months for {amount}, by {insurer}").format(
        item=shortened(covered.title or covered.item_id, 60),
        coverage=covers,
        months=plan.term_months,
        amount=format_price(plan.premium / 100, currency, words.locale),
        insurer=one_line(plan.insurer),
    )


def _coverage(part: str, words: Translator) -> str:
    match part:
        case "accident":
            return words.gettext("accidental damage")
        case "theft":
            return words.gettext("theft")
        case "extended_warranty":
            return words.gettext("extended warranty")
        case _:
            return part

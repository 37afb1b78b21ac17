"""Product protection: a partner's plans, joined to purchases by category, price band and purchase window. A rule, not
something learned."""

import csv
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from models.errors import SettingsError
from recsvc.offers.links import web_url

NEEDED = (
    "plan_id", "category", "price_from_minor", "price_to_minor", "term_months", "coverage", "premium_minor",
    "purchase_window_days", "insurer", "terms_url", "ipid_url",
)  # fmt: skip
OPTIONAL = ("commission_bp", "deductible_minor")
MOST_PREMIUM_A_YEAR = 60_000  # minor units: above 600 € a year the seller needs a licence, § 34d (8) GewO
WARRANTY_MONTHS = 24  # of the law, before an extended warranty begins
# What is eaten, worn or used up is nothing to insure, whatever a table says.
NEVER = frozenset(
    [
        "food",
        "foods",
        "grocery",
        "groceries",
        "drinks",
        "drink",
        "beverages",
        "lebensmittel",
        "getränke",
        "produce",
        "meat",
        "fleisch",
        "dairy",
        "bakery",
        "clothing",
        "clothes",
        "apparel",
        "bekleidung",
        "kleidung",
        "cosmetics",
        "kosmetik",
        "drogerie",
        "flowers",
        "blumen",
        "tobacco",
        "tabak",
        "wine",
        "wein",
        "beer",
        "bier",
        "and",
        "und",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One row of the plans file; prices in minor units, both ends of the band inclusive."""

    plan_id: str
    category: str
    price_from: int
    price_to: int
    term_months: int
    coverage: tuple[str, ...]
    premium: int
    window_days: int
    insurer: str
    terms_url: str
    ipid_url: str
    commission_bp: int = 0

    @property
    def commission(self) -> float:
        """What the shop gets for a plan sold, in minor units."""
        return self.premium * self.commission_bp / 10_000

    def fits(self, category: str, price: int, days: int) -> bool:
        """Whether an item of this category path, bought at this price so many days ago, can have the plan."""
        return (
            self.price_from <= price <= self.price_to
            and 0 <= days <= self.window_days
            and fits_category(self.category, category)
        )


def fits_category(wanted: str, path: str) -> bool:
    """Whether a category path is, or lies below, the wanted path or word; never what is eaten or used up."""
    words = _words(path)
    if used_up(path):
        return False
    target = _words(wanted)
    return words[: len(target)] == target or (len(target) == 1 and target[0] in words)


def used_up(path: str) -> bool:
    """Whether a part of the path names nothing but what is eaten, worn or used up: 'Food, Beverages & Tobacco' does,
    'Food processors' does not."""
    parts = (set(re.findall(r"\w+", word)) for word in _words(path))
    return any(part and part <= NEVER for part in parts)


def load_plans(path: Path) -> tuple[Plan, ...]:
    """Read and check a plans file (CSV). Raises SettingsError naming file, line and remedy."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise SettingsError(f"plans: {path}: {(error.strerror or str(error)).lower()}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"plans: {path} is not CSV in UTF-8 ({error})") from None
    if not rows:
        raise SettingsError(f"plans: {path} has no rows; expected columns {', '.join(NEEDED)}")
    plans = tuple(_plan(row, f"plans: {path}:{line}") for line, row in enumerate(rows, 2))
    check_bands(plans, str(path))
    return plans


def check_bands(plans: tuple[Plan, ...], place: str) -> None:
    """Raises SettingsError where two bands of a category and coverage overlap, or leave a gap between them."""
    bands: dict[tuple[str, ...], list[Plan]] = {}
    for plan in plans:
        bands.setdefault((plan.category.lower(), *sorted(plan.coverage), str(plan.term_months)), []).append(plan)
    for alike in bands.values():
        ordered = sorted(alike, key=lambda plan: (plan.price_from, plan.price_to))
        for lower, upper in pairwise(ordered):
            if upper.price_from <= lower.price_to:
                raise SettingsError(
                    f"plans: {place}: the price bands of {lower.plan_id} ({lower.price_from} to {lower.price_to}) and "
                    f"{upper.plan_id} ({upper.price_from} to {upper.price_to}) overlap in {lower.category}"
                )
            if upper.price_from > lower.price_to + 1:
                raise SettingsError(
                    f"plans: {place}: there is a gap between the price bands of {lower.plan_id} (to {lower.price_to}) "
                    f"and {upper.plan_id} (from {upper.price_from}) in {lower.category}"
                )


def _plan(row: dict[str, str | None], place: str) -> Plan:
    for name in NEEDED:
        if not (row.get(name) or "").strip():
            raise SettingsError(f"{place}: {name} is missing")
    for name in row:
        if name not in (*NEEDED, *OPTIONAL):
            raise SettingsError(f"{place}: unknown column {name!r}; known are {', '.join((*NEEDED, *OPTIONAL))}")
    plan = Plan(
        plan_id=_text(row, "plan_id"),
        category=_text(row, "category"),
        price_from=_number(row, "price_from_minor", place),
        price_to=_number(row, "price_to_minor", place),
        term_months=_number(row, "term_months", place),
        coverage=tuple(part.strip() for part in _text(row, "coverage").split("|")),
        premium=_number(row, "premium_minor", place),
        window_days=_number(row, "purchase_window_days", place),
        insurer=_text(row, "insurer"),
        terms_url=_text(row, "terms_url"),
        ipid_url=_text(row, "ipid_url"),
        commission_bp=_number(row, "commission_bp", place) if (row.get("commission_bp") or "").strip() else 0,
    )
    if plan.price_from > plan.price_to:
        raise SettingsError(f"{place}: price_from_minor {plan.price_from} is above price_to_minor {plan.price_to}")
    if used_up(plan.category):
        raise SettingsError(f"{place}: category {plan.category!r} is used up or worn; there is nothing to protect")
    for name in ("terms_url", "ipid_url"):
        if not web_url(getattr(plan, name)):
            raise SettingsError(f"{place}: {name} is {getattr(plan, name)!r}; expected a link beginning with https://")
    if plan.term_months < 1 or plan.premium * 12 / plan.term_months > MOST_PREMIUM_A_YEAR:
        raise SettingsError(
            f"{place}: {plan.premium} for {plan.term_months} months is more than 600 € a year, which takes a licence "
            "of the seller (§ 34d (8) GewO)"
        )
    if "extended_warranty" in plan.coverage and plan.term_months <= WARRANTY_MONTHS:
        raise SettingsError(
            f"{place}: an extended warranty of {plan.term_months} months adds nothing to the {WARRANTY_MONTHS} of law"
        )
    return plan


def _text(row: dict[str, str | None], name: str) -> str:
    return (row.get(name) or "").strip()


def _number(row: dict[str, str | None], name: str, place: str) -> int:
    text = _text(row, name)
    if not text.isdecimal():
        raise SettingsError(f"{place}: {name} is {text!r}; expected a whole number")
    return int(text)


def _words(path: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in path.split(">"))

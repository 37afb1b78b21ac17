"""The benefits file: the shop's offers in a neutral schema, checked. TOML; see docs/benefits.md."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

from models.errors import SettingsError
from models.settings import read_section, read_toml, unknown_key
from recsvc.i18n import LANGUAGES
from recsvc.offers.benefits.plans import Plan, load_plans
from recsvc.offers.campaign.sections import NAME, require_one_line
from recsvc.offers.links import web_url

Kind = Literal["percent", "amount", "points", "free_shipping", "gift", "loyalty", "protection_plan"]
WHOLE = 10_000  # basis points
SECTIONS = ("benefits", "loyalty", "shop")


@dataclass(frozen=True, kw_only=True)
class Eligibility:
    """[benefits.eligibility]: who may have it. Categories are those of the items that it applies to."""

    segments: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    include_categories: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    min_days_since_order: int = 0
    min_points: int = 0
    first_order_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Cost:
    """[benefits.cost]: what a redeemed one costs where its value does not say, and what giving one costs at once."""

    expected_unit_minor: int = 0
    fixed_minor: int = 0

    def __post_init__(self) -> None:
        if min(self.expected_unit_minor, self.fixed_minor) < 0:
            raise ValueError("expected_unit_minor and fixed_minor must not be negative")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """[benefits.stack]: an exclusive benefit stands alone; of one group only one is given, unless they name each other
    in `combines_with`. Of equal profit, the higher priority wins."""

    exclusive: bool = True
    group: str = ""
    priority: int = 0
    combines_with: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Benefit:
    """One of [[benefits]]. `value` is basis points of a percent, minor units of an amount, or points.

    `uplift` is by how much the benefit is expected to raise the probability of a purchase, as a share of it (0.2: from
    10 % to 12 %); measure it against a holdout. `text` is one text, or one a language.
    """

    id: str
    kind: Kind
    value: int = 0
    currency: str = ""
    status: Literal["draft", "active", "paused", "ended"] = "active"
    name: str = ""
    text: str | dict[str, str] = ""
    conditions: str | dict[str, str] = ""
    conditions_url: str = ""
    max_discount_minor: int = 0
    min_basket_minor: int = 0
    valid_from: date | None = None
    valid_until: date | None = None
    cap_per_customer: int = 0
    cap_total: int = 0
    budget_minor: int = 0
    uplift: float = 0.0
    code_mode: Literal["none", "shared", "unique_per_customer"] = "none"
    code: str = ""
    audience: Literal["individual", "public"] = "individual"
    funding: Literal["shop", "partner"] = "shop"
    plans: str = ""
    eligibility: Eligibility = field(default_factory=Eligibility)
    cost: Cost = field(default_factory=Cost)
    stack: Stack = field(default_factory=Stack)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.id):
            raise ValueError(f"id is {self.id!r}; expected up to 64 letters, digits, '-' and '_'")
        for key in ("max_discount_minor", "min_basket_minor", "cap_per_customer", "cap_total", "budget_minor"):
            if getattr(self, key) < 0:
                raise ValueError(f"{key} is {getattr(self, key)}; expected 0 (none) or more")
        self._check_value()
        if not 0 <= self.uplift <= 10:
            raise ValueError(f"uplift is {self.uplift}; expected 0 to 10, such as 0.2 for a fifth more purchases")
        if self.code_mode == "shared" and not self.code:
            raise ValueError("code is missing; with code_mode = 'shared' everybody gets this one")
        if self.code and self.code_mode != "shared":
            raise ValueError(f"code is {self.code!r}, which code_mode = '{self.code_mode}' does not use")
        require_one_line(self, "code")
        if self.conditions_url and not web_url(self.conditions_url):
            raise ValueError(f"conditions_url is {self.conditions_url!r}; expected a link that begins with https://")
        if self.kind != "points" and not self.conditions_url and self.kind != "loyalty":
            raise ValueError("conditions_url is missing; the conditions of an offer must be easy to find")
        for key in ("text", "conditions"):
            self._check_words(key)
        start, end = moment(self.valid_from), moment(self.valid_until)
        if start is not None and end is not None and start >= end:
            raise ValueError(f"valid_until is {self.valid_until}, which is not after valid_from")

    def _check_value(self) -> None:
        if self.kind == "percent" and not 0 < self.value <= WHOLE:
            raise ValueError(f"value is {self.value}; expected 1 to {WHOLE} basis points, 1000 for 10 %")
        if self.kind in ("amount", "points") and self.value <= 0:
            unit = "minor units, 500 for 5 €" if self.kind == "amount" else "points"
            raise ValueError(f"value is {self.value}; expected {unit}")
        if self.kind == "amount" and not (len(self.currency) == 3 and self.currency.isupper()):
            raise ValueError(f"currency is {self.currency!r}; an amount needs one, such as EUR")
        if (self.kind == "protection_plan") != bool(self.plans):
            raise ValueError("plans names the CSV file of a protection_plan; it is needed there and nowhere else")

    def _check_words(self, key: str) -> None:
        texts = getattr(self, key)
        if isinstance(texts, dict):
            for language in texts:
                if language not in LANGUAGES:
                    raise ValueError(f"{key} has {language!r}; there are texts for {', '.join(sorted(LANGUAGES))}")
        for text in texts.values() if isinstance(texts, dict) else (texts,):
            if not isinstance(text, str) or "\n" in text or "\r" in text:
                raise ValueError(f"{key} is {text!r}; expected text on one line")

    def running(self, now: datetime) -> bool:
        """Whether it is active and valid at `now`; the last moment is outside."""
        start, end = moment(self.valid_from), moment(self.valid_until)
        return self.status == "active" and (start is None or start <= now) and (end is None or now < end)


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One of [[loyalty.tiers]]: who has `from_points` or more is of it."""

    name: str
    from_points: int


@dataclass(frozen=True, kw_only=True)
class Loyalty:
    """[loyalty]: what a point is worth to the customer, in minor units, and which share of points is never redeemed."""

    point_value_minor: float = 1.0
    breakage: float = 0.0
    tiers: tuple[Tier, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.breakage < 1 or self.point_value_minor < 0:
            raise ValueError("breakage is a share from 0 to below 1, and point_value_minor not negative")
        steps = [tier.from_points for tier in self.tiers]
        if steps != sorted(set(steps)):
            raise ValueError("tiers must be given from the lowest to the highest from_points, each once")

    def next_tier(self, points: int) -> Tier | None:
        """The lowest tier above so many points."""
        return next((tier for tier in self.tiers if tier.from_points > points), None)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """[shop]: the share of the price that stays as `margin`, for items whose feed gives no cost_of_goods_sold, and the
    probability that a reader buys an item whose list knows none: a stranger's, or one without a profile."""

    margin: float = 0.3
    base_probability: float = 0.0

    def __post_init__(self) -> None:
        for key in ("margin", "base_probability"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"{key} is {getattr(self, key)}; expected a share from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class BenefitFile:
    """A checked benefits file; `plans` by benefit id."""

    benefits: tuple[Benefit, ...]
    loyalty: Loyalty = field(default_factory=Loyalty)
    shop: Shop = field(default_factory=Shop)
    plans: Mapping[str, tuple[Plan, ...]] = field(default_factory=dict)

    def choose(self, ids: tuple[str, ...], key: str) -> tuple[Benefit, ...]:
        """The benefits of these ids, all where there are none. Raises SettingsError naming `key`."""
        by_id = {benefit.id: benefit for benefit in self.benefits}
        for wanted in ids:
            if wanted not in by_id:
                near = difflib.get_close_matches(wanted, by_id, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(by_id)}"
                raise SettingsError(f"{key} has {wanted!r}, which is not in the benefits file; {hint}")
        return tuple(by_id[wanted] for wanted in ids) if ids else self.benefits


def load_benefits(path: Path) -> BenefitFile:
    """Read and check a benefits file and its plans; raises SettingsError naming file, section, key and remedy."""
    tables = read_toml(path)
    try:
        return _file(tables, path.parent)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def _file(tables: dict[str, Any], folder: Path) -> BenefitFile:
    for key in tables:
        if key not in SECTIONS:
            raise SettingsError(unknown_key(key, SECTIONS, "the file"))
    listed = tables.get("benefits")
    if not isinstance(listed, list) or not listed or not all(isinstance(table, dict) for table in listed):
        raise SettingsError("there is no [[benefits]]; a benefits file needs at least one, with id and kind")
    benefits = tuple(_benefit(dict(table), number) for number, table in enumerate(listed, 1))
    ids = [benefit.id for benefit in benefits]
    for number, benefit in enumerate(benefits):
        if benefit.id in ids[:number]:
            raise SettingsError(f"[benefits, number {number + 1}]: id {benefit.id!r} is taken by an earlier one")
        for other in benefit.stack.combines_with:
            if other not in ids:
                raise SettingsError(f"[benefits {benefit.id}.stack]: combines_with has {other!r}, which there is not")
    loyalty = dict(_table(tables, "loyalty"))
    tiers = loyalty.pop("tiers", [])
    if not isinstance(tiers, list):
        raise SettingsError(f"loyalty.tiers is {tiers!r}; expected a list, each entry as [[loyalty.tiers]]")
    steps = tuple(read_section(Tier, tier, "loyalty.tiers") for tier in tiers)
    return BenefitFile(
        benefits=benefits,
        loyalty=read_section(Loyalty, {**loyalty, **({"tiers": list(steps)} if steps else {})}, "loyalty"),
        shop=read_section(Shop, _table(tables, "shop"), "shop"),
        plans={benefit.id: load_plans(folder / benefit.plans) for benefit in benefits if benefit.plans},
    )


def _benefit(table: dict[str, Any], number: int) -> Benefit:
    place = f"benefits {table['id']}" if isinstance(table.get("id"), str) else f"benefits, number {number}"
    for key, section in (("eligibility", Eligibility), ("cost", Cost), ("stack", Stack)):
        if key in table:
            if not isinstance(table[key], dict):
                raise SettingsError(f"{key} of [{place}] is {table[key]!r}; expected a table")
            table[key] = read_section(section, table[key], f"{place}.{key}")
    return read_section(Benefit, table, place)


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{name} is {table!r}; expected a table, written as [{name}]")
    return table


def moment(when: date | None) -> datetime | None:
    """A date is its first moment in UTC, as is a time without a zone."""
    if when is None:
        return None
    at = when if isinstance(when, datetime) else datetime.combine(when, time(0))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

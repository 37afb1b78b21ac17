"""The sections of a campaign file that say who is written to, when, and how often."""

import difflib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recsvc.i18n import translator
from recsvc.offers.campaign.sections import require_language, require_one_line
from recsvc.offers.lifecycle import STAGES

ALL = "all"
MOST_DAYS = 36_500


@dataclass(frozen=True, kw_only=True)
class AudienceRules:
    """[audience]: who gets the mail, of those who agreed to mail. `customers` is 'all' or a CSV file of ids.

    Every rule narrows. `bought` and `not_bought` are item ids, `…_categories` category paths or words of them, both
    looked for in the last `bought_within_days` (0: ever). A customer has an `affinity` to a category when at least
    `affinity_share` of what they bought is of it.
    """

    customers: str = ALL
    locale: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    segment: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    bought: tuple[str, ...] = ()
    not_bought: tuple[str, ...] = ()
    bought_categories: tuple[str, ...] = ()
    not_bought_categories: tuple[str, ...] = ()
    bought_within_days: int = 0
    affinity: tuple[str, ...] = ()
    affinity_share: float = 0.2
    min_days_since_order: int | None = None
    max_days_since_order: int | None = None

    def __post_init__(self) -> None:
        for locale in self.locale:
            require_language(locale, "locale")
        for stage in self.stage:
            if stage not in STAGES:
                near = difflib.get_close_matches(stage, STAGES, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"expected some of {', '.join(STAGES)}"
                raise ValueError(f"stage has {stage!r}; {hint}")
        for key in ("bought_within_days", "min_days_since_order", "max_days_since_order"):
            days = getattr(self, key)
            if days is not None and not 0 <= days <= MOST_DAYS:
                raise ValueError(f"{key} is {days}; expected 0 to {MOST_DAYS} days")
        first, last = self.min_days_since_order, self.max_days_since_order
        if first is not None and last is not None and first > last:
            raise ValueError(f"min_days_since_order is {first} and max_days_since_order {last}; nobody is in between")
        if not 0 < self.affinity_share <= 1:
            raise ValueError(f"affinity_share is {self.affinity_share}; expected a share above 0 and up to 1")

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(translator(locale).language for locale in self.locale)

    @property
    def by_purchases(self) -> bool:
        """Whether a rule asks what customers bought and when."""
        days = self.min_days_since_order is not None or self.max_days_since_order is not None
        bought = self.bought or self.not_bought or self.bought_categories or self.not_bought_categories
        return bool(self.stage or bought or self.affinity or days)


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """[holdout]: the `share` of the audience, 0 to 0.9, that gets nothing, so that the campaign's effect can be seen.

    The same people for the same campaign, always; `salt` draws others.
    """

    share: float = 0.0
    salt: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 0.9:
            raise ValueError(f"share is {self.share}; expected 0 to 0.9, such as 0.1 for one in ten")
        require_one_line(self, "salt")


@dataclass(frozen=True, kw_only=True)
class BenefitChoice:
    """[benefit]: from the benefits of `file` those named in `choose` (all where it is empty), up to `most` a mail, each
    expected to earn more than `threshold_minor`. Who gets none of them gets the `fallback`, where there is one."""

    file: str = ""
    choose: tuple[str, ...] = ()
    fallback: str = ""
    most: int = 1
    threshold_minor: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.most <= 3:
            raise ValueError(f"most is {self.most}; expected 1 to 3 benefits a mail")
        if not self.file and (self.choose or self.fallback):
            raise ValueError("file is missing; it names the TOML file of the benefits")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """[limits]: `distinct` slots share no item; what the last `not_in_last_mails` mails showed is not shown again.

    Nobody gets more than `most_mails` mails (0: no limit) from all campaigns `within_days`.
    """

    distinct: bool = True
    not_in_last_mails: int = 0
    most_mails: int = 0
    within_days: int = 7

    def __post_init__(self) -> None:
        for key, most in (("not_in_last_mails", 20), ("most_mails", 1000)):
            if not 0 <= getattr(self, key) <= most:
                raise ValueError(f"{key} is {getattr(self, key)}; expected 0 to {most}")
        if not 1 <= self.within_days <= MOST_DAYS:
            raise ValueError(f"within_days is {self.within_days}; expected 1 to {MOST_DAYS}")

    def since(self, now: datetime) -> datetime:
        """From when on mails count."""
        return now - timedelta(days=self.within_days)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """[schedule]: mails go out from `start` until before `end`, between the hours of a day in `zone`."""

    start: date | None = None
    end: date | None = None
    from_hour: time = time(0)
    to_hour: time = time(0)
    zone: str = "Europe/Berlin"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"zone is {self.zone!r}; expected a name such as Europe/Berlin") from None
        start, end = self._moment(self.start), self._moment(self.end)
        if start is not None and end is not None and start >= end:
            raise ValueError(f"end is {self.end}, which is not after the start {self.start}")

    def closed(self, now: datetime) -> str | None:
        """Why nothing may be sent at `now`, None where it may; an end is a moment that is outside already."""
        start, end = self._moment(self.start), self._moment(self.end)
        if start is not None and now < start:
            return f"the campaign starts on {start.isoformat()}"
        if end is not None and now >= end:
            return f"the campaign ended on {end.isoformat()}"
        hour = now.astimezone(ZoneInfo(self.zone)).time()
        if self.from_hour == self.to_hour:
            return None
        if self.from_hour < self.to_hour:
            inside = self.from_hour <= hour < self.to_hour
        else:
            inside = hour >= self.from_hour or hour < self.to_hour
        return None if inside else f"mails go out from {self.from_hour:%H:%M} to {self.to_hour:%H:%M} ({self.zone})"

    def _moment(self, when: date | None) -> datetime | None:
        if when is None:
            return None
        moment = when if isinstance(when, datetime) else datetime.combine(when, time(0))
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.zone))).astimezone(UTC)

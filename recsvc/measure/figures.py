"""The figures: of lists by placement and model, of campaigns and of experiments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from recsvc.measure.comparing import Amounts, Shares
from recsvc.measure.interval import Interval


@dataclass(frozen=True, kw_only=True)
class ListFigures:
    """What lists of one kind brought: `name` of a placement, model or campaign. `shown` and `clicked` count lists, each
    visitor's once; `rate` is unknown where no impressions were told. What is credited is a diagnosis, no proof."""

    name: str
    channel: str
    shown: int
    clicked: int
    rate: Interval
    orders: int
    revenue: float
    revenue_by_view: float
    new_share: float | None


@dataclass(frozen=True, kw_only=True)
class ArmFigures:
    """One arm: everybody assigned counts."""

    name: str
    assigned: int
    buyers: int
    conversion: Interval
    orders: int
    revenue_each: float
    margin_each: float | None
    new_share: float | None
    unsubscribed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One arm against the control. `margin` is None where margins are not known."""

    arm: str
    shares: Shares
    revenue: Amounts
    margin: Amounts | None


@dataclass(frozen=True, kw_only=True)
class SegmentFigures:
    """The comparison within one segment; '' holds those without."""

    name: str
    arms: tuple[ArmFigures, ...]
    shares: Shares


@dataclass(frozen=True, kw_only=True)
class Payback:
    """What a campaign cost and what it brought beyond what its readers would have bought anyway, in currency units.
    `roi` is (incremental margin − cost) / cost, None where it cost nothing."""

    mails: float
    benefits: float
    tool: float
    incremental_revenue: Interval
    incremental_margin: Interval | None
    roi: Interval | None

    @property
    def cost(self) -> float:
        return self.mails + self.benefits + self.tool


@dataclass(frozen=True, kw_only=True)
class TestFigures:
    """A campaign against its holdout, or an experiment's arms against its control.

    `running` while outcomes still count: its intervals hold at every look. `sample_ratio` is the p-value of the arms'
    sizes, None where their shares are not known; `broken` says that no figure can be believed. `crossed` visitors met
    several arms and count for the first.
    """

    __test__ = False  # no test of pytest's

    name: str
    kind: str  # campaign or experiment
    first: datetime
    last: datetime
    until: datetime
    running: bool
    arms: tuple[ArmFigures, ...]
    comparisons: tuple[Comparison, ...]
    sample_ratio: float | None
    broken: bool
    segments: tuple[SegmentFigures, ...] = ()
    payback: Payback | None = None
    editions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    delivered: int = 0
    clickers: int = 0
    crossed: int = 0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All of it. `orders`, `revenue` and `credited` are of the last `days`; `credited` is the revenue of purchases that
    followed a click, `credited_by_view` of those that followed a look alone. `all_campaigns` compares everybody with
    those whom no campaign reaches, where there are such."""

    now: datetime
    days: int
    currency: str
    orders: int
    revenue: float
    credited: float
    credited_by_view: float
    placements: tuple[ListFigures, ...]
    models: tuple[ListFigures, ...]
    campaigns: tuple[TestFigures, ...]
    experiments: tuple[TestFigures, ...]
    notes: Mapping[str, int] = field(default_factory=dict)
    all_campaigns: TestFigures | None = None

    @property
    def tests(self) -> tuple[TestFigures, ...]:
        """Every comparison, that of all campaigns first."""
        overall = () if self.all_campaigns is None else (self.all_campaigns,)
        return (*overall, *self.campaigns, *self.experiments)

"""From a cohort and what its members brought to what can be said of its arms."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from recsvc.measure.checks import BROKEN_BELOW, sample_ratio
from recsvc.measure.cohort import CONTROL, MAILED, Cohort, Mailing
from recsvc.measure.comparing import compare_amounts, compare_shares
from recsvc.measure.figures import ArmFigures, Comparison, Payback, SegmentFigures, TestFigures
from recsvc.measure.outcomes import Outcomes
from recsvc.measure.proportions import normal_quantile, wilson
from recsvc.measure.sequential import anytime_quantile
from recsvc.measure.settings import MeasureSettings

# A segment with fewer members in an arm says nothing by itself.
SMALLEST_SEGMENT = 100
Chosen = NDArray[np.bool_]


def judge_experiment(
    cohort: Cohort, outcomes: Outcomes, *, shares: Sequence[float] | None, now: datetime
) -> TestFigures:
    """An experiment's arms against the first of them; `shares` are what the arms were promised, in their order."""
    return _judged("experiment", cohort, outcomes, shares=shares, now=now)


def judge_global(cohort: Cohort, outcomes: Outcomes, *, shares: Sequence[float], now: datetime) -> TestFigures:
    """All campaigns together against the customers whom none reaches; `shares` are those that were decided."""
    return _judged("campaign", cohort, outcomes, shares=shares, now=now)


def judge_mailing(
    mailing: Mailing, outcomes: Outcomes, settings: MeasureSettings, *, holdout: float | None, now: datetime
) -> TestFigures:
    """A campaign against its holdout, and what it paid back; `holdout` is the share that was to be held out."""
    shares = None if holdout is None or not 0 < holdout < 1 else (holdout, 1 - holdout)
    return _judged("campaign", mailing.cohort, outcomes, shares=shares, now=now, mailing=mailing, settings=settings)


def _judged(
    kind: str, cohort: Cohort, outcomes: Outcomes, *, shares: Sequence[float] | None, now: datetime,
    mailing: Mailing | None = None, settings: MeasureSettings | None = None,
) -> TestFigures:  # fmt: skip
    until = datetime.fromtimestamp(float(cohort.until.max()), UTC)
    running = now < until
    everybody = np.ones(len(cohort.subject), np.bool_)
    arms = arms_of(cohort, outcomes, everybody, running=running, unsubscribed=mailing.unsubscribed if mailing else None)
    comparisons = tuple(
        _compared(cohort, outcomes, everybody, arm, running=running) for arm in range(1, len(cohort.arms))
    )
    ratio = None
    if shares is not None and len(shares) == len(cohort.arms):
        ratio = sample_ratio([arm.assigned for arm in arms], shares)
    alone = cohort.arms[0] != CONTROL or not arms[0].assigned
    return TestFigures(
        name=cohort.name,
        kind=kind,
        first=datetime.fromtimestamp(float(cohort.since.min()), UTC),
        last=datetime.fromtimestamp(float(cohort.since.max()), UTC),
        until=until,
        running=running,
        arms=arms,
        comparisons=() if alone and kind == "campaign" else comparisons,
        sample_ratio=ratio,
        broken=ratio is not None and ratio < BROKEN_BELOW,
        segments=_segments(cohort, outcomes, running=running),
        payback=None if mailing is None or settings is None else _payback(mailing, outcomes, comparisons, settings),
        editions=mailing.editions if mailing else (),
        models=mailing.models if mailing else (),
        delivered=mailing.delivered if mailing else 0,
        clickers=mailing.clickers if mailing else 0,
        crossed=cohort.crossed,
    )


def arms_of(
    cohort: Cohort, outcomes: Outcomes, chosen: Chosen, *, running: bool, unsubscribed: tuple[int, ...] | None = None
) -> tuple[ArmFigures, ...]:
    """Each arm's figures over the `chosen` members."""
    z = anytime_quantile(max(int(outcomes.bought[chosen].sum()), 1)) if running else normal_quantile()
    found = []
    for number, name in enumerate(cohort.arms):
        of_arm = chosen & (cohort.arm == number)
        size, buyers = int(of_arm.sum()), int(outcomes.bought[of_arm].sum())
        lines = float(outcomes.lines[of_arm].sum())
        found.append(
            ArmFigures(
                name=name,
                assigned=size,
                buyers=buyers,
                conversion=wilson(buyers, size, z=z),
                orders=int(outcomes.orders[of_arm].sum()),
                revenue_each=float(outcomes.revenue[of_arm].mean()) if size else 0.0,
                margin_each=None if outcomes.margin is None or not size else float(outcomes.margin[of_arm].mean()),
                new_share=float(outcomes.new_lines[of_arm].sum()) / lines if lines else None,
                unsubscribed=None if unsubscribed is None else unsubscribed[number],
            )
        )
    return tuple(found)


def _compared(cohort: Cohort, outcomes: Outcomes, chosen: Chosen, arm: int, *, running: bool) -> Comparison:
    one, zero = chosen & (cohort.arm == arm), chosen & (cohort.arm == 0)
    hits = int(outcomes.bought[one].sum()), int(outcomes.bought[zero].sum())
    before = outcomes.earlier[one], outcomes.earlier[zero]
    margin = None
    if outcomes.margin is not None:
        margin = compare_amounts(
            outcomes.margin[one], outcomes.margin[zero], before=before, buyers=sum(hits), running=running
        )
    return Comparison(
        arm=cohort.arms[arm],
        shares=compare_shares(hits[0], int(one.sum()), hits[1], int(zero.sum()), running=running),
        revenue=compare_amounts(
            outcomes.revenue[one], outcomes.revenue[zero], before=before, buyers=sum(hits), running=running
        ),
        margin=margin,
    )


def _segments(cohort: Cohort, outcomes: Outcomes, *, running: bool) -> tuple[SegmentFigures, ...]:
    """Segments with enough members in each arm; of several arms the last against the control."""
    found = []
    if len(cohort.segments) < 2 or len(cohort.arms) < 2:
        return ()
    for number, name in enumerate(cohort.segments):
        chosen = cohort.segment == number
        arms = arms_of(cohort, outcomes, chosen, running=running)
        if min(arm.assigned for arm in arms) < SMALLEST_SEGMENT:
            continue
        last = len(cohort.arms) - 1
        compared = _compared(cohort, outcomes, chosen, last, running=running)
        found.append(SegmentFigures(name=name, arms=arms, shares=compared.shares))
    return tuple(found)


def _payback(
    mailing: Mailing, outcomes: Outcomes, comparisons: tuple[Comparison, ...], settings: MeasureSettings
) -> Payback | None:
    """Costs in full: a benefit counts as redeemed by every reader who bought."""
    if not comparisons or not mailing.cohort.size(0):
        return None
    treated = mailing.cohort.size(mailing.cohort.arms.index(MAILED))
    mails = mailing.delivered * settings.cost_per_mail
    benefits = float(mailing.benefit_cost[outcomes.bought].sum())
    cost = mails + benefits + settings.tool_fee
    compared = comparisons[0]
    margin = None if compared.margin is None else compared.margin.difference.scaled(treated)
    return Payback(
        mails=mails,
        benefits=benefits,
        tool=settings.tool_fee,
        incremental_revenue=compared.revenue.difference.scaled(treated),
        incremental_margin=margin,
        roi=margin.scaled(1 / cost, -1.0) if margin is not None and cost > 0 else None,
    )

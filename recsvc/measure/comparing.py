"""One arm against the control: differences with intervals, and in one word what they mean."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, isfinite, nan

from recsvc.measure.interval import Interval
from recsvc.measure.means import Sample, Values, less_noise, ratio, welch, winsorised
from recsvc.measure.proportions import newcombe, normal_quantile, recipients_needed, smallest_effect, wilson
from recsvc.measure.sequential import FEWEST_BUYERS, anytime_quantile

# What is worth knowing: a tenth more than without.
WORTH_KNOWING = 0.1


class Verdict(StrEnum):
    """What a comparison says."""

    WORKS = "works"
    HARMS = "harms"
    NO_DIFFERENCE = "no difference"  # the interval leaves out all that is worth knowing
    NOT_ENOUGH = "not enough data"


@dataclass(frozen=True, slots=True)
class Shares:
    """Two conversion rates. `smallest` is the smallest true difference that these sizes can show, `more` how many
    recipients are missing before a tenth more is seen or ruled out, 0 when there are enough."""

    treated: Interval
    control: Interval
    difference: Interval
    relative: Interval
    smallest: float
    more: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Amounts:
    """Two means, such as revenue a recipient. `calmed` is the share of variance that earlier spend explained away."""

    treated: float
    control: float
    difference: Interval
    relative: Interval
    smallest: float
    calmed: float


def compare_shares(treated_hits: int, treated: int, control_hits: int, control: int, *, running: bool) -> Shares:
    """Conversion rates; while a test is `running` the intervals hold at every look (recsvc.measure.sequential)."""
    hits, everybody = treated_hits + control_hits, treated + control
    z = anytime_quantile(max(hits, 1)) if running else normal_quantile()
    difference = newcombe(treated_hits, treated, control_hits, control, z=z)
    pooled = max(hits, 1) / everybody if everybody else nan
    if not treated or not control:
        nothing = Interval(nan)
        one, zero = wilson(treated_hits, treated, z=z), wilson(control_hits, control, z=z)
        return Shares(one, zero, nothing, nothing, nan, 0, Verdict.NOT_ENOUGH)
    base = control_hits / control or pooled
    needed = recipients_needed(base * (1 - base), WORTH_KNOWING * base, treated / everybody) if base < 1 else 0
    too_few = min(treated_hits, control_hits) < FEWEST_BUYERS
    if too_few:
        # So many recipients that the smaller side can be expected to have enough buyers.
        needed = max(needed, everybody + ceil((FEWEST_BUYERS - min(treated_hits, control_hits)) / pooled))
    more = max(needed - everybody, 0)
    verdict = Verdict.NOT_ENOUGH if too_few else _verdict(difference, WORTH_KNOWING * base)
    if verdict is Verdict.NOT_ENOUGH:
        # As many as narrow the interval until it leaves out either nothing or a tenth more.
        half, gain = (difference.high - difference.low) / 2, abs(difference.value)
        more = max(more, ceil(everybody * ((half / max(gain, abs(WORTH_KNOWING * base - gain))) ** 2 - 1)), 1)
    return Shares(
        wilson(treated_hits, treated, z=z),
        wilson(control_hits, control, z=z),
        difference,
        ratio(_share(treated_hits, treated), _share(control_hits, control), z),
        smallest_effect(base * (1 - base), treated, control),
        more,
        verdict,
    )


def compare_amounts(
    treated: Values, control: Values, *, before: tuple[Values, Values] | None = None, buyers: int, running: bool
) -> Amounts:
    """Means of what each customer brought, 0 for those who bought nothing; `before` is their earlier spend.

    Outcomes are cut at the 99.9 % quantile of both arms; the means are shown as they are.
    """
    z = anytime_quantile(max(buyers, 1)) if running else None
    arms, calmed = winsorised([treated, control]), 0.0
    if before is not None:
        arms, calmed = less_noise(arms, winsorised(list(before)))
    one, zero = Sample.of(arms[0]), Sample.of(arms[1])
    known = one.n > 1 and zero.n > 1
    variance = (one.variance * one.n + zero.variance * zero.n) / (one.n + zero.n) if known else nan
    return Amounts(
        float(treated.mean()) if len(treated) else nan,
        float(control.mean()) if len(control) else nan,
        welch(one, zero, z=z),
        ratio(one, zero, z or normal_quantile()),
        smallest_effect(variance, one.n, zero.n) if known and isfinite(variance) else nan,
        calmed,
    )


def _share(hits: int, trials: int) -> Sample:
    share = hits / trials
    return Sample(trials, share, share * (1 - share) * trials / max(trials - 1, 1))


def _verdict(difference: Interval, worth_knowing: float) -> Verdict:
    if difference.low > 0:
        return Verdict.WORKS
    if difference.high < 0:
        return Verdict.HARMS
    within = -worth_knowing < difference.low and difference.high < worth_knowing
    return Verdict.NO_DIFFERENCE if within else Verdict.NOT_ENOUGH

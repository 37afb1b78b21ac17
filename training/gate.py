"""The gate: whether a new model may take the published one's place, and why not.

Measured on the freshest label window, by the ndcg@10 of each judge, with intervals from the bootstrap over customers:

- *level*: what the challenger's own lists reach, and how many times what popular items reach (*lift*). A file in which
  customers are mixed up still trains and still beats its own baselines, yet a past foresees nothing any more: level and
  lift collapse together. A season moves one of them, rarely both.
- *against the champion*: both recipes on the same window (training/champion.py), paired by customer.

That the challenger is no worse than the best single signal holds by construction: a ranker that does not beat it is
left out, and the signal orders the lists.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Manifest
from training.champion import Beside
from training.evaluate.intervals import Interval, intervals, relative_gain, resampled_means
from training.gate_settings import GateSettings
from training.judging import Judgement

POPULAR = "sales_short"
DECIDING = "home"
SEED = 1


@dataclass(frozen=True, kw_only=True)
class Level:
    """ndcg@10 of one scenario's lists in the freshest window, and how many times popular items' it is (None: those
    found nothing)."""

    ndcg: Interval
    lift: Interval | None
    customers: int

    @classmethod
    def of(cls, judgement: Judgement) -> "Level | None":
        """None where nobody could be judged."""
        if not judgement.customers:
            return None
        gain = judgement.gains[judgement.served]
        popular = judgement.gains[POPULAR]
        ratio = relative(gain, popular)
        lift = None
        if ratio is not None:
            lift = Interval(mean=ratio.mean + 1, low=ratio.low + 1, high=ratio.high + 1)
        ndcg = intervals(gain[:, None], np.random.default_rng(SEED))[0]
        return cls(ndcg=ndcg, lift=lift, customers=judgement.customers)

    @classmethod
    def recorded(cls, manifest: Manifest, scenario: str) -> "Level | None":
        """What a bundle recorded of itself; of one that was trained before there was a gate, the mean alone."""
        known = manifest.metrics.get("gate", {}).get(scenario, {}).get("level")
        if known:
            lift = Interval(**known["lift"]) if known["lift"] else None
            return cls(ndcg=Interval(**known["ndcg"]), lift=lift, customers=known["customers"])
        mean = manifest.ndcg(scenario)
        if mean is None:
            return None
        customers = manifest.metrics["backtest"][scenario]["customers"]
        return cls(ndcg=Interval(mean=mean, low=mean, high=mean), lift=None, customers=customers)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`reasons` for keeping a model from customers, none if it may be published; `facts`: every figure, for the
    manifest."""

    reasons: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def reason(self) -> str:
        return "; ".join(self.reasons)

    def as_dict(self, *, forced: bool) -> dict[str, Any]:
        """For the manifest."""
        return {"passed": self.passed, "forced": forced, "reasons": list(self.reasons), **self.facts}


def relative(gain: NDArray[np.float64], base: NDArray[np.float64]) -> Interval | None:
    """mean / base − 1 over the judges of both, paired; None where the base found nothing."""
    both = np.stack([gain, base], axis=1)
    both = both[np.isfinite(both).all(axis=1)]
    if not len(both) or not both[:, 1].any():
        return None
    drawn = resampled_means(both, np.random.default_rng(SEED))
    found = relative_gain(float(both[:, 0].mean()), float(both[:, 1].mean()), drawn[:, 0], drawn[:, 1])
    return found if math.isfinite(found.low) else None


def judge(
    judgements: Mapping[str, Judgement],
    beside: Beside | None,
    champion: Manifest | None,
    counts: Mapping[str, int],
    settings: GateSettings,
) -> Verdict:
    """Whether the model with these `judgements` and `counts` may follow `champion` (None: nothing is published)."""
    facts: dict[str, Any] = {"champion": champion.version if champion else None}
    if beside is not None:
        facts |= {"compared": beside.how, "champion_saw_the_window": beside.saw_the_window}
    levels = {name: Level.of(judgement) for name, judgement in judgements.items()}
    against: dict[str, Interval] = {}
    for name, judgement in judgements.items():
        level = levels[name]
        facts[name] = {"served": judgement.served, "level": asdict(level) if level else None}
        if beside is not None and name in beside.gains:
            facts[name]["champion_ndcg"] = _mean(beside.gains[name])
            found = relative(judgement.gains[judgement.served], beside.gains[name])
            if found is not None:
                against[name] = found
                facts[name]["against_champion"] = asdict(found)
    if champion is None:
        return Verdict(facts=facts)
    reasons = [
        *lost(counts, champion, settings),
        *collapsed(levels.get(DECIDING), champion, settings),
        *_worse(against.get(DECIDING), champion, settings),
    ]
    return Verdict(reasons=tuple(reasons), facts=facts)


def lost(counts: Mapping[str, int], champion: Manifest, settings: GateSettings) -> list[str]:
    """What the purchases and the catalogue lost since the champion's training, beyond what is allowed."""
    allowed = {"items": settings.items_lost, "customers": settings.rows_lost, "lines": settings.rows_lost}
    words = {"items": "items of the catalogue", "customers": "customers", "lines": "lines of purchases"}
    return [
        f"{counts[name]:,} {words[name]}, {1 - counts[name] / before:.0%} fewer than the {before:,} of the published "
        f"{champion.version} ({_key(name)} allows {share:.0%}): is this a part of the data?"
        for name, share in allowed.items()
        if (before := champion.counts.get(name, 0)) and counts[name] < (1 - share) * before
    ]


def _key(name: str) -> str:
    return f"[gate] {'items' if name == 'items' else 'rows'}_lost"


def collapsed(level: Level | None, champion: Manifest, settings: GateSettings) -> list[str]:
    """Whether lists reach so much less than the champion's did that the data must be wrong."""
    before = Level.recorded(champion, DECIDING)
    if before is None:
        return []
    if level is None:
        return [f"no customer could be judged, while {before.customers:,} judged the published {champion.version}"]
    if not fell(level.ndcg, before.ndcg, settings.collapse):
        return []
    if level.lift and before.lift and not fell(level.lift, before.lift, settings.collapse):
        return []
    reason = (
        f"home ndcg@10 is {_shown(level.ndcg)} in its last weeks, against {_shown(before.ndcg)} of the published "
        f"{champion.version} in its own ([gate] collapse allows {settings.collapse:.0%} less): what customers bought "
        "no longer foresees what they buy; are customer ids or dates mixed up?"
    )
    return [reason]


def _worse(found: Interval | None, champion: Manifest, settings: GateSettings) -> list[str]:
    # Worse by more than the tolerance, and not by the chance of who was judged.
    if found is None or found.mean >= -settings.tolerance or found.high >= 0:
        return []
    reason = (
        f"home ndcg@10 is {-found.mean:.1%} ({-found.high:.1%} to {-found.low:.1%}) below that of the published "
        f"{champion.version} for the same customers and weeks ([gate] tolerance allows {settings.tolerance:.1%})"
    )
    return [reason]


def fell(now: Interval, before: Interval, share: float) -> bool:
    """Whether it is more than `share` below what it was, and the intervals do not touch."""
    return now.mean < (1 - share) * before.mean and now.high < before.low


def _mean(gain: NDArray[np.float64]) -> float | None:
    known = gain[np.isfinite(gain)]
    return float(known.mean()) if len(known) else None


def _shown(interval: Interval) -> str:
    return f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"

"""What a model that no customer has seen would have brought, from the lists of exploring arms.

There each place of a list held each of `pool` items with the same chance. Where the new model would have put the very
item that was shown at the very place, what became of it counts `pool` times (inverse propensity scores, clipped, and
normalised by their sum: Swaminathan and Joachims 2015). Assumed is that whether an item is clicked depends on the
customer, the item and its place, not on its neighbours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import nan, sqrt
from pathlib import Path

import numpy as np
import orjson
import sqlalchemy as sa
from numpy.typing import NDArray

from models.scenarios import SCENARIOS
from models.strings import hash_id
from recsvc.engine import Engine, Query
from recsvc.experiments import POOL
from recsvc.http.signing import Recommendation, Signer
from recsvc.measure.interval import Interval
from recsvc.measure.proportions import normal_quantile
from recsvc.placements import Placement, read_placements, shaped
from recsvc.state.live_events import events

# Other scenarios answer to items that a list's id does not hold.
PERSONAL = ("home", "discover", "again", "popular")
CLIP = 50.0
FEWEST_CLICKS, SMALLEST_SAMPLE = 25, 100.0
LEAST_COVERED = 0.9
Values = NDArray[np.float64]


def _(message: str) -> str:
    """Marks a text for translation."""
    return message


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One list that a customer saw: hashes of its items, those clicked, and the number of items that each place was
    drawn from; 0 where nothing was drawn."""

    customer_id: str
    says: Recommendation
    clicked: frozenset[int]
    pool: int


@dataclass(frozen=True, kw_only=True)
class Lookahead:
    """Clicks a list of one experiment's page: of the lists that were live, and of the `model` had it been asked.

    `lists` were explored; `effective` is the sample size that its weights are worth, `clipped` the share of them that
    was cut. `covered` is the share of the model's places that exploring could have shown. `unknown` says why nothing
    can be said, '' where something can.
    """

    experiment: str
    model: str
    lists: int
    live: Interval
    would: Interval
    plain: float  # the same without normalising
    difference: Interval
    effective: float
    clipped: float
    covered: Interval
    unknown: str


def look_ahead(
    database: sa.Engine, engine: Engine, config: Path | None, *, now: datetime, days: int
) -> tuple[Lookahead, ...]:  # fmt: skip
    """One estimate for each experiment with an exploring arm, from lists shown after the model's last purchase: of
    earlier ones it knows what came of them."""
    last = datetime.fromisoformat(engine.manifest.window[1]).replace(tzinfo=UTC) + timedelta(days=1)
    with database.connect() as connection:
        shown = read_shown(connection, max(last, now - timedelta(days=days)))
    placements = read_placements(config)
    explored = {name for one in shown if one.pool for name in _experiments(one)}
    return tuple(
        estimate(name, [one for one in shown if name in _experiments(one)], engine, placements, now=now)
        for name in sorted(explored)
    )


def read_shown(connection: sa.Connection, since: datetime) -> list[Shown]:
    """Lists of known customers whose impression was told, in the order in which they came."""
    columns = events.c.type, events.c.customer_id, events.c["items"], events.c.recommendation_id
    told = events.c.type.in_(("impression", "click")), events.c.recommendation_id.is_not(None)
    query = sa.select(*columns).where(*told, events.c.customer_id.is_not(None), events.c.happened_at >= since)
    seen: dict[tuple[str, str], None] = {}
    clicks: dict[tuple[str, str], set[int]] = {}
    for kind, customer_id, items, text in connection.execute(query.order_by(events.c.seq)):
        place = customer_id, text
        if kind == "impression":
            seen.setdefault(place, None)
        else:
            clicks.setdefault(place, set()).update(hash_id(item["item_id"]) for item in orjson.loads(items))
    signer = Signer(b"", SCENARIOS)  # stored ids were checked when they came
    found = []
    for customer_id, text in seen:
        if Signer.origin(text):
            says = signer.unchecked(text)
            pool = next((int(size) for name, size in says.arms if name == POOL), 0)
            clicked = frozenset(clicks.get((customer_id, text), ()))
            found.append(Shown(customer_id=customer_id, says=says, clicked=clicked, pool=pool))
    return found


def estimate(
    experiment: str, shown: Sequence[Shown], engine: Engine, placements: Mapping[str, Placement], *, now: datetime
) -> Lookahead:  # fmt: skip
    """What the engine's lists would have brought where those `shown` were explored."""
    explored = [one for one in shown if one.pool and _asked(one, placements).scenario in PERSONAL]
    live = [one for one in shown if not one.pool]
    asked = {_same(one): _asked(one, placements) for one in explored}
    wanted = dict(zip(asked, engine.recommend_many(asked.values(), now=now), strict=True))
    customers = _Rows(one.customer_id for one in explored)
    value, weight, places = (np.zeros(len(explored)) for _ in range(3))
    weights: list[float] = []
    clicks = 0
    for row, one in enumerate(explored):
        places[row] = len(one.says.items)
        for item, would in zip(one.says.items, wanted[_same(one)].items, strict=False):
            if item == hash_id(would.product.item_id):
                counts = min(float(one.pool), CLIP)
                weights.append(float(one.pool))
                weight[row] += counts
                value[row] += counts * (item in one.clicked)
                clicks += item in one.clicked
    kept = np.minimum(np.array(weights), CLIP)
    each = float(places.mean()) if explored else nan
    would_bring = customers.ratio(value, weight).scaled(each) if weights else Interval(nan)
    covered = customers.ratio(weight, places) if explored else Interval(nan)
    others = _Rows(one.customer_id for one in live)
    brought = others.ratio(np.array([float(len(one.clicked)) for one in live]), np.ones(len(live)))
    effective = float(kept.sum() ** 2 / (kept**2).sum()) if len(kept) else 0.0
    clipped = float((np.array(weights) > CLIP).mean()) if weights else 0.0
    unknown = _unknown(len(explored), clicks, effective, covered)
    return Lookahead(
        experiment=experiment,
        model=engine.version,
        lists=len(explored),
        live=brought,
        would=would_bring if not unknown else Interval(nan),
        plain=float(value.sum() / len(explored)) if not unknown else nan,
        difference=_difference(would_bring, brought) if not unknown else Interval(nan),
        effective=effective,
        clipped=clipped,
        covered=covered,
        unknown=unknown,
    )


def _unknown(lists: int, clicks: int, effective: float, covered: Interval) -> str:
    if not lists:
        return _("no explored list since the model's last purchase")
    if covered.known and covered.high < LEAST_COVERED:
        return _("the model shows too much that explored lists could not show; explore more items")
    if clicks < FEWEST_CLICKS or effective < SMALLEST_SAMPLE:
        return _("too few explored lists agree with the model")
    return ""


class _Rows:
    """Rows by customer, whose lists resemble each other: the intervals count customers."""

    def __init__(self, customers: Iterable[str]) -> None:
        numbers: dict[str, int] = {}
        self._of = np.array([numbers.setdefault(name, len(numbers)) for name in customers], np.int64)
        self._size = len(numbers)

    def ratio(self, above: Values, below: Values) -> Interval:
        """Σ above / Σ below with its interval (linearised); unknown for fewer than two customers."""
        if self._size < 2 or not below.sum():
            return Interval(nan)
        one, other = (np.bincount(self._of, values, minlength=self._size) for values in (above, below))
        value = float(one.sum() / other.sum())
        spread = float(((one - value * other) ** 2).sum()) * self._size / (self._size - 1)
        half = normal_quantile() * sqrt(spread) / float(other.sum())
        return Interval(value, value - half, value + half)


def _difference(one: Interval, other: Interval) -> Interval:
    half = sqrt(((one.high - one.low) / 2) ** 2 + ((other.high - other.low) / 2) ** 2)
    value = one.value - other.value
    return Interval(value, value - half, value + half)


def _asked(one: Shown, placements: Mapping[str, Placement]) -> Query:
    """The question behind a list, as far as its id tells: whose it was, and what its placement says."""
    placement = placements.get(one.says.placement)
    wishes = {"scenario": one.says.scenario} if placement is None else shaped(placement)
    return Query(customer_id=one.customer_id, **{**wishes, "n": max(len(one.says.items), 1)})


def _same(one: Shown) -> tuple[str, str, str, int]:
    """What lists of the same question have in common."""
    return one.customer_id, one.says.placement, one.says.scenario, len(one.says.items)


def _experiments(one: Shown) -> list[str]:
    return [name for name, _ in one.says.arms if name != POOL]

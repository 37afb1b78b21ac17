"""Explains lists: runs the steps of the ranking again, for one query, and notes what each said of an item."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.features import Columns, features
from models.lists import Ranked
from models.ranker import Ranker
from models.ranking import Scored, keys
from models.recommender import Proposal
from models.scenarios import NEW_ONLY, OWNED_ONLY, RANKED_BY, SOURCES, SPREAD
from models.sources.neighbours import Neighbours
from models.spread import PLACE
from recsvc.engine.answering import Engine
from recsvc.engine.explanation import Carrier, Explanation, FeatureShare, Proposed, Ranking, Step
from recsvc.engine.query import Answer
from recsvc.engine.rules import rules_at
from recsvc.engine.stream import OWN, POPULAR

SHOWN_FEATURES = 8
SHOWN_CARRIERS = 5


def explain(engine: Engine, answer: Answer, items: Sequence[str], *, now: datetime) -> tuple[Explanation, ...]:
    """An explanation for each item id; `answer` is what `engine` answered at `now`."""
    case = _Case(engine, answer, now)
    return tuple(map(case.explain, items))


class _Case:
    """One answer, and what led to it."""

    def __init__(self, engine: Engine, answer: Answer, now: datetime) -> None:
        self.engine, self.answer, self.query, self.now = engine, answer, answer.query, now
        self.listed = {item.product.item_id: item for item in answer.items}
        scenario = self.query.scenario
        # A longer list begins with the shorter one: the longest there can be holds every item's rank.
        self.lists = engine.lists(scenario, [self.query], np.array([len(engine.catalogue)]), now)
        self.by_customer = scenario in RANKED_BY
        self.is_ranked = self.by_customer and bool(engine.can_rank(scenario, self.lists.queries)[0])
        self.ranker: Ranker | None = engine.recommender.rankers.get(RANKED_BY.get(scenario, ""))

    def explain(self, item_id: str) -> Explanation:
        found = self.engine.catalogue.items.find(item_id)
        shown = self.listed.get(item_id)
        place = place_of(found, self.lists.ranked)
        candidate = self._candidate(found)
        return Explanation(
            item_id=item_id,
            title=self.engine.catalogue.texts["title"][found] if found >= 0 else "",
            listed=shown is not None,
            rank=None if place is None else place + 1,
            score=self._score(found) if shown is None else shown.score,
            source=self._source(found) if shown is None else shown.source,
            reason=None if shown is None else shown.reason,
            removed_by=() if shown is not None else tuple(self._steps(item_id, found, place)),
            ordered_by=self._ordered_by(found),
            sources=self._proposed(found) if found >= 0 else (),
            ranking=None if candidate is None else self._ranking(candidate),
            carriers=self._carriers(found) if found >= 0 else (),
            model_version=self.engine.version,
        )

    # What keeps an item out.

    def _steps(self, item_id: str, found: int, place: int | None) -> list[Step]:
        if found < 0:
            return [Step(step="not_in_catalogue", detail="not in the catalogue")]
        steps = [Step(step=name, detail=self._unfit(name, found)) for name in self._unfit_at(found)]
        if item_id in self.query.exclude:
            steps.append(Step(step="excluded", detail="excluded by the request"))
        if found in self.lists.queries.cart_item:
            steps.append(Step(step="asked_about", detail="in the cart, or looked at just now"))
        scenario, bought = self.query.scenario, found in self._bought
        if scenario in NEW_ONLY and bought:
            steps.append(Step(step="bought_before", detail=f"bought before, and `{scenario}` lists only new items"))
        if place is not None:
            detail = f"ranked {ordinal(place + 1)}; the list ends at {len(self.answer.items)}"
            return [*steps, Step(step="ranked_below", detail=detail)]
        if scenario in OWNED_ONLY and not bought and not self._is_fallback:
            detail = f"never bought, and `{scenario}` lists only bought items"
            steps.append(Step(step="never_bought", detail=detail))
        return steps or [self._not_proposed()]

    def _not_proposed(self) -> Step:
        if self._is_fallback and not self.is_ranked and self.by_customer:
            detail = (
                "there is no history to rank by, and nobody bought it lately, so that it is not in `popular` either"
            )
            return Step(step="not_popular", detail=detail)
        return Step(step="not_proposed", detail="no source proposed it")

    def _unfit_at(self, found: int) -> list[str]:
        return self.engine.catalogue.unfit(found, rules_at(self.now))

    def _unfit(self, name: str, found: int) -> str:
        times = self.engine.catalogue.times
        return {
            "not_listed": "paused, or not in the product feed",
            "no_title": "without a title",
            "out_of_stock": "not in stock",
            "not_yet_available": f"not available before {_moment(times['available_from'][found])}",
            "expired": f"expired on {_moment(times['expires'][found])}",
        }[name]

    @property
    def _is_fallback(self) -> bool:
        return bool(self.lists.rows_of_stage(POPULAR))

    @cached_property
    def _bought(self) -> frozenset[int]:
        # Without what is in the cart: it counts as bought in the ranking, and is not.
        history = self.engine.recommender.histories.rows(self.lists.queries.customer)
        return frozenset(history.item.tolist())

    # What led to its place.

    @cached_property
    def _everything(self) -> Ranked:
        """The whole ranking, before any rule."""
        if self.by_customer and not self.is_ranked:
            return Ranked(Scored.empty(1), np.zeros(0, np.uint8))
        return self.engine.recommender.rank(self.lists.queries, self.query.scenario)

    def _score(self, found: int) -> float | None:
        for ranked in (self.lists.ranked, self._everything):
            place = place_of(found, ranked)
            if place is not None:
                return round(float(ranked.scored.score[place]), 6)
        return None

    def _source(self, found: int) -> str | None:
        for ranked in (self.lists.ranked, self._everything):
            place = place_of(found, ranked)
            if place is not None:
                return SOURCES[int(ranked.source[place])]
        return None

    def _ordered_by(self, found: int) -> str:
        place = place_of(found, self.lists.ranked)
        if place is not None and self.lists.stream.stage[place] != OWN:
            return "popular"
        if not self.by_customer:
            return self.query.scenario
        if not self.is_ranked:
            return "popular"
        if self._is_brought_forward(found):
            return "spread"
        ranked_by = RANKED_BY[self.query.scenario]
        return "ranker" if self.ranker is not None else self.engine.recommender.baselines[ranked_by]

    def _is_brought_forward(self, found: int) -> bool:
        customer = int(self.lists.queries.customer[0])
        spread = self.engine.recommender.spread
        if self.query.scenario not in SPREAD or spread.is_empty or customer < 0 or spread.item[customer] != found:
            return False
        return place_of(found, self._everything) == PLACE

    @cached_property
    def _first_stage(self) -> tuple[Candidates, list[Proposal], Columns]:
        recommender, queries = self.engine.recommender, self.lists.queries
        candidates, said = recommender.find(queries)
        columns = features(queries, candidates, recommender.statistics, said)
        return candidates, list(recommender.proposals(queries, said)), columns

    def _proposed(self, found: int) -> tuple[Proposed, ...]:
        if not self.is_ranked:
            return ()
        told = []
        for proposal in self._first_stage[1]:
            item, score = proposal.rows.indices, proposal.rows.data
            at = np.flatnonzero(item == found)
            if not len(at):
                continue
            own = score[at[0]]
            rank = 1 + int(np.count_nonzero((score > own) | ((score == own) & (item < found))))
            told.append(
                Proposed(
                    source=proposal.source,
                    signal=proposal.signal,
                    score=float(own),
                    rank=rank,
                    limit=proposal.limit,
                    proposed=rank <= proposal.limit,
                )
            )
        return tuple(sorted(told, key=lambda one: one.rank))

    def _candidate(self, found: int) -> int | None:
        """The item's place among the candidates, where trees rank it for this scenario."""
        if found < 0 or not self.is_ranked or self.ranker is None:
            return None
        if place_of(found, self._everything) is None:
            return None
        candidates = self._first_stage[0]
        return int(np.searchsorted(keys(candidates.row, candidates.item), found))

    def _ranking(self, candidate: int) -> Ranking:
        assert self.ranker is not None
        columns = self._first_stage[2]
        added = self.ranker.contributions(columns, np.array([candidate]))[0]
        *each, base = added.tolist()
        most = np.lexsort((np.arange(len(each)), -np.abs(added[:-1])))[:SHOWN_FEATURES].tolist()
        names = self.ranker.names
        shown = tuple(
            FeatureShare(name=names[at], value=_number(columns[names[at]], candidate), contribution=each[at])
            for at in most
        )
        others = sum(value for at, value in enumerate(each) if at not in most)
        return Ranking(raw=float(added.sum()), base=base, features=shown, others=others)

    def _carriers(self, found: int) -> tuple[Carrier, ...]:
        """The items whose neighbour it is; for a list that is about other items, the one of them that carries it."""
        queries, recommender = self.lists.queries, self.engine.recommender
        if self.by_customer:
            neighbours = recommender.sources["neighbours"]
            assert isinstance(neighbours, Neighbours)
            items, shares = neighbours.shares(queries, 0, found)
            pairs = zip(items[:SHOWN_CARRIERS].tolist(), shares[:SHOWN_CARRIERS].tolist(), strict=True)
            return tuple(self._carrier(item, share) for item, share in pairs)
        ranked = self._everything
        alone = ranked.where(ranked.scored.item == found)
        carried = recommender.carriers(queries, alone).tolist()
        return tuple(self._carrier(item, None) for item in carried if item >= 0)

    def _carrier(self, item: int, share: float | None) -> Carrier:
        catalogue = self.engine.catalogue
        return Carrier(item_id=catalogue.items[item], title=catalogue.texts["title"][item], share=share)


def place_of(item: int, ranked: Ranked) -> int | None:
    """Where an item is in the list of a single row."""
    places = np.flatnonzero(ranked.scored.item == item)
    return int(places[0]) if len(places) else None


def _number(column: NDArray[Any], at: int) -> float | None:
    value = float(column[at])
    return value if np.isfinite(value) else None


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "a day beyond the calendar"


def ordinal(number: int) -> str:
    """'1st', '2nd', '143rd', '11th'."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"

"""Answers that no stored list gives, kept while nothing that they depend on can change: the same page asks again and
again."""

from bisect import bisect_right
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.catalogue import ALWAYS, NEVER, Catalogue
from recsvc.engine.query import Answer, Query
from recsvc.engine.rules import rules_at

# An answer takes about 6 KB beside its products, which are kept elsewhere; a worker's memory stays small.
MOST_KEPT = 1_000
Place = tuple[int, str, int, str]


class KeptAnswers:
    """By customer, scenario, length and language, until an item comes, goes, or its sale begins or ends."""

    def __init__(self, catalogue: Catalogue) -> None:
        times = catalogue.times
        self._rules = _moments(times["available_from"], times["expires"])
        self._sales = _moments(times["sale_from"], times["sale_until"])
        self._period = (0, 0)
        self._answers: dict[Place, Answer] = {}

    def at(self, place: Place, query: Query, now: datetime) -> Answer | None:
        """What was kept there and still holds, as an answer to `query`."""
        period = bisect_right(self._rules, rules_at(now)), bisect_right(self._sales, now.timestamp())
        if period != self._period:
            self._period, self._answers = period, {}
        kept = self._answers.get(place)
        return kept if kept is None or kept.query is query else replace(kept, query=query)

    def keep(self, place: Place, answer: Answer) -> Answer:
        """Keep an answer; all others go where there are too many."""
        if len(self._answers) >= MOST_KEPT:
            self._answers = {}
        self._answers[place] = answer = replace(answer, made={})
        return answer


def _moments(*times: NDArray[np.int64]) -> list[int]:
    moments = np.unique(np.concatenate(times))
    found: list[int] = moments[(moments > ALWAYS) & (moments < NEVER)].tolist()
    return found

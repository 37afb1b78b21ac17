"""Answers to plain questions, kept while nothing that they depend on can change: the same page asks again and again."""

from dataclasses import replace

from models.strings import IdIndex
from recsvc.engine.query import Answer, Query

# An answer takes about 2 KB beside its products, which are kept elsewhere; a worker's memory stays small.
MOST_KEPT = 5_000
Place = tuple[int, str, int, str]


class KeptAnswers:
    """By customer, scenario, length and language, for the minute in which the shop's rules hold."""

    def __init__(self, customers: IdIndex) -> None:
        self._customers = customers
        self._since = 0
        self._answers: dict[Place, Answer] = {}

    def place_of(self, query: Query) -> Place | None:
        """Where the answer to a plain question is kept; None for one that says more than who asks for which list.

        Who asks is looked up anew, so that a customer who is forgotten meanwhile is unknown at once.
        """
        plain = Query(
            customer_id=query.customer_id,
            scenario=query.scenario,
            n=query.n,
            locale=query.locale,
            query_id=query.query_id,
        )
        if query != plain:
            return None
        customer = -1 if query.customer_id is None else self._customers.find(query.customer_id)
        return customer, query.scenario, query.n, query.locale

    def at(self, place: Place, query: Query, since: int) -> Answer | None:
        """What was kept there in the minute that began at `since`, as an answer to `query`."""
        if since != self._since:
            self._since, self._answers = since, {}
        kept = self._answers.get(place)
        return None if kept is None else replace(kept, query=query)

    def keep(self, place: Place, answer: Answer) -> None:
        """Keep an answer; all others go where there are too many."""
        if len(self._answers) >= MOST_KEPT:
            self._answers = {}
        self._answers[place] = answer

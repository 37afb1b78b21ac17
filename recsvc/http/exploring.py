"""Lists of an exploring arm: any items of a longer list in any order, so that a new model can be looked ahead at."""

from dataclasses import replace
from random import SystemRandom

from recsvc.engine import Answer, Query
from recsvc.experiments import POOL, Drawn

CHANCE = SystemRandom()


def wider(query: Query, drawn: Drawn) -> Query:
    """The query for all that an exploring arm chooses from."""
    return replace(query, n=drawn.explore) if drawn.explore > query.n else query


def explored(answer: Answer, drawn: Drawn, n: int) -> tuple[Answer, tuple[tuple[str, str], ...]]:
    """The answer as it is shown, and the arms to sign: of an exploring arm with the number of items that each place was
    drawn from, all alike."""
    if not drawn.explore:
        return answer, drawn.arms
    chosen = CHANCE.sample(answer.items, min(n, len(answer.items)))
    return replace(answer, items=tuple(chosen), made=None), (*drawn.arms, (POOL, str(len(answer.items))))

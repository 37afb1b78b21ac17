"""What is popular: a list of its own, and what fills lists that are short."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lists import Ranked
from models.ranking import Scored, keys
from models.scenarios import SOURCES
from recsvc.engine.sieve import Sieve
from recsvc.engine.stream import OWN, POPULAR, Stream


def fill_up(stream: Stream, rows: NDArray[Any], needed: NDArray[Any], sieve: Sieve, stage: int = POPULAR) -> Stream:
    """These rows brought to `needed` items with what is popular. In a list of its own the scores are what sells,
    elsewhere they go on below the list's last one."""
    if not len(rows):
        return stream
    taken = np.sort(np.concatenate([sieve.excluded, keys(stream.row, stream.item)]))
    n_taken = np.bincount(taken >> 32, minlength=len(needed))
    floor, best_seller = stream.floor(), max(float(sieve.bare.sales.max(initial=0)), 1e-9)
    for lens, members in sieve.looks(rows):
        most = int((needed + n_taken)[members].max())
        while True:
            best = lens.popular(most)
            row, item = np.repeat(members, len(best)), np.tile(best, len(members))
            free = sieve.free(taken, row, item)
            row, item = row[free], item[free]
            score = lens.worth(item)
            if stage != OWN:
                score = floor[row] * score * np.float32(0.99 / (lens.most * best_seller))
            more = Ranked(Scored(len(needed), row, item, score), np.full(len(item), SOURCES.index("popular"), np.uint8))
            longer = sieve.trim(stream.then(more, stage), needed)
            # Variants and caps may have thinned it out: look further down, as long as there is more.
            if len(best) < most or not sieve.thins or (longer.counts >= needed)[members].all():
                break
            most *= 4
        stream = longer
    return stream

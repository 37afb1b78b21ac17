"""Looking ahead at a model, on simulated lists whose truth is known, and where nothing can be told."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from models.registry import Registry
from models.strings import hash_id
from recsvc.engine import Engine, Query
from recsvc.experiments import POOL
from recsvc.http.signing import Recommendation
from recsvc.i18n import translator
from recsvc.measure.lookahead import Shown, estimate, look_ahead
from recsvc.measure.written import Words, lines_of_lookahead
from tests.conftest_shop import HABITS, ITEMS, run_recsvc
from tests.measure.conftest import NOW, Shop, list_of

CUSTOMERS = [f"{kind}-{n}" for kind in HABITS for n in range(12)]
ON_SALE = [item for item, *_ in ITEMS if item != "sold-out"]
N = 4


@pytest.fixture(scope="module")
def engine(tiny_store: Path) -> Engine:
    return Engine.from_bundle(Registry(tiny_store).open())


def chance(customer: str, item: str, place: int) -> float:
    """The truth: what suits a customer's kind is clicked more often, and what stands further down less."""
    suits = item in HABITS[customer.partition("-")[0]]
    return (0.5 if suits else 0.08) / (1 + 0.4 * place)


def shown(customer: str, items: Sequence[str], arm: str, rng: np.random.Generator, *, pool: int = 0) -> Shown:
    arms = (("look", arm), *([(POOL, str(pool))] if pool else []))
    hashes = tuple(map(hash_id, items))
    says = Recommendation(model_version="m1", scenario="home", at=NOW, items=hashes, placement="start", arms=arms)
    clicked = frozenset(
        hash_id(item) for place, item in enumerate(items) if rng.random() < chance(customer, item, place)
    )
    return Shown(customer_id=customer, says=says, clicked=clicked, pool=pool)


def logged(rng: np.random.Generator, *, pool: Sequence[str] = ON_SALE, lists: int = 30) -> list[Shown]:
    """Each customer saw so many explored lists, and so many of a live model that knows nobody."""
    found = []
    for customer in CUSTOMERS:
        for _ in range(lists):
            drawn = [str(item) for item in rng.permutation(list(pool))[:N]]
            found.append(shown(customer, drawn, "explore", rng, pool=len(pool)))
            found.append(shown(customer, ["wine", "cup", "soap", "milk"], "control", rng))
    return found


def truth(engine: Engine) -> float:
    """Clicks a list of the engine's own lists."""
    queries = [Query(customer_id=customer, n=N) for customer in CUSTOMERS]
    answers = engine.recommend_many(queries, now=NOW)
    return float(
        np.mean(
            [
                sum(chance(customer, item.product.item_id, place) for place, item in enumerate(answer.items))
                for customer, answer in zip(CUSTOMERS, answers, strict=True)
            ]
        )
    )


def test_the_interval_holds_what_the_model_would_bring(engine: Engine) -> None:
    rng, expected, held, better = np.random.default_rng(1), truth(engine), 0, 0
    covered = 0
    values = []
    for _ in range(40):
        found = estimate("look", logged(rng), engine, {}, now=NOW)
        assert found.unknown == ""
        assert (found.lists, found.clipped) == (30 * len(CUSTOMERS), 0.0)
        covered += found.covered.low <= 1 <= found.covered.high
        held += found.would.low <= expected <= found.would.high
        better += found.difference.low > 0
        values.append((found.would.value, found.plain))
    assert held >= 34  # 95 % of 40 is 38; fewer than 34 come once in 500 times
    assert covered >= 34
    assert better >= 38
    assert np.mean(values, axis=0) == pytest.approx([expected, expected], rel=0.03)
    assert np.std(values, axis=0)[0] < np.std(values, axis=0)[1]  # normalising takes noise away


def test_nothing_is_told_from_too_little(engine: Engine) -> None:
    rng = np.random.default_rng(2)
    assert estimate("look", [], engine, {}, now=NOW).unknown == "no explored list since the model's last purchase"
    few = estimate("look", logged(rng, lists=1), engine, {}, now=NOW)
    assert few.unknown == "too few explored lists agree with the model"
    assert not few.would.known
    assert np.isnan(few.plain)
    # Only explored lists count, however many others there are.
    live = [one for one in logged(rng) if not one.pool]
    assert estimate("look", live, engine, {}, now=NOW).lists == 0


def test_nothing_is_told_of_what_could_not_be_shown(engine: Engine) -> None:
    narrow = logged(np.random.default_rng(3), pool=["wine", "cup", "soap", "milk"], lists=60)
    found = estimate("look", narrow, engine, {}, now=NOW)
    assert found.unknown == "the model shows too much that explored lists could not show; explore more items"
    assert found.covered.high < 0.9


def test_lists_are_read_from_events_after_the_models_last_purchase(shop: Shop, engine: Engine) -> None:
    rng, number = np.random.default_rng(4), 0
    known = (NOW.date() - date.fromisoformat(engine.manifest.window[1])).days + 1.0
    for ago in (3.0, known):
        for customer in CUSTOMERS[:6]:
            for pool in (len(ON_SALE), 0):
                items = [str(item) for item in rng.permutation(ON_SALE)[:N]]
                arm = (("look", "explore"), (POOL, str(pool))) if pool else (("look", "control"),)
                text = list_of(*items, ago=ago + number / 100, arms=arm)
                shop.tell("impression", customer, ago, shown=text)
                shop.tell("click", customer, ago, items[0], shown=text)
                number += 1
    (found,) = look_ahead(shop.database, engine, None, now=NOW, days=90)
    assert (found.experiment, found.lists, found.live.value) == ("look", 6, 1.0)
    told = "\n".join(lines_of_lookahead([found], Words(translator("en"), "")))
    assert "look: 6 explored lists" in told
    assert "cannot tell: too few explored lists agree with the model" in told
    # The mark of an explored list is no experiment.
    assert [test.name for test in shop.figures().experiments] == ["look"]


def test_the_command_says_that_it_cannot_tell(tiny_store: Path, engine: Engine) -> None:
    told = run_recsvc("kpis", "--lookahead", engine.version, "--store", tiny_store)
    assert told.stdout == "cannot tell: no explored list since the model's last purchase\n"
    assert run_recsvc("kpis", "--lookahead", engine.version, "--json", "--store", tiny_store).stdout == "[]\n"
    refused = run_recsvc("kpis", "spring", "--lookahead", engine.version, "--store", tiny_store)
    assert refused.exit_code == 2

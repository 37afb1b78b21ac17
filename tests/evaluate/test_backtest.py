"""The backtest on the tiny shop: what it judges, what it must not see, and that it can be repeated."""

import dataclasses
import json

import numpy as np
import pytest

from models.errors import InputError
from models.recommender import Recommender
from tests.evaluate.conftest import HORIZON, SETTINGS
from training.baselines.methods import STANDARD, choose_variants
from training.data import TrainingData
from training.evaluate.backtest import Backtest, BacktestSettings, Promises, backtest, backtest_steps
from training.evaluate.contenders import Contender
from training.evaluate.intervals import paired_difference
from training.evaluate.results import Results
from training.evaluate.summary import reliability, segments_of, summarise
from training.evaluate.truth import judge
from training.evaluate.windows import rolling_windows
from training.progress import Steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
BASELINES = {"best sellers", "own purchases", "item-kNN", "ALS"}


def quiet(settings: BacktestSettings) -> Steps:
    return Steps(backtest_steps(settings), quiet=True)


def test_everything_that_must_run_beside_the_recommender_runs(results: Results) -> None:
    home = results.scenario("home")
    assert home is not None
    assert {score.method for score in home.of_kind("baseline")} == BASELINES
    assert [score.method for score in home.of_kind("recommender")] == ["recsvc"]
    assert {"repeat", "neighbours", "factors", "popular"} <= {
        score.method.partition(":")[0] for score in home.of_kind("source")
    }
    complements = results.scenario("complements")
    assert complements is not None
    assert {score.method.partition(":")[0] for score in complements.scores} >= {
        "recsvc",
        "recsvc, customer known",
        "complements",
        "best sellers",
        "cosine over orders",
    }


def test_the_recommender_knows_the_habits_of_the_tiny_shop(results: Results) -> None:
    home = results.scenario("home")
    assert home is not None
    assert home.score("recsvc").values["recall@5"].mean > home.score("best sellers").values["recall@5"].mean


def test_scores_are_ordered_and_measured_completely(results: Results) -> None:
    for scenario in results.scenarios:
        means = [score.values[scenario.main_metric].mean for score in scenario.scores]
        assert means == sorted(means, reverse=True)
        assert scenario.best_baseline == scenario.of_kind("baseline")[0].method
        for score in scenario.scores:
            assert len(score.by_window) == SETTINGS.windows
            for interval in score.values.values():
                assert 0 <= interval.low <= interval.mean <= interval.high <= 1
    home = results.scenario("home")
    assert home is not None
    assert set(home.scores[0].values) == {
        f"{name}@{k}" for name in ("ndcg", "recall", "precision", "hit", "map") for k in SETTINGS.k
    }
    for score in home.scores:
        assert score.lists["repeat@5"] + score.lists["new@5"] == pytest.approx(1)


def test_results_are_plain_json(results: Results) -> None:
    text = json.dumps(results.as_json(), allow_nan=False)
    assert json.loads(text)["horizon_days"] == HORIZON


def test_rows_of_two_methods_can_be_compared(found: Backtest, results: Results) -> None:
    own, base = (found.values(method, "home", "ndcg@5") for method in ("recsvc", "best sellers"))
    gain = paired_difference(own, base, np.random.default_rng(0), groups=found.groups("home"))
    home = results.scenario("home")
    assert home is not None
    difference = home.score("recsvc").values["ndcg@5"].mean - home.score("best sellers").values["ndcg@5"].mean
    assert gain.mean == pytest.approx(difference)
    assert len(own) == len(base) == len(found.groups("home")) == home.rows


def test_an_example_shows_what_became_of_the_list(results: Results, data: TrainingData) -> None:
    assert len(results.examples) == SETTINGS.examples
    window = rolling_windows(data, HORIZON, SETTINGS.windows)[-1]
    titles = data.catalogue.texts["title"]
    for example in results.examples:
        customer = data.customers.find(example.customer_id)
        mine = data.lines.where(data.lines.customer == customer)
        before, after = mine.where(mine.day < window.start), mine.where(mine.day >= window.start)
        assert example.orders == len(np.unique(before.order))
        assert example.bought == len(np.unique(after.item))
        for listed in example.items:
            item = data.catalogue.items.find(listed.item_id)
            assert listed.title == titles[item]
            assert listed.bought_after == (item in after.item)
            assert listed.bought_before == int((before.item == item).sum())
        assert example.history[0].orders == int(np.bincount(before.item).max())


def future_shuffled(data: TrainingData, day: int) -> TrainingData:
    """The same shop, but from `day` on everybody bought something else."""
    lines = data.lines
    late = np.flatnonzero(lines.day >= day)
    item = lines.item.copy()
    item[late] = np.random.default_rng(3).permutation(item[late])
    return dataclasses.replace(data, lines=dataclasses.replace(lines, item=item))


def test_no_fit_sees_its_window(data: TrainingData) -> None:
    windows = rolling_windows(data, HORIZON, SETTINGS.windows)
    seen: list[TrainingData] = []

    def fit(past: TrainingData) -> Recommender:
        seen.append(past)
        raise InterruptedError

    for number, window in enumerate(windows):
        settings = dataclasses.replace(SETTINGS, windows=len(windows) - number)
        with pytest.raises(InterruptedError), quiet(settings) as steps:
            backtest(data, [Contender(name="spy", fit=fit)], settings, steps)
        assert seen[-1].last_day < window.start
        assert len(seen[-1].lines) == (data.lines.day < window.start).sum()


def test_lists_do_not_change_with_the_future(data: TrainingData, contender: Contender) -> None:
    window = rolling_windows(data, HORIZON, SETTINGS.windows)[0]
    lists = []
    for shop in (data, future_shuffled(data, window.start)):
        judged = judge(shop, window, sample=None, rng=np.random.default_rng(0))
        recommender = contender.fit(judged.past)
        found = [
            recommender.rank(recommender.queries(judged.customers), name, 5).scored for name in ("home", "discover")
        ]
        for method in STANDARD:
            chosen = choose_variants(method, shop, window.start, HORIZON, sample=100, seed=1)
            fitted = method.variants[chosen["home"]](judged.past, window.start)
            found.append(fitted.rank_customers(judged.customers, "home", 5))
        lists.append([(one.row.tolist(), one.item.tolist(), one.score.tolist()) for one in found])
        truth = judged.truth["home"].keys
        lists[-1].append((truth.tolist(), [], []))
    first, second = lists
    assert first[:-1] == second[:-1]
    # The shuffle did change what was to be foreseen.
    assert first[-1] != second[-1]


def test_a_backtest_can_be_repeated(data: TrainingData, contender: Contender, results: Results) -> None:
    with quiet(SETTINGS) as steps:
        again = summarise(backtest(data, [contender], SETTINGS, steps))
    first, second = (json.dumps(one.as_json()["scenarios"], sort_keys=True) for one in (results, again))
    assert first == second


def test_a_gate_asks_for_less(data: TrainingData, contender: Contender) -> None:
    settings = dataclasses.replace(SETTINGS, windows=1, baselines=("own purchases",), sources=False, examples=0)
    other = Contender(name="champion", fit=contender.fit)
    with quiet(settings) as steps:
        found = backtest(data, [contender, other], settings, steps)
    assert list(found.scenarios["home"].methods) == ["recsvc", "champion", "own purchases"]
    rng = np.random.default_rng(0)
    own, champion = (found.values(name, "home", "ndcg@5") for name in ("recsvc", "champion"))
    same = paired_difference(own, champion, rng, groups=found.groups("home"))
    assert (same.mean, same.low, same.high) == (0, 0, 0)


def test_more_windows_than_days_is_an_input_error(data: TrainingData, contender: Contender) -> None:
    settings = dataclasses.replace(SETTINGS, windows=20)
    with pytest.raises(InputError, match="fewer --windows"), quiet(settings) as steps:
        backtest(data, [contender], settings, steps)


@pytest.mark.parametrize(
    "wrong", [{"windows": 0}, {"k": (0,)}, {"k": (5, 5)}, {"customers": 0}, {"examples": -1}, {"baselines": ("magic",)}]
)
def test_settings_refuse_what_makes_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"at least|each length once|no baseline is called 'magic'"):
        dataclasses.replace(SETTINGS, **wrong)  # type: ignore[arg-type]


def test_segments_split_at_the_median_of_the_active() -> None:
    few, light, heavy = segments_of(np.array([1, 2, 2, 3, 5, 7, 9, 40]))
    assert (few.least, few.most, few.rows) == (1, 2, 3)
    assert (light.least, light.most, light.rows) == (3, 7, 3)
    assert (heavy.least, heavy.most, heavy.rows) == (8, None, 2)


def test_reliability_weighs_customers_by_whom_they_stand_for() -> None:
    came = Promises(np.array([0.2, 0.2], np.float32), np.array([True, True]), 1.0)
    absent = Promises(np.array([0.2], np.float32), np.array([False]), 8.0)
    (one,) = reliability([came, absent])
    assert one.predicted == pytest.approx(0.2)
    assert one.observed == pytest.approx(2 / 10)
    assert one.count == 10

"""What the gate refuses, with figures that can be checked by hand; and what stands for the published model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.bundle import Manifest
from models.errors import SettingsError
from models.lists import StoredLists
from models.ranker import Ranker
from models.scenarios import BASELINES
from models.settings import read_section
from models.strings import IdIndex
from tests.models.shops import shop_of
from training.champion import Beside, Champion
from training.evaluate.intervals import Interval
from training.fit.everything import fit_sources
from training.gate import Level, fell, judge, lost, relative
from training.gate_settings import GateSettings
from training.judging import Judgement, Judges
from training.settings import TrainingSettings
from training.windows import Window

SETTINGS = GateSettings()
COUNTS = {"customers": 100, "items": 50, "orders": 400, "lines": 900}
IDENTITY = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))


def manifest(*, counts: Mapping[str, int] = COUNTS, metrics: Mapping[str, Any] | None = None) -> Manifest:
    return Manifest(
        version="20260301T000000Z-00000000",
        created_at="",
        content_sha256="",
        window=("2026-01-01", "2026-01-20"),
        counts=counts,
        settings={},
        metrics=metrics or {},
        libraries={},
        arrays={},
    )


def judgement(gain: list[float], popular: list[float]) -> Judgement:
    """One in which the named signal `repeat` orders the lists."""
    gains = {"repeat": np.array(gain), "sales_short": np.array(popular)}
    ndcg = {name: float(values.mean()) for name, values in gains.items()}
    return Judgement(ndcg, "repeat", None, len(gain), IDENTITY, (), gains)


def recorded(ndcg: float, lift: float | None) -> Manifest:
    """A champion that reached this, with intervals of ± 0.01."""
    exact = {"mean": ndcg, "low": ndcg - 0.01, "high": ndcg + 0.01}
    times = None if lift is None else {"mean": lift, "low": lift - 0.01, "high": lift + 0.01}
    level = {"ndcg": exact, "lift": times, "customers": 100}
    return manifest(metrics={"gate": {"home": {"level": level}}})


def test_without_a_champion_everything_passes() -> None:
    verdict = judge({"home": judgement([0.1, 0.2], [0.3, 0.3])}, None, None, COUNTS, SETTINGS)
    assert verdict.passed
    assert verdict.facts["home"]["level"]["ndcg"]["mean"] == pytest.approx(0.15)
    assert verdict.facts["home"]["level"]["lift"]["mean"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("now", "refused"),
    [
        ({"items": 35}, None),
        ({"items": 34}, "34 items of the catalogue, 32% fewer than the 50"),
        ({"customers": 50, "lines": 450}, None),
        ({"customers": 49}, "49 customers, 51% fewer than the 100"),
        ({"lines": 90}, "90 lines of purchases, 90% fewer than the 900"),
    ],
)
def test_a_fragment_is_known_by_its_sizes(now: dict[str, int], refused: str | None) -> None:
    reasons = lost({**COUNTS, **now}, manifest(), SETTINGS)
    assert len(reasons) == (refused is not None)
    assert refused is None or refused in reasons[0]


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ((0.31, 0.29, 0.33), (0.40, 0.38, 0.42), False),  # less, but not by a quarter
        ((0.20, 0.18, 0.22), (0.40, 0.38, 0.42), True),
        ((0.20, 0.01, 0.39), (0.40, 0.38, 0.42), False),  # half, but who knows
    ],
)
def test_a_collapse_is_large_and_beyond_chance(
    now: tuple[float, ...], before: tuple[float, ...], expected: bool
) -> None:
    first, second = (Interval(mean=mean, low=low, high=high) for mean, low, high in (now, before))
    assert fell(first, second, 0.25) is expected


def test_level_and_lift_must_both_collapse() -> None:
    # 0.1 against 0.4: what popular items reach decides whether the customers' own past still says something.
    season = judgement([0.1] * 50, [0.05] * 50)
    shuffled = judgement([0.1] * 50, [0.1] * 50)
    champion = recorded(0.4, 2.0)
    assert judge({"home": season}, None, champion, COUNTS, SETTINGS).passed
    verdict = judge({"home": shuffled}, None, champion, COUNTS, SETTINGS)
    assert "customer ids or dates mixed up" in verdict.reason
    assert "0.100 (0.100 to 0.100)" in verdict.reason
    assert "0.400 (0.390 to 0.410)" in verdict.reason


def test_a_champion_without_a_lift_is_compared_by_level_alone() -> None:
    found = judge({"home": judgement([0.1] * 50, [0.05] * 50)}, None, recorded(0.4, None), COUNTS, SETTINGS)
    assert not found.passed


def test_an_older_bundle_is_read_from_its_backtest() -> None:
    backtest = {"home": {"best_single": "repeat", "ndcg@10": {"repeat": 0.4, "ranker": 0.5}, "customers": 7}}
    old = manifest(metrics={"backtest": backtest})
    assert old.ndcg("home") == 0.4
    assert replace(old, documents={"ranker.home.txt": ""}).ndcg("home") == 0.5
    level = Level.recorded(old, "home")
    assert level is not None
    assert (level.ndcg.mean, level.lift, level.customers) == (0.4, None, 7)
    assert Level.recorded(old, "discover") is None


def test_a_training_that_cannot_be_judged_does_not_follow_one_that_was() -> None:
    nobody = Judgement({}, "repeat", None, 0, IDENTITY, (), {})
    assert "no customer could be judged" in judge({"home": nobody}, None, recorded(0.4, 2.0), COUNTS, SETTINGS).reason
    assert "no customer could be judged" in judge({}, None, recorded(0.4, 2.0), COUNTS, SETTINGS).reason
    assert judge({}, None, manifest(), COUNTS, SETTINGS).passed


@pytest.mark.parametrize(
    ("challenger", "refused"),
    [
        ([0.40, 0.50] * 40, False),  # as good
        ([0.395, 0.495] * 40, False),  # 1.1 % less: within the tolerance
        ([0.38, 0.48] * 40, True),  # 4.4 % less, for everyone
        ([1.0, 0.0] * 20 + [0.0, 0.7] * 20, False),  # 5.6 % less on average, by chance as likely as not
    ],
)
def test_worse_is_beyond_the_tolerance_and_beyond_chance(challenger: list[float], refused: bool) -> None:
    champion = np.array([0.40, 0.50] * 40)
    beside = Beside({"home": champion}, "its rankers", saw_the_window=False)
    verdict = judge({"home": judgement(challenger, [0.2] * 80)}, beside, recorded(0.45, 2.0), COUNTS, SETTINGS)
    assert verdict.passed is not refused
    assert verdict.facts["home"]["champion_ndcg"] == pytest.approx(0.45)
    if refused:
        assert "4.4%" in verdict.reason
        assert "tolerance allows 2.0%" in verdict.reason


def test_discover_is_reported_and_does_not_decide() -> None:
    beside = Beside({"discover": np.full(50, 0.4)}, "its rankers", saw_the_window=False)
    verdict = judge({"discover": judgement([0.1] * 50, [0.1] * 50)}, beside, manifest(), COUNTS, SETTINGS)
    assert verdict.passed
    assert verdict.facts["discover"]["against_champion"]["mean"] == pytest.approx(-0.75)


def test_who_bought_nothing_does_not_count() -> None:
    found = relative(np.array([0.2, np.nan, 0.2]), np.array([0.1, np.nan, 0.1]))
    assert found is not None
    assert found.mean == pytest.approx(1.0)
    assert relative(np.array([0.2, np.nan]), np.array([0.0, np.nan])) is None


def test_settings_are_shares() -> None:
    with pytest.raises(SettingsError, match="shares, 0 to 1"):
        read_section(GateSettings, {"tolerance": 2}, "gate")


DATA = shop_of(
    [
        ("ann", "1", "milk", 0),
        ("ann", "2", "milk", 7),
        ("ann", "3", "milk", 21),
        ("bob", "4", "oats", 1),
        ("bob", "5", "oats", 8),
        ("bob", "6", "milk", 22),
    ]
)


def champion_of(**changes: Any) -> Champion:
    """One whose `home` is ordered by *repeat*, whose stored lists say oats to bob and milk to ann."""
    stored = StoredLists(
        np.array([0, 1, 2]), np.array([1, 0], np.int32), np.array([0.9, 0.8], np.float32), np.zeros(2, np.uint8)
    )
    made = Champion(
        manifest(), {}, {}, dict.fromkeys(BASELINES, stored), IdIndex.of(["bob", "ann"]), IdIndex.of(["milk", "oats"])
    )
    return replace(made, **changes)


def beside_of(champion: Champion, start: int = 20) -> Beside:
    recommender = fit_sources(DATA.before(start), TrainingSettings(), 7)
    judges = Judges(Window.of(DATA, start, 7), np.array([0, 1]))
    return champion.beside(DATA, TrainingSettings(), recommender, judges, {})[1]


def with_facts(**facts: Any) -> Manifest:
    return replace(manifest(), **facts)


def test_the_champions_recipe_stands_on_the_challengers_sources() -> None:
    found = beside_of(champion_of(manifest=with_facts(window=("1970-01-01", "1970-01-20"))))
    assert found.how == "its rankers over the same sources"
    assert not found.saw_the_window
    # ann bought milk again, her only item; bob's first item is oats, then milk, which he bought: 1 / log2(3).
    assert found.gains["home"][0] == pytest.approx(1.0)
    assert found.gains["home"][1] == pytest.approx(1 / np.log2(3))


def test_other_settings_are_fitted_for_it() -> None:
    own = with_facts(settings={"repeat": {"half_life_days": 3.0}, "popular": {"gone": 1}, "horizon_days": 7})
    champion = champion_of(manifest=own)
    settings, horizon = champion.recipe(TrainingSettings(), 28)
    assert (settings.repeat.half_life_days, horizon) == (3.0, 7)
    assert settings.popular == TrainingSettings().popular
    assert beside_of(champion).how == "its rankers over sources with its settings"


def test_stored_lists_stand_for_a_champion_whose_features_are_gone() -> None:
    old = Ranker("", ("a_feature_of_old",), *IDENTITY)
    past = with_facts(window=("1970-01-01", "1970-01-20"))
    found = beside_of(champion_of(manifest=past, rankers={"home": old, "discover": old}))
    assert found.how == "the lists that it stored"
    # Its customers and items are numbered otherwise than the challenger's: ann is 1 there and 0 here.
    assert found.gains["home"].tolist() == [1.0, 0.0]


def test_a_champion_that_cannot_be_compared_is_not() -> None:
    old = Ranker("", ("a_feature_of_old",), *IDENTITY)
    knew = with_facts(window=("1970-01-01", "1970-01-21"))
    found = beside_of(champion_of(manifest=knew, rankers={"home": old, "discover": old}))
    assert found.gains == {}
    assert found.saw_the_window


def test_rankers_of_older_weeks_stand_for_one_that_saw_the_window() -> None:
    old, older = Ranker("", ("gone",), *IDENTITY), Ranker("", ("gone_too",), *IDENTITY)
    champion = champion_of(rankers={"home": old}, judging={"home": older})
    assert champion.rankers_before(champion.end) == {"home": old}
    assert champion.rankers_before(champion.end - 1) == {"home": older}

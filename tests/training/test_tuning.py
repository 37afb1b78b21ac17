"""Tuning: what is searched and where, that it goes on after a kill, and when its result is used."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from models.bundle import Manifest
from models.registry import Registry
from models.sources.factors import FactorSettings
from tests.conftest_shop import run_recsvc
from tests.models.shops import random_shop, shop_of
from tests.training.test_repeatable import lively_purchases
from training.fit.everything import fit_sources
from training.progress import Steps
from training.settings import TrainingSettings
from training.tuning.chosen import keep
from training.tuning.measure import Measured, compare, worth
from training.tuning.shop import Memory, fingerprint, sampled
from training.tuning.space import KNOBS, searched, value_of, with_values
from training.tuning.study import KEPT_STUDIES, Study, Trial, best_of, search
from training.tuning.tune import spans, tune

SETTINGS = TrainingSettings()


def towards_many_factors(settings: TrainingSettings) -> Mapping[str, float]:
    """A made-up shop that likes factors, the more the better, and nothing else."""
    return {"home": 0.3 + settings.factors.factors / 1000, "discover": 0.05}


class Stopped(Exception):
    """As if the machine had gone down."""


def trials(
    folder: Path, seconds: float, *, stop_after: int | None = None, first: Mapping[str, int] = {}
) -> list[Trial]:
    """A search in which the clock goes on by a second whenever it is read: four times a trial."""
    begun, clock = count(), count()

    def measure(settings: TrainingSettings) -> Mapping[str, float]:
        if next(begun) == stop_after:
            raise Stopped
        return towards_many_factors(settings)

    study = Study(folder, "shop")
    search(
        study,
        SETTINGS,
        KNOBS,
        first,
        measure,
        seed=1,
        seconds=seconds,
        clock=lambda: next(clock),
        show=lambda _: None,
    )
    return study.trials


def test_the_first_trial_is_the_default_and_a_better_one_is_found(tmp_path: Path) -> None:
    found = trials(tmp_path, 200)
    assert found[0].values == {}
    assert found[0].gain == 0
    best = best_of(found)
    factors = best.values["factors.factors"]
    assert factors > 100
    assert best.gain == pytest.approx(((0.3 + factors / 1000) / 0.364 - 1) / 2)
    assert len({json.dumps(dict(trial.values), sort_keys=True) for trial in found}) == len(found)


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = [trial.values for trial in trials(tmp_path / "whole", 60)]
    with pytest.raises(Stopped):
        trials(tmp_path / "parts", 60, stop_after=4)
    rest = [trial.values for trial in trials(tmp_path / "parts", 60)]
    assert rest[: len(whole)] == whole[: len(rest)]
    assert len(rest) > 4


def test_what_was_found_the_last_time_is_tried_at_once(tmp_path: Path) -> None:
    assert trials(tmp_path, 40, first={"factors.factors": 96})[1].values == {"factors.factors": 96}


def test_the_time_is_kept(tmp_path: Path) -> None:
    # A trial is four seconds of which the measurement is one; as long again twice over is left for the second look.
    assert len(trials(tmp_path, 40)) == 10


def test_a_line_that_a_kill_cut_off_is_dropped(tmp_path: Path) -> None:
    before = trials(tmp_path, 20)
    path = tmp_path / "shop.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert Study(tmp_path, "shop").trials == before[:-1]
    assert trials(tmp_path, 20)[: len(before)] == before


def test_only_the_newest_studies_stay(tmp_path: Path) -> None:
    for number in range(KEPT_STUDIES + 3):
        Study(tmp_path, f"shop{number}")
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) == KEPT_STUDIES + 1
    assert f"shop{KEPT_STUDIES + 2}.jsonl" in names


def test_every_knob_is_a_setting_and_its_default_within_its_limits() -> None:
    for knob in KNOBS:
        default = value_of(SETTINGS, knob.key)
        assert with_values(SETTINGS, {knob.key: default}) == SETTINGS
        assert default in knob.choices or knob.low <= default <= knob.high


def test_what_the_settings_file_gives_is_not_searched(tmp_path: Path) -> None:
    path = tmp_path / "recsvc.toml"
    path.write_text("[factors]\nfactors = 64\n[gate]\ntolerance = 0.1\n")
    given = TrainingSettings.given(path)
    assert given == {"factors.factors", "gate.tolerance"}
    assert {knob.key for knob in KNOBS} - {knob.key for knob in searched(given)} == {"factors.factors"}
    assert TrainingSettings.given(None) == frozenset()


def test_both_windows_lie_before_the_one_that_judges() -> None:
    data = random_shop(1, n_orders=30)
    found = spans(data, 28, 2)
    assert found is not None
    looked, again = found
    assert looked.end == again.start
    assert again.end == data.last_day + 1 - 28
    assert spans(random_shop(1), 14, 2) is None


def test_a_short_past_is_said_and_nothing_is_tuned(tmp_path: Path) -> None:
    found = tune(random_shop(1), SETTINGS, tmp_path, minutes=1)
    assert not found.used
    assert "too few weeks" in found.sentence()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_poor_settings_are_mended(tmp_path: Path) -> None:
    """From one candidate of each kind there is a way up, which holds in the weeks after."""
    data = random_shop(3, n_customers=60, n_orders=30)
    poor = replace(SETTINGS, lists=replace(SETTINGS.lists, own=1, others=1))
    found = tune(data, poor, tmp_path, minutes=0.01, first={"lists.own": 100, "lists.others": 60})
    assert [trial.values for trial in found.trials] == [{}]
    clock = iter(range(0, 100_000, 10))
    found = tune(
        data, poor, tmp_path, minutes=2, first={"lists.own": 100, "lists.others": 60}, clock=lambda: float(next(clock))
    )
    assert found.trials[0].values == {}
    assert found.trials[1].values == {"lists.own": 100, "lists.others": 60}
    assert found.used, found.sentence()
    assert found.second is not None
    assert found.second.both.low > 0
    assert found.tuned["lists.own"] > 1
    json.dumps(found.document())


def measured(home: list[float], discover: list[float]) -> Measured:
    return Measured({"home": np.array(home), "discover": np.array(discover)})


def test_a_gain_is_the_mean_of_both_scenarios() -> None:
    assert worth({"home": 0.44, "discover": 0.05}, {"home": 0.40, "discover": 0.05}) == pytest.approx(0.05)
    assert worth({"home": 0.44, "discover": 0.05}, {"home": 0.40, "discover": 0.0}) == pytest.approx(0.10)
    assert worth({"home": 0.44, "discover": 0.05}, {"home": 0.0, "discover": 0.0}) == 0


def test_better_is_beyond_chance_and_at_no_ones_cost() -> None:
    base = measured([0.2, 0.4] * 50, [0.1, 0.3] * 50)
    both = compare(measured([0.3, 0.5] * 50, [0.2, 0.4] * 50), base, 1)
    assert both.better
    assert both.both.mean == pytest.approx((0.4 / 0.3 - 1) / 2 + (0.3 / 0.2 - 1) / 2)
    assert not compare(base, base, 1).better
    assert not compare(measured([0.19, 0.39] * 50, [0.4, 0.6] * 50), base, 1).better
    by_chance = measured([0.2, 0.4] * 49 + [0.2, 0.9], [0.1, 0.3] * 50)
    assert not compare(by_chance, base, 1).better


def test_one_scenario_alone_decides_where_the_other_found_nothing() -> None:
    base = measured([0.2, 0.4] * 50, [np.nan, np.nan] * 50)
    found = compare(measured([0.3, 0.5] * 50, [np.nan, np.nan] * 50), base, 1)
    assert found.better
    assert found.discover is None


def test_a_sample_keeps_whole_customers_and_the_share_of_guests() -> None:
    data = random_shop(2)
    assert sampled(data, 40, 1) is data
    some = sampled(data, 10, 1)
    assert len(some.customers) == 10
    for customer in range(10):
        was = data.customers.find(some.customers[customer])
        mine, before = some.lines.customer == customer, data.lines.customer == was
        assert some.lines.item[mine].tolist() == data.lines.item[before].tolist()
        assert some.lines.day[mine].tolist() == data.lines.day[before].tolist()
    assert np.unique(some.lines.order).tolist() == list(range(int(some.lines.order.max()) + 1))


def test_guests_stay_guests_in_a_sample() -> None:
    lines = [(f"c{n}", f"o{n}", "milk", n) for n in range(20)]
    guests = [(None, f"g{n}", "oats", n) for n in range(100)]
    some = sampled(shop_of([*lines, *guests]), 10, 1)
    assert 20 < int((some.lines.customer < 0).sum()) < 80


def test_other_purchases_have_another_fingerprint() -> None:
    data = random_shop(2)
    assert fingerprint(data, SETTINGS) == fingerprint(random_shop(2), TrainingSettings())
    assert fingerprint(data, SETTINGS) != fingerprint(random_shop(3), SETTINGS)
    assert fingerprint(data, SETTINGS) != fingerprint(data, with_values(SETTINGS, {"factors.factors": 32}))


def test_what_is_remembered_is_what_would_be_fitted() -> None:
    data, memory = random_shop(2), Memory()
    other = replace(SETTINGS, factors=FactorSettings(factors=8))
    first, second = memory.fit(data, SETTINGS, 14), memory.fit(data, other, 14)
    assert first.sources["customers"] is second.sources["customers"]
    assert first.sources["factors"] is not second.sources["factors"]
    fresh = fit_sources(data, other, 14).arrays()
    assert all(np.array_equal(array, fresh[name]) for name, array in second.arrays().items())
    assert memory.fit(data.before(data.last_day), other, 14).statistics.today != second.statistics.today


def manifest_of(store: Path) -> Manifest:
    registry = Registry(store)
    current = registry.current()
    assert current is not None
    return registry.manifest(current)


def test_a_training_tunes_and_the_next_one_keeps_it(tmp_path: Path) -> None:
    purchases, store = lively_purchases(tmp_path / "orders.csv"), tmp_path / "store"
    result = run_recsvc("train", "--purchases", purchases, "--store", store, "--tune", "0.01")
    assert result.exit_code == 0, result.stderr
    assert "tuning: " in result.stderr
    manifest = manifest_of(store)
    assert manifest.settings["tuned"] == json.loads(result.stdout)["tuned"] == {}
    assert manifest.metrics["tuning"]["used"] is False
    assert "tuning.json" in manifest.documents
    said: list[str] = []

    class Said(Steps):
        def say(self, text: str) -> None:
            said.append(text)

    tuned = replace(
        manifest, settings={**manifest.settings, "tuned": {"factors.factors": 96, "lists.own": -1, "gone.away": 3}}
    )
    with Said((), quiet=True) as steps:
        kept = keep(SETTINGS, tuned, frozenset(), steps)
        assert kept.values == {"factors.factors": 96}
        assert kept.settings.factors.factors == 96
        assert kept.facts == {"kept_from": manifest.version}
        assert [text.split(" = ")[0] for text in said] == ["lists.own", "gone.away"]
        assert keep(SETTINGS, tuned, frozenset({"factors.factors"}), steps).values == {}

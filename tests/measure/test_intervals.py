"""Statistics against values that were worked out elsewhere, and against what intervals promise."""

from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare, norm, ttest_ind

from recsvc.measure.checks import BROKEN_BELOW, sample_ratio
from recsvc.measure.comparing import Verdict, compare_amounts, compare_shares
from recsvc.measure.interval import Interval
from recsvc.measure.means import Sample, less_noise, mean_of, ratio, welch, winsorised
from recsvc.measure.proportions import newcombe, recipients_needed, recipients_per_arm, smallest_effect, wilson
from recsvc.measure.sequential import anytime_quantile


def test_the_reference_campaign_to_all_digits() -> None:
    # 540 of 18,000 treated, 52 of 2,000 in the control group.
    found = newcombe(540, 18_000, 52, 2_000)
    assert [f"{100 * value:+.2f}" for value in (found.value, found.low, found.high)] == ["+0.40", "-0.43", "+1.06"]
    smallest = smallest_effect(0.026 * 0.974, 18_000, 2_000)
    assert (f"{100 * smallest:.2f}", f"{smallest / 0.026:.0%}") == ("1.05", "40%")
    assert recipients_per_arm(0.02, 0.024) == 21_106


def test_the_reference_campaign_is_not_decided() -> None:
    found = compare_shares(540, 18_000, 52, 2_000, running=False)
    assert found.verdict is Verdict.NOT_ENOUGH
    assert found.more > 0
    # With as many more recipients as it asks for, nothing is missing.
    factor = 1 + found.more / 20_000
    enough = compare_shares(*(round(n * factor) for n in (540, 18_000, 52, 2_000)), running=False)
    assert enough.more < 0.001 * factor * 20_000  # but for rounding


def test_newcombes_own_example() -> None:
    # Newcombe (1998), table II, column (a), method 10: 56/70 − 48/80.
    found = newcombe(56, 70, 48, 80)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


@given(st.integers(1, 5_000), st.data())
def test_wilson_is_scipys(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    found, known = wilson(hits, trials), binomtest(hits, trials).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-9)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_newcombe_holds_its_value_and_mirrors(treated: int, control: int, data: st.DataObject) -> None:
    one, zero = data.draw(st.integers(0, treated)), data.draw(st.integers(0, control))
    found, mirrored = newcombe(one, treated, zero, control), newcombe(zero, control, one, treated)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_shares_without_customers_are_not_known() -> None:
    assert isnan(wilson(0, 0).value)
    assert not newcombe(0, 0, 1, 2).known
    assert smallest_effect(0.1, 0, 10) == inf
    with pytest.raises(ValueError, match="3 of 2 is no share"):
        wilson(3, 2)


def test_welch_is_scipys() -> None:
    rng = np.random.default_rng(1)
    one, zero = rng.lognormal(size=40), rng.lognormal(0.3, size=25)
    known = ttest_ind(one, zero, equal_var=False).confidence_interval()
    found = welch(Sample.of(one), Sample.of(zero))
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_means_of_too_few_have_no_interval() -> None:
    single = Sample.of(np.array([2.0]))
    assert not mean_of(single).known
    assert not welch(single, single).known
    assert isnan(ratio(single, single, 1.96).value)
    assert Sample.of(np.zeros(0)).n == 0
    same = Sample.of(np.array([1.0, 1.0]))
    assert welch(same, same) == Interval(0.0, 0.0, 0.0)


def test_mean_with_students_interval() -> None:
    # Mean 3, standard error sqrt(2.5 / 5), t(4, 97.5 %) = 2.7764.
    found = mean_of(Sample.of(np.arange(1.0, 6.0)))
    assert found.high - found.value == pytest.approx(2.776445 * sqrt(0.5), abs=1e-5)


def test_ratio_by_fieller() -> None:
    # Solves (1.2 − r)² = z² (v1 + r² v0) with v1 = v0 = 0.0025 and z = 2.
    one, zero = Sample(400, 1.2, 1.0), Sample(400, 1.0, 1.0)
    found = ratio(one, zero, 2.0)
    for end in (found.low, found.high):
        r = end + 1
        assert (1.2 - r) ** 2 == pytest.approx(4 * 0.0025 * (1 + r * r))
    # A control that may have spent nothing leaves everything open.
    assert ratio(one, Sample(4, 1.0, 4.0), 2.0).high == inf


def test_one_wholesale_order_does_not_decide() -> None:
    ordinary, huge = np.ones(1_500), np.concatenate([np.ones(1_499), [10_000.0]])
    cut = winsorised([ordinary, huge])
    assert max(arm.max() for arm in cut) == 1.0
    assert winsorised([]) == []


def test_earlier_spend_takes_noise_away_and_no_effect() -> None:
    rng = np.random.default_rng(2)
    before = [rng.normal(10, 3, 2_000), rng.normal(10, 3, 2_000)]
    outcomes = [before[0] + rng.normal(1, 1, 2_000), before[1] + rng.normal(0, 1, 2_000)]
    adjusted, calmed = less_noise(outcomes, before)
    assert calmed == pytest.approx(0.88, abs=0.02)
    raw, less = (welch(Sample.of(a[0]), Sample.of(a[1])) for a in (outcomes, adjusted))
    assert less.low < 1 < less.high
    assert less.high - less.low < 0.4 * (raw.high - raw.low)
    # Where nothing was known before, nothing changes.
    same, none = less_noise(outcomes, [np.zeros(2_000), np.zeros(2_000)])
    assert none == 0.0
    assert same[0] is outcomes[0]


def test_sample_ratio_is_the_chi_square_test() -> None:
    assert sample_ratio([5_100, 4_900], [0.5, 0.5]) == pytest.approx(chisquare([5_100, 4_900]).pvalue)
    assert sample_ratio([18_000, 2_000], [9, 1]) == pytest.approx(1.0)
    assert sample_ratio([18_000, 1_700], [9, 1]) < BROKEN_BELOW
    assert sample_ratio([], []) == 1.0
    with pytest.raises(ValueError, match="share above 0"):
        sample_ratio([1, 2], [1, 0])


@pytest.mark.parametrize("buyers", [25, 100, 500, 5_000, 100_000])
def test_peeking_costs_width_but_not_much(buyers: int) -> None:
    assert norm.ppf(0.975) + 0.9 < anytime_quantile(buyers) < 4.6


def test_peeking_at_a_brownian_motion_never_lies_often() -> None:
    rng = np.random.default_rng(3)
    runs, looks = 2_000, 400
    walk = np.cumsum(rng.normal(size=(runs, looks)) * sqrt(10), axis=1)
    information = 10.0 * np.arange(1, looks + 1)
    bound = np.array([anytime_quantile(int(t)) for t in information]) * np.sqrt(information)
    assert (np.abs(walk) > bound).any(axis=1).mean() <= 0.05
    # A fixed interval, looked at as often, does.
    assert (np.abs(walk) > 1.96 * np.sqrt(information)).any(axis=1).mean() > 0.3


def test_verdicts() -> None:
    assert compare_shares(1_200, 10_000, 1_000, 10_000, running=False).verdict is Verdict.WORKS
    assert compare_shares(1_000, 10_000, 1_200, 10_000, running=False).verdict is Verdict.HARMS
    assert compare_shares(10_050, 100_000, 10_000, 100_000, running=False).verdict is Verdict.NO_DIFFERENCE
    # The same figures halfway through: peeking needs more.
    assert compare_shares(1_090, 10_000, 1_000, 10_000, running=False).verdict is Verdict.WORKS
    assert compare_shares(1_090, 10_000, 1_000, 10_000, running=True).verdict is not Verdict.WORKS


@pytest.mark.parametrize("hits", [(0, 0), (24, 3), (300, 24)])
def test_few_buyers_say_nothing(hits: tuple[int, int]) -> None:
    found = compare_shares(hits[0], 1_000, hits[1], 1_000, running=False)
    assert found.verdict is Verdict.NOT_ENOUGH
    assert found.more > 0


def test_nobody_assigned_says_nothing() -> None:
    found = compare_shares(0, 0, 5, 100, running=False)
    assert found.verdict is Verdict.NOT_ENOUGH
    assert not found.difference.known


def test_amounts_keep_their_plain_means() -> None:
    rng = np.random.default_rng(4)
    before = rng.gamma(2.0, 20.0, 4_000)
    spent = before * rng.gamma(2.0, 0.5, 4_000)
    treated, control = spent[:2_000] * 1.2, spent[2_000:]
    found = compare_amounts(treated, control, before=(before[:2_000], before[2_000:]), buyers=4_000, running=False)
    assert found.treated == pytest.approx(treated.mean())
    assert found.difference.low > 0
    assert 0.3 < found.calmed < 0.9
    assert found.relative.low < 0.2 < found.relative.high
    wider = compare_amounts(treated, control, buyers=4_000, running=True)
    assert wider.difference.high - wider.difference.low > found.difference.high - found.difference.low


def test_amounts_of_nobody() -> None:
    found = compare_amounts(np.zeros(0), np.ones(3), buyers=0, running=False)
    assert isnan(found.treated)
    assert not found.difference.known


def test_needed_recipients_grow_with_uneven_arms() -> None:
    even, uneven = (recipients_needed(0.02, 0.002, part) for part in (0.5, 0.9))
    assert uneven / even == pytest.approx(0.25 / 0.09, rel=1e-3)


def test_unknown_numbers_are_null_in_json() -> None:
    assert Interval(1.0, nan, inf).as_json() == {"value": 1.0, "low": None, "high": None}
    assert Interval(1.0, 0.5, 2.0).scaled(10, -1) == Interval(9.0, 4.0, 19.0)

"""The geometry of the plots."""

import pytest

from training.evaluate.intervals import Interval
from training.evaluate.report import charts
from training.evaluate.results import CurvePoint, Reliability, Score


def write(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def exactly(value: float) -> Interval:
    return Interval(mean=value, low=value, high=value)


def score(method: str, ndcg: float, coverage: float, kind: str = "baseline") -> Score:
    return Score(
        method=method,
        kind=kind,
        settings="",
        values={"ndcg@10": exactly(ndcg)},
        lists={"coverage@10": coverage},
        by_activity={},
        by_window=(),
    )


@pytest.mark.parametrize(("least", "step"), [(0.7, 1), (1, 1), (1.2, 2), (3, 5), (7, 10), (0.013, 0.02), (240, 500)])
def test_steps_are_round(least: float, step: float) -> None:
    assert charts.nice_step(least) == pytest.approx(step)


def test_ticks_are_round_and_inside() -> None:
    scale = charts.Scale(0, 0.43, 100, 0)
    assert [(tick.text, tick.place) for tick in scale.ticks(write)] == [
        ("0.0", 100.0),
        ("0.1", 76.7),
        ("0.2", 53.5),
        ("0.3", 30.2),
        ("0.4", 7.0),
    ]


def test_bars_share_an_axis_from_zero() -> None:
    found = charts.bars([score("a", 0.4, 0), score("b", 0.2, 0)], "ndcg@10")
    assert found["a"].end == pytest.approx(2 * found["b"].end, abs=0.11)
    assert 90 < found["a"].end <= 100


def test_an_axis_of_nothing_but_zeros_is_drawn() -> None:
    assert charts.bars([score("a", 0.0, 0)], "ndcg@10")["a"].end == 0


def test_labels_do_not_touch() -> None:
    crowd = [score(f"method {number}", 0.3 + number / 1000, 0.05) for number in range(8)]
    plot = charts.coverage_plot(crowd, "coverage@10", "ndcg@10", str, write)
    shown = [dot for dot in plot.dots if dot.label_x]
    assert 1 <= len(shown) < len(plot.dots)
    places = {(dot.label_x, dot.label_y, dot.anchor) for dot in shown}
    assert len(places) == len(shown)


def test_a_perfect_promise_lies_on_the_diagonal() -> None:
    plot = charts.calibration([Reliability(predicted=p, observed=p, count=5) for p in (0.1, 0.4)], write)
    assert plot.diagonal is not None
    x1, y1, x2, y2 = plot.diagonal
    for dot in plot.dots:
        assert dot.y == pytest.approx(y1 + (dot.x - x1) * (y2 - y1) / (x2 - x1), abs=0.2)


def test_the_curve_names_its_steps() -> None:
    points = [
        CurvePoint(least=1, most=1, rows=30, values={"recsvc": exactly(0.1)}),
        CurvePoint(least=3, most=4, rows=30, values={"recsvc": exactly(0.2)}),
        CurvePoint(least=65, most=None, rows=30, values={"recsvc": exactly(0.4)}),
    ]
    plot = charts.learning_curve(points, write)
    assert [tick.text for tick in plot.x] == ["1", "3–4", "65+"]
    heights = [y for _, y, _ in plot.lines[0].points]
    assert heights == sorted(heights, reverse=True)

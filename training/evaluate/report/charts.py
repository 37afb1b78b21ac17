"""Geometry of the report's plots: from values to places in a drawing of WIDTH × HEIGHT; the templates draw them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.evaluate.results import CurvePoint, Reliability, Score

WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 44
# About how wide a letter of a label is, in units of the drawing.
LETTER, LINE = 6.6, 14.0


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it is and what it says."""

    place: float
    text: str


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` to `high` between the places `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, write: Callable[[float, int], str], count: int = 5) -> tuple[Tick, ...]:
        """Round values inside the axis, at most about `count`; `write(value, digits)` writes them."""
        step = nice_step((self.high - self.low) / count)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple(Tick(self(n * step), write(n * step, digits)) for n in range(first, last + 1))


def nice_step(least: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def axis(values: Sequence[float], start: float, end: float, room: float = 0.06) -> Scale:
    """An axis from 0 to beyond the largest finite value, by a share of it."""
    high = max((value for value in values if math.isfinite(value)), default=0.0)
    return Scale(0.0, high * (1 + room) if high > 0 else 1.0, start, end)


@dataclass(frozen=True)
class Bar:
    """A bar of a table cell that is 100 wide: its end, and the ends of its interval."""

    end: float
    low: float
    high: float


def bars(scores: Sequence[Score], metric: str) -> dict[str, Bar]:
    """One a method, on a common axis."""
    scale = axis([score.values[metric].high for score in scores], 0, 100)
    found = {}
    for score in scores:
        value = score.values[metric]
        low, high = (value.low, value.high) if math.isfinite(value.low) else (value.mean, value.mean)
        found[score.method] = Bar(scale(value.mean), scale(low), scale(high))
    return found


@dataclass(frozen=True)
class Line:
    """One method's line: its corners as an SVG path, its band, and its points with what they say."""

    method: str
    path: str
    band: str
    points: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class LinePlot:
    """Lines over steps of history length."""

    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    lines: tuple[Line, ...]


def learning_curve(points: Sequence[CurvePoint], write: Callable[[float, int], str]) -> LinePlot:
    """The main metric by number of orders, each step as wide as the next."""
    inside = WIDTH - LEFT - RIGHT
    place = [round(LEFT + inside * (n + 0.5) / len(points), 1) for n in range(len(points))]
    tops = [value.high if math.isfinite(value.high) else value.mean for p in points for value in p.values.values()]
    scale = axis(tops, HEIGHT - BOTTOM, TOP)
    lines = []
    for method in points[0].values:
        values = [point.values[method] for point in points]
        middle = [(x, scale(value.mean), write(value.mean, 3)) for x, value in zip(place, values, strict=True)]
        upper = [f"{x} {scale(value.high)}" for x, value in zip(place, values, strict=True)]
        lower = [f"{x} {scale(value.low)}" for x, value in zip(place, values, strict=True)]
        lines.append(
            Line(
                method,
                "M" + " L".join(f"{x} {y}" for x, y, _ in middle),
                "M" + " L".join([*upper, *reversed(lower)]) + " Z",
                tuple(middle),
            )
        )
    ticks = tuple(Tick(x, steps_text(point)) for x, point in zip(place, points, strict=True))
    return LinePlot(ticks, scale.ticks(write), tuple(lines))


def steps_text(point: CurvePoint) -> str:
    """'1', '3–4', '65+'."""
    if point.most is None:
        return f"{point.least}+"
    return str(point.least) if point.most == point.least else f"{point.least}–{point.most}"


@dataclass(frozen=True)
class Dot:
    """A point, how large, its label and where that is; `label` '' where there is no room for one."""

    x: float
    y: float
    radius: float
    label: str
    label_x: float = 0.0
    label_y: float = 0.0
    anchor: str = "start"
    kind: str = ""


@dataclass(frozen=True)
class DotPlot:
    """Points over two axes."""

    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    dots: tuple[Dot, ...]
    diagonal: tuple[float, float, float, float] | None = None


def calibration(points: Sequence[Reliability], write: Callable[[float, int], str]) -> DotPlot:
    """Promised against observed probability, on equal axes with the line of a perfect promise."""
    ends = [value for point in points for value in (point.predicted, point.observed)]
    x, y = axis(ends, LEFT, WIDTH - RIGHT), axis(ends, HEIGHT - BOTTOM, TOP)
    dots = tuple(
        Dot(x(point.predicted), y(point.observed), 4.5, f"{write(point.predicted, 3)} → {write(point.observed, 3)}")
        for point in points
    )
    return DotPlot(x.ticks(write), y.ticks(write), dots, (x(0), y(0), x(x.high), y(y.high)))


def coverage_plot(
    scores: Sequence[Score], coverage: str, metric: str, name: Callable[[str], str], write: Callable[[float, int], str]
) -> DotPlot:
    """Coverage against accuracy, labelled where labels do not touch; the first scores get the best places."""
    # Room on the right for the labels of the dots that are farthest there.
    x = axis([score.lists[coverage] for score in scores], LEFT, WIDTH - RIGHT, room=0.35)
    y = axis([score.values[metric].mean for score in scores], HEIGHT - BOTTOM, TOP)
    at = [(x(score.lists[coverage]), y(score.values[metric].mean)) for score in scores]
    taken = [(px - 6, py - 6, px + 6, py + 6) for px, py in at]
    dots = []
    for score, (px, py) in zip(scores, at, strict=True):
        radius = 6.5 if score.kind == "recommender" else 4.5
        dots.append(_labelled(px, py, radius, name(score.method), score.kind, taken))
    return DotPlot(x.ticks(write), y.ticks(write), tuple(dots))


Box = tuple[float, float, float, float]


def _labelled(x: float, y: float, radius: float, label: str, kind: str, taken: list[Box]) -> Dot:
    """The dot with its label beside, above or below it, whichever is free; adds the label's box to `taken`."""
    width = len(label) * LETTER
    for label_x, label_y, anchor in (
        (x + 10, y + 4.5, "start"),
        (x - 10, y + 4.5, "end"),
        (x, y - 11, "middle"),
        (x + 6, y - 11, "end"),
        (x, y + 20, "middle"),
        (x + 10, y - 8, "start"),
        (x + 10, y + 17, "start"),
    ):
        left = {"start": label_x, "end": label_x - width, "middle": label_x - width / 2}[anchor]
        box = (left, label_y - LINE + 3, left + width, label_y + 3)
        inside = box[0] > LEFT and box[2] < WIDTH and box[1] > TOP - 8 and box[3] < HEIGHT - BOTTOM
        if inside and not any(_touch(box, other) for other in taken):
            taken.append(box)
            return Dot(x, y, radius, label, round(label_x, 1), round(label_y, 1), anchor, kind)
    return Dot(x, y, radius, label, kind=kind)


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

"""Questions with outside ids in, lists that obey the shop's rules out."""

from recsvc.engine.answering import Engine
from recsvc.engine.diversity import Diversity
from recsvc.engine.explaining import explain
from recsvc.engine.explanation import Explanation
from recsvc.engine.filters import Boost, Condition, Filter, ShapeError, parse_boosts, parse_filter
from recsvc.engine.live import LiveEngine
from recsvc.engine.past import Past, PastLine, PastOrder
from recsvc.engine.query import Answer, AnsweredItem, Pin, Query

__all__ = [
    "Answer",
    "AnsweredItem",
    "Boost",
    "Condition",
    "Diversity",
    "Engine",
    "Explanation",
    "Filter",
    "LiveEngine",
    "Past",
    "PastLine",
    "PastOrder",
    "Pin",
    "Query",
    "ShapeError",
    "explain",
    "parse_boosts",
    "parse_filter",
]

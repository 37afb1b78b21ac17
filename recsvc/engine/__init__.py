"""Questions with outside ids in, lists that obey the shop's rules out."""

from recsvc.engine.answering import Engine
from recsvc.engine.explaining import explain
from recsvc.engine.explanation import Explanation
from recsvc.engine.live import LiveEngine
from recsvc.engine.past import Past, PastLine, PastOrder
from recsvc.engine.query import Answer, AnsweredItem, Query

__all__ = [
    "Answer",
    "AnsweredItem",
    "Engine",
    "Explanation",
    "LiveEngine",
    "Past",
    "PastLine",
    "PastOrder",
    "Query",
    "explain",
]

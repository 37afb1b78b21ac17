"""A products feed with Merchant Center's attributes: read, judged, reported."""

from training.input.products.feed import ProductSettings
from training.input.products.judge import JudgedFeed, judge_feed

__all__ = ["JudgedFeed", "ProductSettings", "judge_feed"]

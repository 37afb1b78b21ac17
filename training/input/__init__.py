"""Purchases, products and customers in: read, checked, netted, coded, reported."""

from training.input.shop import Shop, read_shop
from training.input.sources import InputSettings, PurchaseSource, parse_columns

__all__ = ["InputSettings", "PurchaseSource", "Shop", "parse_columns", "read_shop"]

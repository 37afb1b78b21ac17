"""Purchases, products and customers in: read, checked, netted, coded, reported."""

from training.input.products import ProductSettings
from training.input.report import InputReport
from training.input.shop import Shop, read_shop
from training.input.sources import InputSettings, PurchaseSource

__all__ = ["InputReport", "InputSettings", "ProductSettings", "PurchaseSource", "Shop", "read_shop"]

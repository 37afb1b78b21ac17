"""The price of a kilogram, litre, metre, square or cubic metre beside the total price: §§ 4, 5 PAngV."""

import re
from functools import lru_cache

from recsvc.i18n import format_price

_MEASURE = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(mg|g|kg|ml|cl|dl|l|cbm|mm|cm|m|sqm)\s*", re.IGNORECASE)
# Each unit in the one that the law names.
_UNITS = {
    "mg": (1e-6, "kg"), "g": (1e-3, "kg"), "kg": (1.0, "kg"), "ml": (1e-3, "l"), "cl": (1e-2, "l"), "dl": (0.1, "l"),
    "l": (1.0, "l"), "cbm": (1.0, "m³"), "mm": (1e-3, "m"), "cm": (1e-2, "m"), "m": (1.0, "m"), "sqm": (1.0, "m²"),
}  # fmt: skip


@lru_cache(maxsize=100_000)
def unit_price(amount: float, currency: str, measure: str, locale: str) -> str:
    """'1 kg = 2,58 €' for 1.29 and '500 g'; '' where the measure says no such unit, or the item is just that much."""
    match = _MEASURE.fullmatch(measure)
    if match is None:
        return ""
    factor, unit = _UNITS[match[2].lower()]
    quantity = float(match[1].replace(",", ".")) * factor
    if quantity <= 0 or quantity == 1:
        return ""
    return f"1 {unit} = {format_price(amount / quantity, currency, locale)}"

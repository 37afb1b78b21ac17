"""What came out of a reading, by the shop's own ids."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from training.input import Shop

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DATA = Path(__file__).parent / "data"

Read = Callable[..., Shop]


@dataclass(frozen=True)
class Line:
    customer: str | None
    item: str
    quantity: float
    day: str


def lines_of(shop: Shop) -> list[Line]:
    """The shop's lines in their order, with ids and dates."""
    data = shop.data
    return [
        Line(
            customer=None if customer < 0 else data.customers[customer],
            item=data.catalogue.items[item],
            quantity=float(quantity),
            day=datetime.fromtimestamp(int(day) * 86_400, UTC).date().isoformat(),
        )
        for customer, item, quantity, day in zip(
            data.lines.customer, data.lines.item, data.lines.quantity, data.lines.day, strict=True
        )
    ]

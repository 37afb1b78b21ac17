"""Settings of the gate between a training and what customers see."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """What a new model may lose against the published one, as shares: `tolerance` on the same window; `collapse`
    against what the published one reached in its own; `items_lost` of the catalogue; `rows_lost` of customers or
    purchases.
    """

    tolerance: float = 0.02
    collapse: float = 0.25
    items_lost: float = 0.3
    rows_lost: float = 0.5

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.tolerance, self.collapse, self.items_lost, self.rows_lost)):
            raise ValueError("tolerance, collapse, items_lost and rows_lost are shares, 0 to 1")

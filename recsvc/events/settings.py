"""Section [events] of recsvc.toml: what each kind of event weighs, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """A purchase weighs 1. `view`, `click` and `add_to_cart` say what theirs weigh beside it, 0 (counts for nothing) to
    1; several of one item add up, to 1 at most. They count for `session_minutes`, the latest `session_items` items.
    What was bought is not shown again for `rest_hours`."""

    view: float = 0.3
    click: float = 0.4
    add_to_cart: float = 0.8
    session_minutes: int = 240
    session_items: int = 20
    rest_hours: int = 24

    def __post_init__(self) -> None:
        for name in ("view", "click", "add_to_cart"):
            weight = getattr(self, name)
            if not 0 <= weight <= 1:
                raise ValueError(f"{name} is {weight}; expected 0 to 1")
        if not 1 <= self.session_minutes <= 10_080:
            raise ValueError(f"session_minutes is {self.session_minutes}; expected 1 to 10,080, a week")
        if not 1 <= self.session_items <= 100:
            raise ValueError(f"session_items is {self.session_items}; expected 1 to 100")
        if not 0 <= self.rest_hours <= 720:
            raise ValueError(f"rest_hours is {self.rest_hours}; expected 0 to 720, thirty days")

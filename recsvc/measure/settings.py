"""Section [measure] of recsvc.toml: windows, costs, and who never gets a campaign."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """An outcome counts for `window_days` after the customer was assigned; `before_days` of earlier spend take noise
    away. A purchase is credited to a click on that item up to `click_days` earlier, else to a list that showed it up to
    `view_days` earlier (0: never). `margin` is the share of the price that stays, for items whose feed gives no
    cost_of_goods_sold. `cost_per_mail` and `tool_fee` (a campaign) are in currency units."""

    window_days: int = 28
    before_days: int = 90
    click_days: int = 7
    view_days: int = 0
    margin: float | None = None
    cost_per_mail: float = 0.0
    tool_fee: float = 0.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("window_days", 1, 365),
            ("before_days", 0, 730),
            ("click_days", 1, 90),
            ("view_days", 0, 30),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}; expected {least} to {most} days")
        if self.margin is not None and not 0 <= self.margin <= 1:
            raise ValueError(f"margin is {self.margin}; expected a share from 0 to 1")
        for name in ("cost_per_mail", "tool_fee"):
            if not 0 <= getattr(self, name) < 1e9:
                raise ValueError(f"{name} is {getattr(self, name)}; expected an amount from 0 up")

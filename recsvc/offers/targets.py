"""Where the links of a campaign lead: decided here, when the mail is made and when a link is clicked."""

import time
from pathlib import Path

from models.errors import RecsvcError
from recsvc.offers.campaign import Campaign, load_campaign
from recsvc.offers.campaign.sections import NAME
from recsvc.offers.links import product_link, with_parameters

FOLDER = "campaigns"  # in the store: the campaigns that the service knows
MOST_CACHED = 200_000


class Targets:
    """The product links of one campaign."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._links: dict[tuple[str, str], str] = {}

    def of(self, slot: str, item_id: str, link: str) -> str:
        """The item's page, marked with campaign and slot, and with nothing about the reader."""
        cached = self._links.get((item_id, slot))
        if cached is None:
            campaign = self._campaign
            target = product_link(link, item_id, campaign.link.product_url, campaign.sender.shop_url)
            cached = with_parameters(target, self._marks(slot))
            if len(self._links) >= MOST_CACHED:
                self._links.clear()
            self._links[item_id, slot] = cached
        return cached

    def _marks(self, slot: str) -> dict[str, str]:
        settings = self._campaign.link
        parameters = {
            "utm_source": settings.utm_source,
            "utm_medium": settings.utm_medium,
            "utm_campaign": settings.utm_campaign or self._campaign.id,
            "utm_content": settings.utm_content or slot,
            "utm_term": settings.utm_term,
        }
        return {key: value for key, value in parameters.items() if value}


class CampaignFolder:
    """The campaigns in `campaigns/` of a store, found by their id, which is the file's name; read anew when they
    change, looked at again after `seconds`."""

    def __init__(self, store: Path, *, seconds: float = 5.0) -> None:
        self._folder = store / FOLDER
        self._seconds = seconds
        self._known: dict[str, tuple[float, int, Campaign]] = {}

    def find(self, campaign_id: str) -> Campaign | None:
        """The campaign; None where there is none of this id, or its file is not right."""
        if not NAME.fullmatch(campaign_id):
            return None
        known, now = self._known.get(campaign_id), time.monotonic()
        if known is not None and now - known[0] < self._seconds:
            return known[2]
        path = self._folder / f"{campaign_id}.toml"
        try:
            stamp = path.stat().st_mtime_ns
            campaign = known[2] if known is not None and known[1] == stamp else load_campaign(path)
        except (OSError, RecsvcError):
            self._known.pop(campaign_id, None)
            return None
        if campaign.id != campaign_id:
            return None
        self._known[campaign_id] = (now, stamp, campaign)
        return campaign

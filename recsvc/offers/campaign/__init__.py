"""The campaign file: what marketing decides once, checked before anything is sent. TOML; see docs/offers.md."""

from recsvc.offers.campaign.loading import Campaign, campaign_of, load_campaign
from recsvc.offers.campaign.sections import Head, LinkSettings, Sender, Slot, Texts
from recsvc.offers.campaign.who import AudienceRules, BenefitChoice, Holdout, Limits, Schedule

__all__ = [
    "AudienceRules", "BenefitChoice", "Campaign", "Head", "Holdout", "Limits", "LinkSettings", "Schedule", "Sender",
    "Slot", "Texts", "campaign_of", "load_campaign",
]  # fmt: skip

"""What the settings, the store and the campaign files say, put together for the figures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from models.catalogue import Catalogue
from models.settings import read_section
from recsvc.experiments import read_experiments, shares_of
from recsvc.measure.figures import Figures
from recsvc.measure.kpis import DAYS, Asked, measure, prices_of
from recsvc.measure.settings import MeasureSettings
from recsvc.placements import read_config


def read_measure_settings(config: Path | None) -> MeasureSettings:
    """Section [measure] of recsvc.toml; the defaults without a file."""
    return read_section(MeasureSettings, read_config(config).get("measure", {}), "measure")


def ask(
    database: sa.Engine, catalogue: Catalogue | None, config: Path | None, *, now: datetime, days: int = DAYS,
    files: Sequence[Path] = (), campaign: str | None = None,
) -> Figures:  # fmt: skip
    """The figures; `campaign` is the id of one, or the path of its file, which also says what was to be held out."""
    settings = read_measure_settings(config)
    promised = shares_of(read_experiments(config))
    asked = Asked(now=now, days=days, settings=settings, files=files, campaign=campaign, promised=promised)
    if campaign is not None and campaign.endswith(".toml"):
        from recsvc.offers.campaign import load_campaign

        checked = load_campaign(Path(campaign))
        asked = replace(asked, campaign=checked.id, holdouts={checked.id: checked.holdout.share})
    return measure(database, prices_of(catalogue, settings.margin), asked)

"""The tiny shop of tests/conftest_shop.py as the trainer sees it, and one backtest of it that several tests look at."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.data import TrainingData
from training.evaluate.backtest import Backtest, BacktestSettings, backtest, backtest_steps
from training.evaluate.contenders import Contender
from training.evaluate.results import Results
from training.evaluate.summary import summarise
from training.evaluate.trained import trained_contender
from training.input import InputSettings, PurchaseSource, Shop, read_shop
from training.progress import Steps
from training.ranker_settings import RankerSettings
from training.settings import TrainingSettings

HORIZON = 7
SETTINGS = BacktestSettings(horizon_days=HORIZON, windows=2, k=(5, 10), resamples=200, examples=4)


@pytest.fixture(scope="session")
def shop(tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Purchases and products, read as a training reads them."""
    folder = tmp_path_factory.mktemp("read")
    return read_shop(
        (PurchaseSource(location=str(tiny_shop / "purchases.csv")),),
        tiny_shop / "products.csv",
        settings=InputSettings(),
        now=datetime(2026, 6, 1, tzinfo=UTC),
        work_dir=folder,
        rejects_path=folder / "rejects.parquet",
        tell=lambda text: None,
    )


@pytest.fixture(scope="session")
def data(shop: Shop) -> TrainingData:
    """What a training learns from."""
    return shop.data


@pytest.fixture(scope="session")
def contender() -> Contender:
    """The recommender with default settings."""
    return trained_contender("recsvc", TrainingSettings(ranker=RankerSettings(threads=1)), HORIZON)


@pytest.fixture(scope="session")
def found(data: TrainingData, contender: Contender) -> Backtest:
    """Two windows of the tiny shop."""
    with Steps(backtest_steps(SETTINGS), quiet=True) as steps:
        return backtest(data, [contender], SETTINGS, steps)


@pytest.fixture(scope="session")
def results(found: Backtest) -> Results:
    """The same, summed up."""
    return summarise(found)

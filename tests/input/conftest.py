"""Read small shops with one call."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.input.small_shops import NOW, Read
from training.input import InputSettings, PurchaseSource, Shop, read_shop


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """read(location or text of a CSV, products=…, **of PurchaseSource): the shop."""
    monkeypatch.delenv("RECSVC_HMAC_KEY", raising=False)

    def read_it(
        location: object,
        *,
        products: Path | None = None,
        settings: InputSettings | None = None,
        options: dict[str, Any] | None = None,
        now: datetime = NOW,
        **source: Any,
    ) -> Shop:
        if isinstance(location, str) and "\n" in location:
            path = tmp_path / "purchases.csv"
            path.write_text(location, encoding="utf-8")
            location = path
        return read_shop(
            [PurchaseSource(location=str(location), **source)],
            products,
            settings=settings or InputSettings(),
            now=now,
            work_dir=tmp_path / "work",
            rejects_path=tmp_path / "rejects.parquet",
            tell=lambda message: None,
            **(options or {}),
        )

    return read_it

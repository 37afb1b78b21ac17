"""All settings of a training: one dataclass a section of recsvc.toml, each defined beside what it sets."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from models.carts.carts import ComplementSettings
from models.carts.similar import SimilarSettings
from models.errors import SettingsError
from models.scenarios import ListSettings
from models.settings import SECTIONS, read_section, read_toml, unknown_key
from models.sources.categories import CategorySettings
from models.sources.customers import CustomerSettings
from models.sources.ease import EaseSettings
from models.sources.factors import FactorSettings
from models.sources.neighbours import NeighbourSettings
from models.sources.popular import PopularSettings
from models.sources.repeat import RepeatSettings
from training.gate_settings import GateSettings
from training.input import InputSettings, ProductSettings
from training.ranker_settings import RankerSettings
from training.spark.settings import SparkSettings


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Sections [purchases], [products], [lists], one for each source, [ranker], [gate] and [spark]."""

    purchases: InputSettings = field(default_factory=InputSettings)
    products: ProductSettings = field(default_factory=ProductSettings)
    lists: ListSettings = field(default_factory=ListSettings)
    repeat: RepeatSettings = field(default_factory=RepeatSettings)
    customers: CustomerSettings = field(default_factory=CustomerSettings)
    neighbours: NeighbourSettings = field(default_factory=NeighbourSettings)
    ease: EaseSettings = field(default_factory=EaseSettings)
    factors: FactorSettings = field(default_factory=FactorSettings)
    categories: CategorySettings = field(default_factory=CategorySettings)
    complements: ComplementSettings = field(default_factory=ComplementSettings)
    similar: SimilarSettings = field(default_factory=SimilarSettings)
    popular: PopularSettings = field(default_factory=PopularSettings)
    ranker: RankerSettings = field(default_factory=RankerSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    spark: SparkSettings = field(default_factory=SparkSettings)

    @classmethod
    def read(cls, path: Path | None) -> "TrainingSettings":
        """From a file, or the defaults; raises SettingsError for anything that no part of recsvc knows."""
        tables = read_toml(path) if path is not None else {}
        own = {entry.name: entry.default_factory for entry in fields(cls)}
        for name, table in tables.items():
            if name not in SECTIONS:
                raise SettingsError(f"{path}: {unknown_key(name, SECTIONS, 'recsvc.toml')}")
            if not isinstance(table, dict):
                raise SettingsError(f"{path}: {name} is {table!r}; expected a table [{name}]")
        try:
            return cls(**{name: read_section(own[name], table, name) for name, table in tables.items() if name in own})  # type: ignore[arg-type]
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from None

    @staticmethod
    def given(path: Path | None) -> frozenset[str]:
        """The settings that the file names, as 'section.name'."""
        tables = read_toml(path) if path is not None else {}
        return frozenset(f"{name}.{key}" for name, table in tables.items() if isinstance(table, dict) for key in table)

    def tables(self) -> dict[str, Any]:
        """As JSON-able tables, for the manifest."""
        return asdict(self)

"""Read a products feed of any kind as texts, one column an attribute."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.catalogue import LABELS
from models.errors import InputError
from training.input.cells import text_of
from training.input.columns import match_columns, suggestion
from training.input.engine import count_of, reading
from training.input.files import FEED_KINDS, InputFile, find_files, look_at
from training.input.products.xml_feed import xml_to_parquet
from training.input.readers import open_rows, refused_records

ATTRIBUTES = (
    "id", "title", "description", "link", "image_link", "price", "sale_price", "sale_price_effective_date",
    "availability", "availability_date", "expiration_date", "brand", "gtin", "identifier_exists", "product_type",
    "google_product_category", "item_group_id", "color", "size", "material", "pattern", "unit_pricing_measure",
    "unit_pricing_base_measure",
    "cost_of_goods_sold", "pause", *LABELS,
)  # fmt: skip
REQUIRABLE = ("link", "image_link", "price", "description", "brand", "product_type", "availability")


@dataclass(frozen=True, kw_only=True)
class ProductSettings:
    """Section [products] of recsvc.toml.

    `require`: attributes without which an item is not recommended; id and title always are. `max_shrink`: the share of
    items by which a feed may fall behind the one before; a feed beyond it is refused as cut off.
    """

    require: tuple[str, ...] = ()
    max_shrink: float = 0.3

    def __post_init__(self) -> None:
        for name in self.require:
            if name not in REQUIRABLE:
                raise ValueError(f"require has '{name}'; expected some of {', '.join(REQUIRABLE)}")
        if not 0 <= self.max_shrink <= 1:
            raise ValueError(f"max_shrink is {self.max_shrink}; expected 0 to 1")


@dataclass(frozen=True)
class Feed:
    """`rows`: attributes as text (null: empty) and `place`, ascending as read; `unread` counts unsplittable rows."""

    rows: ir.Table
    columns: tuple[str, ...]
    unread: int


def read_feed(engine: Backend, location: str, work_dir: Path) -> Feed:
    """All files of the feed; raises InputError for files without id or title, or that cannot be read."""
    tables, columns, unread = [], {"id": None}, 0
    for number, path in enumerate(find_files(location, FEED_KINDS)):
        file = look_at(path)
        if file.kind == "xml":
            export = work_dir / f"feed_{number}.parquet"
            xml_to_parquet(file, export, ATTRIBUTES)
            file = look_at(export)
        with reading(str(path)):
            table, found, lost = _read_file(engine, path, file, number)
        tables.append(table)
        columns |= dict.fromkeys(found)
        unread += lost
    rows = tables[0]
    for table in tables[1:]:
        rows = rows.union(table)
    return Feed(engine.create_table("feed", rows.order_by("place")), tuple(columns), unread)


def _read_file(engine: Backend, path: Path, file: InputFile, number: int) -> tuple[ir.Table, Sequence[str], int]:
    matched = match_columns(str(path), file.columns, {name: name for name in ATTRIBUTES})
    for name in ("id", "title"):
        if name not in matched:
            raise InputError(
                f"{path}: no column '{name}'{suggestion(name, file.columns)} "
                "(attributes are named as in Merchant Center)"
            )
    opened = open_rows(engine, f"feed_view_{number}", [file], matched)
    table = opened.table
    texts = {
        name: text_of(table[name], f"{path}: the column '{matched[name]}'") if name in matched else ibis.null("string")
        for name in ATTRIBUTES
    }
    staged = engine.create_table(f"feed_{number}", table.select(**texts))
    rows = staged.select(staged, place=staged.rowid() + (number << 40))
    lost = count_of(refused_records(engine, opened.refused)) if opened.refused else 0
    return rows, list(matched), lost

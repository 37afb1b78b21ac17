"""How the export of each shop system becomes canonical rows."""

from collections.abc import Callable, Mapping, Sequence

from ibis.backends.duckdb import Backend

from training.input.files import InputFile
from training.input.formats import canonical, complete_journey, ga4, shopify, woocommerce
from training.input.rows import RawRows

# (engine, name of the view to make, files of one layout, --columns) -> rows
Format = Callable[[Backend, str, Sequence[InputFile], Mapping[str, str]], RawRows]

FORMATS: dict[str, Format] = {
    "canonical": canonical.read,
    "complete-journey": complete_journey.read,
    "shopify": shopify.read,
    "woocommerce": woocommerce.read,
    "ga4": ga4.read,
}

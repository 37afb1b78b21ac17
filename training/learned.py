"""What a training leaves behind, whichever engine computed it: all that goes into a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.catalogue import Catalogue
from models.lists import StoredLists
from models.recommender import Recommender
from models.strings import IdIndex
from training.input import InputReport
from training.ranking import Trained
from training.tuning.chosen import Chosen


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned:
    """`counts`: sizes for the manifest, by which the gate also knows a fragment; `window`: first and last day of the
    purchases; `lists` of all customers by scenario; `carts`: how the completion of carts was judged."""

    report: InputReport
    customers: IdIndex
    catalogue: Catalogue
    counts: Mapping[str, int]
    window: tuple[int, int]
    chosen: Chosen
    recommender: Recommender
    trained: Trained
    carts: Mapping[str, Any]
    lists: Mapping[str, StoredLists]

"""What a training leaves behind, whichever engine computed it: all that goes into a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.bundle import Manifest
from models.catalogue import Catalogue
from models.lists import StoredLists
from models.recommender import Recommender
from models.strings import IdIndex
from training.carried import Carried
from training.gate import Verdict, judge
from training.input import InputReport
from training.ranking import Trained
from training.tuning.chosen import Chosen


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned:
    """`counts`: sizes for the manifest, by which the gate also knows a fragment; `window`: first and last day of the
    purchases; `lists` of all customers by scenario; `carts`: how the completion of carts was judged. `carried`: what
    went on from the published model, with its `facts` for the manifest; `draft`: purchases for the next night."""

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
    carried: Carried | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    draft: Path | None = None

    @property
    def backtest(self) -> Mapping[str, Any]:
        """How the rankers were judged, in this training or in the one that they were carried on from."""
        if self.carried is not None:
            backtest: Mapping[str, Any] = self.carried.manifest.metrics["backtest"]
            return backtest
        return {name: judgement.as_dict() for name, judgement in self.trained.judgements.items()}

    def verdict(self, champion: Manifest | None) -> Verdict:
        """What the gate says."""
        gate = self.chosen.settings.gate
        if self.carried is not None:
            return self.carried.verdict(self.counts, gate)
        return judge(self.trained.judgements, self.trained.beside, champion, self.counts, gate)

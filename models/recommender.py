"""Ranks items for a block of queries: candidates, features, trees; the same code for one customer and for many."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.candidates import Candidates
from models.carts.carts import DOCUMENT, Carts
from models.carts.similar import Similar
from models.catalogue import prefixed, under
from models.features import Columns, early, further
from models.interactions import Interactions
from models.lists import Ranked
from models.ranker import Draft, Ranker
from models.ranking import keys, rank
from models.scenarios import NEW_ONLY, OWNED_ONLY, RANKED_BY, SOURCES, SPREAD, ListSettings
from models.sources.categories import Categories
from models.sources.customers import Customers
from models.sources.ease import Ease
from models.sources.factors import Factors
from models.sources.neighbours import Neighbours
from models.sources.popular import Popular
from models.sources.protocol import Queries, Signals, Source
from models.sources.repeat import Repeat
from models.sparse import Places, Rows, row_numbers, segment_maxima, stored_where
from models.spread import DEPTH, Spread
from models.statistics import Statistics
from models.tops import best_new, best_of_rows

KINDS: Mapping[str, type[Source]] = {
    "repeat": Repeat,
    "customers": Customers,
    "neighbours": Neighbours,
    "ease": Ease,
    "factors": Factors,
    "categories": Categories,
    "complements": Carts,
    "similar": Similar,
    "popular": Popular,
}
# The sources of candidates for lists that depend on the customer alone.
PERSONAL = ("repeat", "customers", "neighbours", "ease", "factors", "categories", "popular")
# What each source says of a block.
Said = dict[str, tuple[Source, Signals]]
NOWHERE: NDArray[Any] = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Proposal:
    """A signal of a source and its scores, of which the `limit` best of each row become candidates."""

    source: str
    signal: str
    rows: "Rows[Any]"
    limit: int


@dataclass(frozen=True, eq=False)
class Recommender:
    """All that one training learned: the known customers' `histories`, the shop's `statistics`, the `sources`, a ranker
    for each scenario that has one, and the signal that orders each that has none (`baselines`)."""

    histories: Interactions
    statistics: Statistics
    sources: Mapping[str, Source]
    rankers: Mapping[str, Ranker]
    baselines: Mapping[str, str]
    settings: ListSettings
    spread: Spread = field(default_factory=Spread.nothing)

    def queries(
        self, customers: NDArray[Any], cart_row: NDArray[Any] = NOWHERE, cart_item: NDArray[Any] = NOWHERE
    ) -> Queries:
        """A block of customers (−1: unknown) on the day for which this was trained, with what is in their carts."""
        statistics = self.statistics
        history = self.histories.rows(customers)
        cart = cart_row.astype(np.int64), cart_item.astype(np.int32)
        return Queries(customers, history, *cart, statistics.today, statistics.horizon, statistics.n_items)

    def rank(
        self, queries: Queries, scenario: str, limit: int | None = None, *, within: NDArray[np.bool_] | None = None
    ) -> Ranked:
        """Every candidate of the scenario, best first; business rules come after, on this order.

        `within`, a mask of all items, has the customer's sources propose from these items alone, and so more of them.
        """
        return self.rank_several(queries, (scenario,), limit, within=within)[scenario]

    def rank_several(
        self,
        queries: Queries,
        scenarios: Sequence[str],
        limit: int | None = None,
        *,
        within: NDArray[np.bool_] | None = None,
    ) -> dict[str, Ranked]:
        """The same for several scenarios, whose candidates and features are computed once."""
        lists = {name: self._of_source(queries, name, limit) for name in scenarios if name not in RANKED_BY}
        personal = [name for name in scenarios if name in RANKED_BY]
        if personal:
            found = self.find(queries, within)
            columns = early(queries, found[0], self.statistics, found[1])
            scored = self._scored(queries, dict.fromkeys(map(RANKED_BY.__getitem__, personal)), found, columns)
            for name in personal:
                lists[name] = self._ranked(queries, name, found, columns, scored[RANKED_BY[name]], limit)
        return lists

    def find(self, queries: Queries, within: NDArray[np.bool_] | None = None) -> tuple[Candidates, Said]:
        """The first stage: each source's signals, and the union of what they propose."""
        said = {name: (self.sources[name], self.sources[name].score(queries)) for name in PERSONAL}
        wanted = []
        for proposal in self._speaking(said):
            rows = proposal.rows if within is None else stored_where(proposal.rows, within[proposal.rows.indices])
            wanted.append((rows, proposal.limit))
        (own, limit), *others = wanted
        best, pairs = best_of_rows(own, limit), queries.habits.pairs
        bought = keys(row_numbers(own)[best], own.indices[best])
        new = best_new(others, pairs.indptr, pairs.item)
        return Candidates.of(queries.habits, np.sort(np.concatenate([bought, new]))), said

    def proposals(self, queries: Queries, said: Said) -> Iterator[Proposal]:
        """What each source may propose: *repeat* what the row bought before, the others what it did not."""
        first, *others = self._speaking(said)
        yield first
        pairs = queries.habits.pairs
        owned = Places((len(queries), queries.n_items), pairs.row, pairs.item)
        for proposal in others:
            yield replace(proposal, rows=stored_where(proposal.rows, ~owned.hold(proposal.rows)))

    def _speaking(self, said: Said) -> Iterator[Proposal]:
        """First *repeat*, then the others; with what a row must not have of them."""
        yield Proposal("repeat", "habit", said["repeat"][1].rows["habit"], self.settings.own)
        for name, (source, signals) in said.items():
            limit = self.settings.others // 2 if name == "popular" else self.settings.others
            for signal in source.proposing if name != "repeat" else ():
                yield Proposal(name, signal, signals.rows[signal], limit)

    def _scored(
        self, queries: Queries, names: Iterable[str], found: tuple[Candidates, Said], columns: Columns
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """By ranker: the candidates that it considers, ascending, and their scores. What is on several short lists has
        its features computed once."""
        candidates, said = found
        scored: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        drafts: dict[str, Draft] = {}
        for name in names:
            at = np.flatnonzero(~candidates.owned) if name in NEW_ONLY else np.arange(len(candidates))
            if name in self.rankers:
                drafts[name] = self.rankers[name].draft(columns, at, candidates.row[at])
            else:
                scored[name] = at, self._baseline(self.baselines[name], candidates, at, said, columns)
        if drafts:
            chosen = np.zeros(len(candidates), np.bool_)
            for draft in drafts.values():
                chosen[draft.short_list] = True
            some = np.flatnonzero(chosen)
            known = {name: column[some] for name, column in columns.items()}
            every = further(queries, candidates.at(some), self.statistics, known)
            place = np.cumsum(chosen) - 1
            for name, draft in drafts.items():
                scored[name] = draft.at, self.rankers[name].score(draft, every, place[draft.short_list])
        return scored

    def _ranked(
        self,
        queries: Queries,
        scenario: str,
        found: tuple[Candidates, Said],
        columns: Columns,
        scored: tuple[NDArray[np.int64], NDArray[np.float64]],
        limit: int | None,
    ) -> Ranked:
        candidates, said = found
        at, score = scored
        if scenario in OWNED_ONLY:
            owned = candidates.owned[at]
            at, score = at[owned], score[owned]
        ranker = self.rankers.get(RANKED_BY[scenario])
        row, item = candidates.row[at], candidates.item[at]
        # The list is made as deep as a rare item may come from, and cut when that has its place.
        spreads = scenario in SPREAD and not self.spread.is_empty
        depth = max(limit, DEPTH) if spreads and limit is not None else limit
        ranked = rank(len(queries), row, item, score, depth)
        place = at[np.searchsorted(keys(row, item), keys(ranked.row, ranked.item))]
        carried = self._carried(candidates, place, said, columns)
        if ranker is not None:
            ranked = ranked.with_scores(ranker.probability(ranked.score))
        lists = Ranked(ranked, carried)
        return self.spread.applied(lists, queries.customer, limit) if spreads else lists

    def _baseline(
        self, signal: str, candidates: Candidates, at: NDArray[Any], said: Said, columns: Columns
    ) -> NDArray[np.float64]:
        """A feature's or a signal's own value; what it says nothing of follows by what sells."""
        if signal in columns:
            score = columns[signal][at]
        else:
            source, signals = next(pair for pair in said.values() if signal in pair[0].signals)
            score = source.at(signals, signal, candidates)[at]
        ordered: NDArray[np.float64] = np.nan_to_num(score) + 1e-6 * columns["sales_short"][at].astype(np.float64)
        return ordered

    def _carried(self, candidates: Candidates, place: NDArray[Any], said: Said, columns: Columns) -> NDArray[np.uint8]:
        """The source that speaks loudest for each candidate, each measured against its own loudest word in the row."""
        row, owned = candidates.row[place], candidates.owned[place]
        loudest = np.zeros(len(place), np.float32)
        carried = np.full(len(place), SOURCES.index("popular"), np.uint8)
        for name, (source, signals) in said.items():
            if name == "repeat":
                continue
            for signal in source.proposing:
                stored = signals.rows[signal]
                best = segment_maxima(row_numbers(stored), stored.data, candidates.shape[0])[row]
                score = columns[signal] if signal in columns else source.at(signals, signal, candidates)
                share = score[place] / np.maximum(best, 1e-9)
                louder = share > loudest
                loudest, carried = np.where(louder, share, loudest), np.where(louder, SOURCES.index(name), carried)
        return np.where(owned, SOURCES.index("repeat"), carried).astype(np.uint8)

    def _of_source(self, queries: Queries, scenario: str, limit: int | None) -> Ranked:
        source = self.sources[scenario]
        if isinstance(source, Carts):
            return source.rank(queries, limit)
        found = source.candidates(queries, limit if limit is not None else 400)
        return Ranked(found, np.full(len(found), SOURCES.index(scenario), np.uint8))

    def carriers(self, queries: Queries, ranked: Ranked) -> NDArray[np.int32]:
        """For each listed item the bought or asked item that carried it there, −1 where none did."""
        best = np.full(len(ranked.scored), -1, np.int32)
        carried_by = set(ranked.source.tolist())
        for name, source in self.sources.items():
            if SOURCES.index(name) in carried_by and isinstance(source, Neighbours | Carts | Similar):
                at = np.flatnonzero(ranked.source == SOURCES.index(name))
                best[at] = source.carriers(queries, ranked.scored.row[at], ranked.scored.item[at])
        return best

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            **prefixed({"histories": self.histories.arrays(), "statistics": self.statistics.arrays()}),
            **prefixed({f"sources.{name}": source.arrays() for name, source in self.sources.items()}),
            **prefixed({"spread": self.spread.arrays()}),
            **prefixed({f"rankers.{name}": ranker.arrays() for name, ranker in self.rankers.items()}),
        }

    def documents(self) -> dict[str, str]:
        """The rankers' trees as texts, by file name."""
        carts = self.sources.get("complements")
        of_carts = carts.documents() if isinstance(carts, Carts) else {}
        of_rankers = {f"ranker.{name}.txt": ranker.text for name, ranker in self.rankers.items()}
        foreseeing = {f"foresight.{name}.txt": one.foresight for name, one in self.rankers.items() if one.foresight}
        return of_rankers | foreseeing | of_carts

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Recommender":
        """Raises BundleError or KeyError where the bundle lacks a part."""
        arrays = under(bundle.arrays, "recommender")
        documents = bundle.manifest.documents
        rankers = {
            name: Ranker.from_arrays(
                under(arrays, f"rankers.{name}"),
                bundle.document(f"ranker.{name}.txt"),
                bundle.document(f"foresight.{name}.txt") if f"foresight.{name}.txt" in documents else "",
            )
            for name in dict.fromkeys(RANKED_BY.values())
            if f"ranker.{name}.txt" in documents
        }
        stored = {name: under(arrays, f"sources.{name}") for name in KINDS}
        sources = {name: kind.from_arrays(stored[name]) for name, kind in KINDS.items() if name != "ease"}
        if DOCUMENT in documents:
            trees = {DOCUMENT: bundle.document(DOCUMENT)}
            sources["complements"] = Carts.from_arrays(under(arrays, "sources.complements"), trees)
        statistics = Statistics.from_arrays(under(arrays, "statistics"))
        histories = Interactions.from_arrays(under(arrays, "histories"))
        settings = ListSettings(**bundle.manifest.settings["lists"])
        # Bundles of 0.1.0 know neither.
        sources["ease"] = Ease.from_arrays(stored["ease"]) if stored["ease"] else Ease.nothing(statistics.n_items)
        spread = Spread.from_arrays(under(arrays, "spread")) if "spread.item" in arrays else Spread.nothing()
        return cls(histories, statistics, sources, rankers, bundle.manifest.settings["baselines"], settings, spread)

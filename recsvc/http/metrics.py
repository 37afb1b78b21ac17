"""What Prometheus reads. With several workers each writes its own files, and whichever is asked adds all of them up.

`recsvc serve` sets METRICS_DIRECTORY before the workers import this; without it a process counts for itself.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from recsvc.engine import LiveEngine
from recsvc.events.event import TYPES
from recsvc.http.release import release
from recsvc.http.settings import METRICS_DIRECTORY
from recsvc.http.tally import Tally

BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048)


class Metrics:
    """Counters of one application. Labels are routes, codes, scenarios and sources, never anybody's id."""

    def __init__(self, live: LiveEngine) -> None:
        self._model = ModelCollector(live)
        self._registry = CollectorRegistry()
        self._registry.register(self._model)
        self._requests = Counter(
            "recsvc_http_requests", "Requests answered.", ("route", "code"), registry=self._registry
        )
        self._seconds = Histogram(
            "recsvc_http_request_duration_seconds",
            "Time in the service.",
            ("route",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._lists = Counter(
            "recsvc_recommendations", "Lists, by what filled them.", ("scenario", "fallback"), registry=self._registry
        )
        self._items = Counter(
            "recsvc_recommended_items", "Items in lists, by their source.", ("source",), registry=self._registry
        )
        self._events = Counter(
            "recsvc_events", "Events posted, by what became of them.", ("type", "outcome"), registry=self._registry
        )
        self._paths = Histogram(
            "recsvc_recommendation_duration_seconds",
            "Time for one list, by the way it was found.",
            ("path",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._tokens = Counter(
            "recsvc_customer_tokens", "Customer tokens, by what became of them.", ("status",), registry=self._registry
        )
        self._tally = Tally()
        # Looking a label up costs as much as counting; there are few, so each is looked up once.
        self._by_route: dict[tuple[str, int], Counter] = {}
        self._time_of: dict[str, Histogram] = {}
        self._by_list: dict[tuple[str, str], Counter] = {}
        self._by_source: dict[str, Counter] = {}
        self._by_path = {path: self._paths.labels(path) for path in ("lookup", "computed", "fallback")}

    def count_request(self, route: str, code: int, seconds: float) -> None:
        """One request; `route` is the rule that matched, not the address."""
        counter = self._by_route.get((route, code))
        if counter is None:
            counter = self._by_route[route, code] = self._requests.labels(route, code)
            self._time_of[route] = self._seconds.labels(route)
        self._tally.add([(counter, 1)], self._time_of[route], seconds)

    def count_list(
        self, scenario: str, fallback: str | None, sources: Mapping[str, int], seconds: float, *, computed: bool
    ) -> None:
        """One list: its scenario, what filled it, how many items each source brought; and how long it took to look it
        up, to compute it, or to fill it by a fallback, whichever came last."""
        path = "fallback" if fallback is not None else "computed" if computed else "lookup"
        self._tally.add(self._of_list(scenario, fallback, sources), self._by_path[path], seconds)

    def count_listed(self, scenario: str, fallback: str | None, sources: Mapping[str, int]) -> None:
        """The same of a list that was made together with others."""
        for counter, n in self._of_list(scenario, fallback, sources):
            counter.inc(n)

    def _of_list(self, scenario: str, fallback: str | None, sources: Mapping[str, int]) -> list[tuple[Counter, int]]:
        kind = scenario, fallback or "none"
        counter = self._by_list.get(kind)
        if counter is None:
            counter = self._by_list[kind] = self._lists.labels(*kind)
        counts = [(counter, 1)]
        for source, n_items in sources.items():
            counter = self._by_source.get(source)
            if counter is None:
                counter = self._by_source[source] = self._items.labels(source)
            counts.append((counter, n_items))
        return counts

    def start(self) -> None:
        """Let other workers see what is counted here within a moment."""
        self._tally.start()

    def count_token(self, status: str) -> None:
        """One customer token; `status` is a TokenStatus."""
        self._tokens.labels(status).inc()

    def count_events(self, kind: str, outcome: str, n_events: int = 1) -> None:
        """Events of one type: accepted, duplicate, refused, or unavailable while the database is down."""
        self._events.labels(kind if kind in TYPES else "unknown", outcome).inc(n_events)

    def watch(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Let `read` be asked for a gauge whenever Prometheus comes; it must be quick and not raise."""
        self._model.gauges[name] = (about, read)

    def exposition(self) -> bytes:
        """All workers' counts in the text format."""
        self._tally.flush()
        if not os.environ.get(METRICS_DIRECTORY):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        together.register(self._model)
        return generate_latest(together)


class ModelCollector(Collector):
    """What the asked worker sees at the moment of asking: its model, and what all workers share."""

    def __init__(self, live: LiveEngine) -> None:
        self._live = live
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("recsvc_build", "The program.", value={"version": release()})
        for name, (about, read) in self.gauges.items():
            yield GaugeMetricFamily(name, about, value=float(read()))
        loaded = self._live.loaded
        yield GaugeMetricFamily("recsvc_model_loaded", "1 while a model answers.", value=float(loaded))
        refused = self._live.problem is not None
        yield GaugeMetricFamily(
            "recsvc_model_refused", "1 while the published model cannot be loaded.", value=float(refused)
        )
        if loaded:
            yield from self._of_model()

    def _of_model(self) -> Iterator[Metric]:
        engine = self._live.current()
        created = datetime.fromisoformat(engine.manifest.created_at).timestamp()
        yield InfoMetricFamily("recsvc_model", "The model that answers.", value={"version": engine.version})
        yield GaugeMetricFamily("recsvc_model_created_timestamp_seconds", "When it was trained.", value=created)
        yield GaugeMetricFamily("recsvc_catalogue_items", "Items that it knows.", value=float(len(engine.catalogue)))
        yield GaugeMetricFamily("recsvc_customers", "Customers that it knows.", value=float(len(engine.customers)))

"""Counts on their way to Prometheus: a request adds to plain numbers, and now and then these go to the shared files.

One count there takes a lock, a look at the process' number and a write to a mapped file, and a request has seven.
"""

import threading
from bisect import bisect_left

from prometheus_client import Counter, Histogram

FLUSH_SECONDS = 0.2
MOST_WAITING = 1_000


class Tally:
    """Safe for several threads. Without `start()` what was counted waits for `flush()`, or for there to be much."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Counter, int] = {}
        self._seconds: list[tuple[Histogram, float]] = []

    def add(self, counts: list[tuple[Counter, int]], histogram: Histogram, seconds: float) -> None:
        """Add to counters, and one observation to a histogram."""
        with self._lock:
            waiting = self._counts
            for counter, n in counts:
                waiting[counter] = waiting.get(counter, 0) + n
            self._seconds.append((histogram, seconds))
        if len(self._seconds) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write down what was counted until now."""
        with self._lock:
            counts, self._counts = self._counts, {}
            seconds, self._seconds = self._seconds, []
        for counter, n in counts.items():
            counter.inc(n)
        by_histogram: dict[Histogram, list[float]] = {}
        for histogram, value in seconds:
            by_histogram.setdefault(histogram, []).append(value)
        for histogram, values in by_histogram.items():
            observe_all(histogram, values)

    def start(self) -> None:
        """Flush every FLUSH_SECONDS in a thread that ends with the process."""
        threading.Thread(target=self._follow, name="recsvc-metrics", daemon=True).start()

    def _follow(self) -> None:
        pause = threading.Event()
        while not pause.wait(FLUSH_SECONDS):
            if self._seconds:
                self.flush()


def observe_all(histogram: Histogram, values: list[float]) -> None:
    """`histogram.observe` of each value, with one write a bucket; prometheus_client has no such call of its own."""
    buckets: dict[int, int] = {}
    for value in values:
        bucket = bisect_left(histogram._upper_bounds, value)
        buckets[bucket] = buckets.get(bucket, 0) + 1
    histogram._sum.inc(sum(values))
    for bucket, n in buckets.items():
        histogram._buckets[bucket].inc(n)

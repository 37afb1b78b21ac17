"""What the service has counted since it started, all workers together: the page's reading of `/metrics`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, kw_only=True)
class Counted:
    """`lists` and `fallbacks` (those that a fallback filled) by scenario; `events` by outcome; `answers` over HTTP and
    how many of them were `errors` of ours; `tokens` of customers by what became of them."""

    lists: Mapping[str, int]
    fallbacks: Mapping[str, int]
    events: Mapping[str, int]
    answers: int
    errors: int
    tokens: Mapping[str, int]

    @property
    def lists_in_all(self) -> int:
        return sum(self.lists.values())

    def fallback_share(self, scenario: str | None = None) -> float | None:
        """0 to 1, of one scenario or of all; None where no list was asked for."""
        total = self.lists_in_all if scenario is None else self.lists.get(scenario, 0)
        filled = sum(self.fallbacks.values()) if scenario is None else self.fallbacks.get(scenario, 0)
        return filled / total if total else None


def read_counts(exposition: bytes) -> Counted:
    """From the text that Prometheus gets."""
    lists: Counter[str] = Counter()
    fallbacks: Counter[str] = Counter()
    events: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    answers = errors = 0
    for family in text_string_to_metric_families(exposition.decode()):
        for sample in family.samples:
            number, labels = int(sample.value), sample.labels
            match sample.name:
                case "recsvc_recommendations_total":
                    lists[labels["scenario"]] += number
                    fallbacks[labels["scenario"]] += number if labels["fallback"] != "none" else 0
                case "recsvc_events_total":
                    events[labels["outcome"]] += number
                case "recsvc_customer_tokens_total":
                    tokens[labels["status"]] += number
                case "recsvc_http_requests_total":
                    answers += number
                    errors += number if labels["code"].startswith("5") else 0
    return Counted(lists=lists, fallbacks=fallbacks, events=events, answers=answers, errors=errors, tokens=tokens)

"""What the service answers to programs, as one document: the places that the pages' figures name."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from recsvc.console.shown import Shown
from recsvc.i18n import translator
from recsvc.state import open_database
from recsvc.state.live_events import events
from tests.conftest_shop import run_recsvc

AGES = ("ready.model_age_seconds",)
LISTS = ("home", "discover", "again")


@dataclass
class Interfaces:
    """The interfaces of one service: HTTP at `address` with a key, and the commands over its `store`."""

    address: str
    token: str
    store: Path
    _known: dict[str, Any] = field(default_factory=dict)

    def http(self, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """An answer; POST where there is a body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-API-Key": self.token, "Content-Type": "application/json"}
        with urlopen(Request(self.address + path, data, headers), timeout=20) as answer:
            found: bytes = answer.read()
            return found

    def command(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        result = run_recsvc(*arguments, "--store", self.store)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def find(self, figure: str, *, customer: str, item: str, version: str, campaign: str) -> Any:
        """What the interfaces say where a page shows `figure`, for the page about these."""
        source, _, path = figure.partition(".")
        key = {"person": customer, "recommend": customer, "explain": customer + item, "manifest": version}.get(
            source, ""
        )
        name = f"{source} {key}"
        if source not in ("metrics", "ready") and name in self._known:
            return inside(self._known[name], path)
        found = getattr(self, source)(customer=customer, item=item, version=version, campaign=campaign)
        self._known[name] = found
        return inside(found, path)

    def ready(self, **_: str) -> Any:
        return json.loads(self.http("/health/ready"))

    def kpis(self, **_: str) -> Any:
        return json.loads(self.http("/kpis"))

    def models(self, **_: str) -> Any:
        return {row["version"]: row for row in self.command("models", "list", "--json")}

    def manifest(self, *, version: str, **_: str) -> Any:
        return self.command("models", "show", version)

    def manifests(self, **_: str) -> Any:
        return {version: self.command("models", "show", version) for version in self.models()}

    def catalogue(self, **_: str) -> Any:
        return self.command("models", "catalogue")

    def person(self, *, customer: str, **_: str) -> Any:
        return self.command("customers", "export", customer)

    def recommend(self, *, customer: str, **_: str) -> Any:
        asked = {"customer_id": customer, "explain": True}
        return {name: json.loads(self.http("/recommend", {**asked, "scenario": name})) for name in LISTS}

    def explain(self, *, customer: str, item: str, **_: str) -> Any:
        """The past as the command tells it, and the item as HTTP explains it, which knows of live events."""
        found = [
            one["explanation"] for one in self.recommend(customer=customer)["home"]["items"] if one["item_id"] == item
        ]
        return {**self.command("explain", customer, "--json"), "items": found}

    def export(self, *, campaign: str, **_: str) -> Any:
        file = self.store / "campaigns" / f"{campaign}.toml"
        out = str(self.store / "out")
        return self.command("offers", "export", str(file), "--out", out, "--json", "--quiet", "--no-record")

    def audience(self, *, campaign: str, **_: str) -> Any:
        told = self.export(campaign=campaign)
        left_out = {reason: number for reason, number in told["left_out"].items() if reason != "no items"}
        size = told["written"] + told["left_out"].get("no items", 0)
        return {"size": size, "of": size + sum(left_out.values()), "left_out": left_out}

    def events(self, **_: str) -> Any:
        database = open_database(None, self.store)
        today = datetime.now(UTC).date()
        counted = {(today - timedelta(days=back)).isoformat(): Counter[str]() for back in range(20)}
        with database.connect() as connection:
            for at, kind in connection.execute(sa.select(events.c.happened_at, events.c.type)):
                counted[f"{at.astimezone(UTC):%Y-%m-%d}"][kind] += 1
        database.dispose()
        return counted

    def metrics(self, **_: str) -> Any:
        lists: Counter[str] = Counter()
        filled: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        for family in text_string_to_metric_families(self.http("/metrics").decode()):
            for sample in family.samples:
                if sample.name == "recsvc_recommendations_total":
                    lists[sample.labels["scenario"]] += int(sample.value)
                    filled[sample.labels["scenario"]] += int(sample.value) * (sample.labels["fallback"] != "none")
                elif sample.name == "recsvc_events_total":
                    outcomes[sample.labels["outcome"]] += int(sample.value)
        return {
            "lists": lists.total(),
            "fallback_share": filled.total() / lists.total() if lists.total() else None,
            "events": outcomes,
            "by_scenario": {
                name: {"lists": number, "fallback_share": filled[name] / number} for name, number in lists.items()
            },
        }


def inside(document: Any, path: str) -> Any:
    """What stands at 'a.0.b', None for nothing; a counter has 0 of what it never saw."""
    if not path or document is None:
        return document
    if isinstance(document, list):
        place, _, rest = path.partition(".")
        return inside(document[int(place)], rest)
    for name in sorted(document, key=len, reverse=True):  # a name may hold points
        if path == name or path.startswith(name + "."):
            return inside(document[name], path[len(name) + 1 :])
    return 0 if isinstance(document, Counter) else None


def written(value: float | None, language: str, currency: str) -> set[str]:
    """Every way in which a page may write a value in a language."""
    shown = Shown(translator(language), currency)
    ways = [shown.number(value, "", digits) for digits in range(4)]
    ways += [shown.percent(value, "", digits) for digits in (0, 1)]
    ways += [shown.gain(value), shown.money(value), shown.age(value)]
    return {re.sub(r"<[^>]+>", "", way) for way in ways}


def same(shown: str, told: Any, figure: str) -> bool:
    """Whether a figure's exact value is what the interfaces say; an age may have grown since."""
    if told is None:
        return shown == ""
    if figure in AGES:
        return 0 <= float(told) - float(shown) < 60
    return float(shown) == float(told)

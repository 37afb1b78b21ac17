"""The real recsvc of one world: `train`, `serve`, `offers export`, `kpis`, and what is asked and told over HTTP."""

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from benchmarks.cost import RECSVC
from benchmarks.swap import free_port, wait_until_ready
from models.registry import Registry
from recsvc.client import Client, Event
from recsvc.state import open_database
from recsvc.state.mailing import mail_clicks, mails

MOST_EVENTS, MOST_LINES = 1_000, 1_000
PATIENCE = 60.0
CAMPAIGN = """
[campaign]
id = "weekly"
locale = "en"
edition = "{edition}"

[holdout]
share = {holdout}

[[slots]]
name = "picks"
scenario = "{scenario}"
n = {n}

[mail]
from_name = "Shop"
from_address = "offers@news.shop.example"
shop_url = "https://shop.example/"
imprint_url = "https://shop.example/imprint"
privacy_url = "https://shop.example/privacy"
service_url = "https://recs.shop.example"

[mail.en]
subject = "For you this week"
preheader = "What you may need now, and what is new to you, on one page."
"""


def recsvc(*arguments: str | Path) -> str:
    """A command of recsvc; its stdout. Raises SystemExit with what it said when it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RECSVC_")}
    done = subprocess.run([RECSVC, *map(str, arguments)], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"recsvc {' '.join(map(str, arguments))}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def train(store: Path, files: Path, *, live: bool) -> None:
    """Train and publish; `files` has purchases.csv, products.csv and recsvc.toml."""
    told = ("--purchases", "live") if live else ()
    given = "--purchases", files / "purchases.csv", "--products", files / "products.csv"
    # A shop that retrains every week publishes what it learned; the gate is tested elsewhere.
    recsvc("train", *given, *told, "--config", files / "recsvc.toml", "--store", store, "--force", "--quiet")


@dataclass(frozen=True)
class Listed:
    """A list as it came: the id to report by, and item ids."""

    recommendation_id: str
    items: list[str]


@dataclass(frozen=True)
class Reader:
    """A mail as it left: who gets it, its items and their links."""

    customer_id: str
    items: list[str]
    links: list[str]


class Service:
    """A running `recsvc serve` on a store of its own."""

    def __init__(self, store: Path, files: Path, port: int, key: str) -> None:
        self.store, self.files, self._port, self._key = store, files, port, key
        self._client = Client(f"http://127.0.0.1:{port}", key=key, timeout=PATIENCE)

    def lists(self, customers: Sequence[str], asked: Mapping[str, Any]) -> list[Listed]:
        """A list for each, in order, over `/recommend/batch`."""
        found: list[Listed] = []
        for start in range(0, len(customers), MOST_LINES):
            block = customers[start : start + MOST_LINES]
            body = "\n".join(json.dumps({"customer_id": one, "fields": ["score"], **asked}) for one in block)
            answered = self._request("POST", "/recommend/batch", body, "application/x-ndjson")
            lines = [json.loads(line) for line in answered.splitlines()]
            if len(lines) != len(block) or any("recommendation_id" not in line for line in lines):
                raise SystemExit(f"the batch was not answered: {answered[:300]!r}")
            found += [Listed(one["recommendation_id"], [item["item_id"] for item in one["items"]]) for one in lines]
        return found

    def tell(self, events: Sequence[Event]) -> None:
        """Post events, a thousand at a time; all must be taken."""
        for start in range(0, len(events), MOST_EVENTS):
            block = events[start : start + MOST_EVENTS]
            taken = self._client.send_events(block)
            if taken.accepted != len(block):
                raise SystemExit(f"{len(block) - taken.accepted} events were not taken: {taken.errors[:3]}")

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def follow(self, link: str) -> None:
        """Click on a mail's link, which leads over the service to the shop."""
        self._request("GET", urlsplit(link).path, None, "text/html")

    def retrain(self) -> None:
        """Learn from files and events, and wait until the service answers from the new model."""
        train(self.store, self.files, live=True)
        version, end = Registry(self.store).current(), time.monotonic() + PATIENCE
        while self._client.recommend(n=1).model_version != version:
            if time.monotonic() > end:
                raise SystemExit(f"the service does not take up the model {version}")
            time.sleep(0.1)

    def mail(self, edition: str, scenario: str, *, n: int, holdout: float) -> list[Reader]:
        """Export this week's mail as files, and read them as the mailing tool does."""
        path, out = self.store / "campaigns" / "weekly.toml", self.store / "mails"
        path.parent.mkdir(exist_ok=True)
        path.write_text(CAMPAIGN.format(edition=edition, scenario=scenario, n=n, holdout=holdout), encoding="utf-8")
        recsvc("offers", "export", path, "--out", out, "--to", "jsonl", "--store", self.store, "--quiet")
        found = []
        for line in (out / "weekly.jsonl").read_text(encoding="utf-8").splitlines():
            offer = json.loads(line)
            items = [item for slot in offer["slots"] for item in slot["items"]]
            ids, links = [item["item_id"] for item in items], [item["link"] for item in items]
            found.append(Reader(offer["customer_id"], ids, links))
        return found

    def date_mails(self, edition: str, at: datetime) -> None:
        """Date what was mailed and clicked today to the simulated day: commands go by the clock of this machine."""
        database = open_database(None, self.store)
        with database.begin() as connection:
            connection.execute(sa.update(mails).where(mails.c.edition == edition).values(created_at=at))
            late = at + timedelta(hours=1)
            connection.execute(sa.update(mail_clicks).where(mail_clicks.c.edition == edition).values(at=late))
        database.dispose()

    def kpis(self, days: int) -> dict[str, Any]:
        """What `recsvc kpis` says."""
        config = "--config", self.files / "recsvc.toml", "--purchases", self.files / "purchases.csv"
        told = recsvc("kpis", "--json", "--days", str(days), *config, "--store", self.store)
        found: dict[str, Any] = json.loads(told)
        return found

    def _request(self, method: str, path: str, body: str | None, kind: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"Content-Type": kind, "Authorization": f"Bearer {self._key}"})
            response = connection.getresponse()
            answer = response.read()
            if response.status >= 400:
                raise SystemExit(f"{method} {path[:60]}: {response.status} {answer[:300]!r}")
            return answer
        finally:
            connection.close()


@contextmanager
def running(trained: Path, store: Path, files: Path) -> Iterator[Service]:
    """Serve a copy of the store `trained` in one worker until the block ends."""
    shutil.copytree(trained, store)
    key = recsvc("keys", "create", "--name", "loop", "--store", store).strip().splitlines()[-1]
    port = free_port()
    command = [RECSVC, "serve", "--port", str(port), "--workers", "1", "--rate-limit", "off"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RECSVC_")}
    where = ["--config", str(files / "recsvc.toml"), "--store", str(store)]
    service = subprocess.Popen([*command, *where], stderr=subprocess.DEVNULL, env=environment)
    try:
        wait_until_ready(port)
        answering = Service(store, files, port, key)
        try:
            yield answering
        finally:
            answering.close()
    finally:
        service.terminate()
        service.wait(PATIENCE)

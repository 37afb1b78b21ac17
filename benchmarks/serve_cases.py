"""The requests of `benchmarks.serve`, made from what a bundle knows, and wrk, which sends them."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from recsvc.engine import Engine, Query
from recsvc.engine.filters import parse_filter

N = 10  # items a list
MOST_CUSTOMERS = 20_000  # more than answers that a worker keeps; spread over all
COMPUTED = 2_000  # of them, where each list is computed
FILTERED = 20  # of them in each category: whether their lists are computed is found out beforehand
LOOKED_AT = 3  # categories tried for the filter that leaves too little of the stored lists
LUA = """
local requests = dofile("%s")
local place = 0
function request()
  place = place %% #requests + 1
  local one = requests[place]
  return wrk.format(one[1], one[2], {["Authorization"] = "Bearer %s", ["Content-Type"] = "application/json"}, one[3])
end
if %g > 0 then
  function delay() return math.floor(-math.log(1 - math.random()) * %g) end
end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"requests": %%d, "us": %%d, "failed": %%d, "p50": %%f, "p99": %%f}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Request:
    """One request; a body makes it a POST."""

    path: str
    body: dict[str, object] | None = None


@dataclass(frozen=True)
class Measured:
    """`per_second` answers, latency in ms."""

    per_second: float
    p50: float
    p99: float
    failed: int


def customers_of(engine: Engine) -> list[str]:
    """Known customers with a stored list of N items, every k-th of all."""
    step = max(1, len(engine.customers) // (2 * MOST_CUSTOMERS))
    ids = (engine.customers[place] for place in range(0, len(engine.customers), step))
    now = datetime.now(UTC)
    found = []
    for one in ids:
        before = engine.rankings
        answer = engine.recommend(Query(customer_id=one, n=N), now=now)
        if len(answer.items) == N and engine.rankings == before and answer.fallback is None:
            found.append(one)
        if len(found) == MOST_CUSTOMERS:
            break
    return found


def look_ups(customers: Sequence[str]) -> dict[str, list[Request]]:
    """The lists of known customers by GET and by POST; and with an item left out, which no worker keeps answers to."""
    asked: list[dict[str, object]] = [{"customer_id": one, "n": N} for one in customers]
    return {
        "look-up, GET": [Request("/recommend?" + urlencode(one)) for one in asked],
        "look-up, POST": [Request("/recommend", one) for one in asked],
        "look-up, POST, never kept": [Request("/recommend", {**one, "exclude": ["no-such-item"]}) for one in asked],
    }


def filtered(engine: Engine, customers: Sequence[str]) -> list[Request]:
    """Lists of one category each, of which the stored lists hold too little."""
    catalogue = engine.catalogue
    counts = Counter(catalogue.category[catalogue.listed].tolist())
    counts.pop(-1, None)
    requests = []
    for code, _ in counts.most_common(LOOKED_AT):
        condition: dict[str, object] = {"field": "category", "op": "=", "value": catalogue.categories[code]}
        wish = parse_filter(condition)
        for one in customers[:FILTERED]:
            before = engine.rankings
            engine.recommend(Query(customer_id=one, n=N, filter=wish), now=datetime.now(UTC))
            if engine.rankings > before:
                requests.append(Request("/recommend", {"customer_id": one, "n": N, "filter": condition}))
    return requests


def carts(engine: Engine, customers: Sequence[str]) -> list[Request]:
    """Complements of five items that somebody bought: the last order, filled up by the customer's own earlier items."""
    requests = []
    for one in customers[:COMPUTED]:
        past = engine.recommender.histories.rows(engine.customers.find_all([one]))
        items = list(dict.fromkeys(engine.catalogue.items[item] for item in past.item[-40:].tolist()))
        cart = list(dict.fromkeys([*engine.last_bought(one), *items]))[:5]
        if len(cart) == 5:
            requests.append(Request("/recommend", {"scenario": "complements", "items": cart, "n": N}))
    return requests


def views(engine: Engine, customers: Sequence[str]) -> Iterator[list[dict[str, object]]]:
    """A view of one item by each customer, in bodies that /events takes."""
    events: list[dict[str, object]] = [
        {
            "type": "view",
            "event_id": f"benchmark-{datetime.now(UTC):%H%M%S%f}-{place}",
            "customer_id": one,
            "items": [engine.catalogue.items[place * 7 % len(engine.catalogue.items)]],
        }
        for place, one in enumerate(customers)
    ]
    for start in range(0, len(events), 500):
        yield events[start : start + 500]


def wrk(port: int, requests: Sequence[Request], key: str, connections: int, seconds: float, scratch: Path,
        pause: float = 0.0) -> Measured:  # fmt: skip
    """Send the requests in turn; `pause` is how many ms each connection waits before each, on average."""
    table, script = scratch / "requests.lua", scratch / "wrk.lua"
    rows = (
        f'{{"{"GET" if one.body is None else "POST"}", {json.dumps(one.path)}, '
        + ("nil" if one.body is None else f"[==[{json.dumps(one.body)}]==]")
        + "}"
        for one in requests
    )
    table.write_text("return {\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    script.write_text(LUA % (table, key, pause, pause), encoding="utf-8")
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    return Measured(found["requests"] / found["us"] * 1e6, found["p50"], found["p99"], found["failed"])


def require_wrk() -> None:
    """Raises SystemExit, saying how to install it, where wrk is missing."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; Debian, Ubuntu: apt-get install wrk      macOS: brew install wrk")

"""How fast mails are rendered and offers exported, on The Complete Journey: its coupons as benefits, made-up addresses.

`python -m benchmarks.mails --store DIR` takes a store with a published model of it, such as `recsvc demo` leaves; its
customers are brought into a copy. Prints one JSON line.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson

from benchmarks.cost import RECSVC, cost_of
from benchmarks.coupons import coupons_as_benefits
from models.registry import Registry
from recsvc.engine import Engine
from recsvc.offers.campaign import load_campaign
from recsvc.offers.mail import MailRenderer
from recsvc.offers.run import Run
from recsvc.offers.sending.message import MessageBuilder
from recsvc.state import open_database

RENDERED = 4_000
CAMPAIGN = """
[campaign]
id = "bench"
locale = "de"

[benefit]
file = "benefits.toml"

[holdout]
share = 0.05

[[slots]]
name = "again"
scenario = "again"
n = 4

[[slots]]
name = "discover"
scenario = "discover"
n = 4

[mail]
from_name = "Larder"
from_address = "hello@larder.example"
shop_url = "https://larder.example/"
imprint_url = "https://larder.example/imprint"
privacy_url = "https://larder.example/privacy"
service_url = "https://recsvc.larder.example"

[mail.de]
subject = "{first_name}, das passt zu Ihnen"
subject_without_name = "Das passt zu Ihnen"

[mail.en]
subject = "{first_name}, picked for you"
subject_without_name = "Picked for you"

[link]
product_url = "https://larder.example/p/{item_id}"
"""


def copy_of(store: Path, folder: Path) -> Path:
    """The store without its customers, to write to."""
    copy = folder / "store"
    shutil.copytree(store, copy, ignore=shutil.ignore_patterns("recsvc.db*", "work"))
    return copy


def published(store: Path) -> None:
    """Ends the program where the store has no model."""
    if Registry(store).current() is None:
        print(f"{store} has no published model; run `recsvc demo` first, or give --store", file=sys.stderr)
        raise SystemExit(1)


def prepare(store: Path, folder: Path) -> tuple[Path, Path, int]:
    """A copy of the store with every known customer, half of them German; the campaign; and how many may be mailed."""
    copy, coupons = copy_of(store, folder), coupons_as_benefits()
    engine = Engine.from_bundle(Registry(copy).open(verify=False))
    people = folder / "people.csv"
    agreed = 0
    with people.open("w", encoding="utf-8") as out:
        out.write("customer_id,email,first_name,locale,email_ok,profiling_ok,tracking_ok,segment\n")
        for place in range(len(engine.customers)):
            mail, profile, tracking = place % 20 != 0, place % 10 != 3, place % 3 == 0
            agreed += mail
            name, locale, known = f"c{place}", "de" if place % 2 else "en", engine.customers[place]
            flags = f"{mail:d},{profile:d},{tracking:d}"
            out.write(f"{known},{name}@mail.example,Kim,{locale},{flags},{coupons.segments.get(known, '')}\n")
    cost_of([RECSVC, "customers", "import", str(people), "--store", str(copy), "--quiet"])
    campaign = folder / "campaign.toml"
    campaign.write_text(CAMPAIGN, encoding="utf-8")
    (folder / "benefits.toml").write_text(coupons.benefits, encoding="utf-8")
    return copy, campaign, agreed


def rates(store: Path, campaign: Path) -> dict[str, float]:
    """Mails a second on one core: rendered as HTML and text, and built as messages."""
    database = open_database(None, store)
    engine = Engine.from_bundle(Registry(store).open(verify=False))
    run = Run.of(load_campaign(campaign), engine, database, b"a secret of the benchmark", now=datetime.now(UTC))
    offers = []
    for block in run.offers(run.audience().customers(), reserve=False):
        offers += [offer for _, offer in block if offer.items]
    offers = (offers * (RENDERED // len(offers) + 1))[:RENDERED]
    renderer, builder = (
        MailRenderer(run.campaign, today=run.now.date()),
        MessageBuilder(run.campaign, run.secret, now=run.now),
    )
    renderer.render(offers[0])
    start = time.process_time()
    sizes = [len(renderer.render(offer).html) for offer in offers]
    rendered = time.process_time() - start
    start = time.process_time()
    for offer in offers[:500]:
        builder.build(offer)
    built = time.process_time() - start
    return {
        "rendered_per_s": round(len(offers) / rendered),
        "messages_per_s": round(500 / built),
        "largest_html_kb": round(max(sizes) / 1000, 1),
    }


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("var/store"))
    store = parser.parse_args().store
    published(store)
    with tempfile.TemporaryDirectory() as scratch:
        copy, campaign, agreed = prepare(store, Path(scratch))
        out = Path(scratch) / "out"
        figures: dict[str, object] = {"may_be_mailed": agreed}
        for language in ("de", "en"):
            export = [RECSVC, "offers", "export", str(campaign), "--store", str(copy), "--out", str(out)]
            cost = cost_of([*export, "--locale", language, "--quiet"])
            with (out / "bench.jsonl").open("rb") as lines:
                offers = [orjson.loads(line) for line in lines]
            figures |= {
                f"exported_{language}": len(offers),
                f"with_coupon_{language}": sum(bool(offer["benefits"]) for offer in offers),
                f"export_{language}_s": round(cost.seconds, 1),
                f"export_{language}_cpu_s": round(cost.cpu_seconds, 1),
                f"export_{language}_peak_mb": round(cost.peak_bytes / 2**20),
            }
        figures |= rates(copy, campaign)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

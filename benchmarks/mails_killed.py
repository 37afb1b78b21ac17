"""A sender of 10,000 mails that is killed again and again: who got a mail twice, and whom was forgotten.

`python -m benchmarks.mails_killed --store DIR` takes a store with a published model; customers go into a copy, mails
to a server in this process. Prints one JSON line; `twice` and `forgotten` must be 0.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks.cost import RECSVC, cost_of
from benchmarks.mails import CAMPAIGN, copy_of, published
from recsvc.state import open_database
from recsvc.state.mailing import mails

CONNECTIONS = 4


class Inbox:
    """Counts who was sent a mail."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.counts.update(envelope.rcpt_tos)
        return "250 taken"

    def wait_until_quiet(self) -> None:
        before = -1
        while before != self.counts.total():
            before = self.counts.total()
            time.sleep(0.5)


def prepare(store: Path, folder: Path, number: int) -> tuple[Path, Path]:
    """A copy of the store with so many customers whom the model need not know, and a campaign to all."""
    copy = copy_of(store, folder)
    people = folder / "people.csv"
    with people.open("w", encoding="utf-8") as out:
        out.write("customer_id,email,locale,email_ok,profiling_ok\n")
        out.writelines(f"n{at},n{at}@mail.example,{'de' if at % 2 else 'en'},1,0\n" for at in range(number))
    cost_of([RECSVC, "customers", "import", str(people), "--store", str(copy), "--quiet"])
    campaign = folder / "campaign.toml"
    text = CAMPAIGN.replace('[benefit]\nfile = "benefits.toml"\n', "").replace("share = 0.05", "share = 0")
    campaign.write_text(text.replace('scenario = "again"', 'scenario = "home"'), encoding="utf-8")
    return copy, campaign


def send(command: list[str], environment: dict[str, str], inbox: Inbox, rng: random.Random, kills: int) -> int:
    """Send until all is sent, killed `kills` times on the way; how often it was killed in truth."""
    killed = 0
    while True:
        goal = inbox.counts.total() + rng.randint(200, 1_500)
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None and (killed >= kills or inbox.counts.total() < goal):
            time.sleep(0.001)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        if process.wait() == 0:
            return killed
        if process.returncode != -signal.SIGKILL:
            raise SystemExit(f"the sender ended with {process.returncode}")
        inbox.wait_until_quiet()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("var/store"))
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=8)
    given = parser.parse_args()
    published(given.store)
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=30)
    with tempfile.TemporaryDirectory() as scratch:
        copy, campaign = prepare(given.store, Path(scratch), given.mails)
        command = [RECSVC, "offers", "send", str(campaign), "--no-dry-run", "--rate", "0", "--store", str(copy)]
        command += ["--connections", str(CONNECTIONS), "--quiet"]
        controller.start()
        start = time.perf_counter()
        environment = {**os.environ, "RECSVC_SMTP_URL": f"smtp://127.0.0.1:{port}"}
        killed = send(command, environment, inbox, random.Random(7), given.kills)  # noqa: S311
        seconds = time.perf_counter() - start
        controller.stop()
        with open_database(None, copy).connect() as connection:
            states = dict(map(tuple, connection.execute(sa.select(mails.c.customer_id, mails.c.state))))
    unsure = {f"{name}@mail.example" for name, state in states.items() if state == "unsure"}
    everybody = {f"n{at}@mail.example" for at in range(given.mails)}
    print(
        json.dumps(
            {
                "mails": given.mails,
                "kills": killed,
                "twice": sum(count > 1 for count in inbox.counts.values()),
                "forgotten": len(everybody - inbox.counts.keys() - unsure),
                "told_as_unsure": len(unsure),
                "unsure_but_taken": len(unsure & inbox.counts.keys()),
                "unsure_at_most": killed * CONNECTIONS,
                "seconds": round(seconds, 1),
            }
        ),
        file=sys.stdout,
    )


if __name__ == "__main__":
    main()

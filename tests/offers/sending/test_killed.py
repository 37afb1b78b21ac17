"""A sender that is killed again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest_shop import run_recsvc
from tests.offers.sending.conftest import Mailbox
from tests.offers.sending.test_send import READERS, states


def many_customers(store: Path, folder: Path, number: int) -> None:
    rows = "".join(f"n{place},n{place}@mail.example,1,1\n" for place in range(number))
    path = folder / "many.csv"
    path.write_text("customer_id,email,email_ok,profiling_ok\n" + rows, encoding="utf-8")
    assert run_recsvc("customers", "import", path, "--store", store, "--quiet").exit_code == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_again_and_again_it_sends_none_twice_and_forgets_none(
    shop_store: Path, sending_file: Path, mailbox: Mailbox, smtp_port: int, tmp_path: Path, database: sa.Engine
) -> None:
    many = 1_000
    many_customers(shop_store, tmp_path, many)
    environment = {**os.environ, "RECSVC_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}"}
    command = [
        sys.executable, "-c", "from recsvc.cli.main import main; main()", "offers", "send", str(sending_file),
        "--no-dry-run", "--rate", "0", "--connections", "4", "--store", str(shop_store), "--json", "--quiet",
    ]  # fmt: skip
    mailbox.slow = 0.002
    rng, kills, summary = random.Random(7), 0, {}
    while True:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = len(mailbox.raw)
        goal = before + rng.randint(20, 200)
        while process.poll() is None and (kills >= 5 or len(mailbox.raw) < goal):
            time.sleep(0.001)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        out, errors = process.communicate()
        mailbox.wait_until_quiet(0.2)
        if process.returncode == 0:
            summary = json.loads(out)
            break
        assert process.returncode == -signal.SIGKILL, errors
    counts = Counter(mailbox.recipients)
    assert kills >= 4
    assert max(counts.values()) == 1
    missing = (READERS | {f"n{place}@mail.example" for place in range(many)}) - counts.keys()
    told = Counter(states(database).values())
    # Each kill leaves up to one mail a connection in flight: told as unsure, and nearly always with the server.
    assert told["unsure"] <= 4 * kills
    assert len(missing) <= told["unsure"]
    assert told["sent"] + told["unsure"] == many + 4
    assert summary["campaign"] == "golden"

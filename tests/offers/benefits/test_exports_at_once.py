"""Eight exports at once, on both databases: caps and budgets hold, and nobody who said no is in any of them."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from recsvc.offers.holdout import held_out
from recsvc.state.mailing import benefit_counters, benefit_uses, mails
from tests.offers.made_up import CAMPAIGN

RECSVC = (sys.executable, "-c", "from recsvc.cli.main import main; main()")
EXPORTS, READERS, CAP, GIFTS = 8, 120, 50, 7
BENEFITS = f"""
[shop]
base_probability = 0.5
margin = 0.9

[[benefits]]
id = "scarce"
kind = "points"
value = 10
uplift = 2.0
cap_total = {CAP}
cap_per_customer = 1

[[benefits]]
id = "gift"
kind = "gift"
uplift = 1.0
budget_minor = {GIFTS * 100}
cost = {{ expected_unit_minor = 1, fixed_minor = 99 }}
conditions_url = "https://shop.example/c"
"""


def prepare(store: Path, folder: Path) -> list[Path]:
    """Eight campaigns that share a file of benefits; every tenth customer said no, every tenth is suppressed."""
    people, blocked = folder / "people.csv", folder / "blocked.txt"
    rows = "".join(f"n{at},n{at}@mail.example,{at % 10 != 0:d},{at % 2}\n" for at in range(READERS))
    people.write_text("customer_id,email,email_ok,profiling_ok\n" + rows, encoding="utf-8")
    blocked.write_text("".join(f"N{at}@mail.example\n" for at in range(READERS) if at % 10 == 1), encoding="utf-8")
    for arguments in (["import", str(people), "--quiet"], ["suppress", "--file", str(blocked)]):
        subprocess.run([*RECSVC, "customers", *arguments, "--store", str(store)], check=True, capture_output=True)
    (folder / "benefits.toml").write_text(BENEFITS, encoding="utf-8")
    text = CAMPAIGN.replace('scenario = "again"', 'scenario = "home"') + '[benefit]\nfile = "benefits.toml"\n'
    files = []
    for number in range(EXPORTS):
        files.append(folder / f"campaign-{number}.toml")
        head = text.replace('id = "golden"', f'id = "golden-{number}"')
        files[-1].write_text(head + "[holdout]\nshare = 0.2\n", encoding="utf-8")
    return files


def offers_in(folder: Path) -> dict[str, list[dict[str, Any]]]:
    lines = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in sorted(folder.glob("*.jsonl"))}
    return {name: [json.loads(line) for line in of_one] for name, of_one in lines.items()}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_exports_exceed_no_cap_and_write_to_nobody_who_said_no(
    tiny_store_copy: Path, database: sa.Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSVC_DATABASE_URL", database_url)
    files, out = prepare(tiny_store_copy, tmp_path), tmp_path / "out"

    def export(path: Path) -> subprocess.Popen[str]:
        arguments = [str(path), "--out", str(out), "--store", str(tiny_store_copy), "--quiet"]
        return subprocess.Popen([*RECSVC, "offers", "export", *arguments], stderr=subprocess.PIPE, text=True)

    running = [export(path) for path in files]
    assert [(process.communicate()[1], process.returncode) for process in running] == [("", 0)] * EXPORTS
    offers = offers_in(out)
    given = Counter(benefit["id"] for of_one in offers.values() for offer in of_one for benefit in offer["benefits"])
    assert given == {"scarce": CAP, "gift": GIFTS}
    with database.connect() as connection:
        counters = {row[0]: row[1:] for row in connection.execute(sa.select(benefit_counters))}
        uses = connection.execute(sa.select(benefit_uses.c.benefit_id, benefit_uses.c.customer_id)).all()
        states = Counter(connection.scalars(sa.select(mails.c.state)))
    assert {name: count for name, (count, _) in counters.items()} == given
    assert counters["gift"][1] <= GIFTS * 100
    assert max(Counter(name for benefit, name in uses if benefit == "scarce").values()) == 1
    for name, of_one in offers.items():
        written = {offer["customer_id"] for offer in of_one}
        allowed = {f"n{at}" for at in range(READERS) if at % 10 > 1}
        assert written == {one for one in allowed if not held_out(0.2, "", name, one)}
    assert states["exported"] == sum(len(of_one) for of_one in offers.values())
    # Once more, one of them: the same readers, the same benefits.
    again = export(files[3])
    assert (again.communicate()[1], again.returncode) == ("", 0)
    assert offers_in(out)["golden-3"] == offers["golden-3"]

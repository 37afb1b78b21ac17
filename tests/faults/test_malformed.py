"""Purchases mutated by a seed: whatever comes in, a shop or one error for a person comes out.

`python -m benchmarks.faults malformed` reads a thousand of them.
"""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.faults.malformed import SHAPES, Malformed, malformed_file, read_malformed
from benchmarks.faults.mutations import MUTATIONS
from models.errors import InputError
from tests.conftest_shop import run_recsvc
from tests.input.small_shops import Read

FILES = 24


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    first, again = malformed_file(1, 7, tmp_path), malformed_file(1, 7, tmp_path)
    assert first == again
    assert first.path.read_bytes() == malformed_file(1, 7, tmp_path).path.read_bytes()
    assert first.path.read_bytes() != malformed_file(2, 7, tmp_path).path.read_bytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read_before_it_is_mutated(shape: str, tmp_path: Path) -> None:
    format_name, suffix, make = SHAPES[shape]
    path = tmp_path / f"purchases{suffix}"
    for seed in range(20):
        path.write_bytes(make(random.Random(seed)))
        verdict = read_malformed(Malformed(path, format_name, ()), tmp_path)
        if verdict.kind == "read":
            return
    raise AssertionError(verdict)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    verdicts: Counter[str] = Counter()
    for number in range(FILES):
        file = malformed_file(3, number, tmp_path)
        verdict = read_malformed(file, tmp_path)
        assert not verdict.failed, (number, file.done, verdict)
        verdicts[verdict.kind] += 1
    assert verdicts["refused"]
    assert verdicts["read"] + verdicts["rejects"]


@pytest.mark.parametrize("mutation", ["cut", "garbage", "nested", "encoding", "zeros"])
def test_the_command_says_it_in_few_words(mutation: str, tmp_path: Path) -> None:
    format_name, suffix, make = SHAPES["ga4"]
    rng = random.Random(mutation)
    path = tmp_path / f"purchases{suffix}.gz"
    path.write_bytes(MUTATIONS["cut" if mutation == "cut" else "garbage"](rng, gzip.compress(make(rng))))
    if mutation in ("nested", "encoding", "zeros"):
        path = tmp_path / f"purchases{suffix}"
        path.write_bytes(MUTATIONS[mutation](rng, make(rng)[:400]))
    store = tmp_path / "store"
    result = run_recsvc("train", "--purchases", path, "--format", format_name, "--store", store, "--quiet")
    assert result.exit_code in (1, 2)
    assert result.stderr.startswith("recsvc: ")
    assert "Traceback" not in result.stderr
    assert not (store / "current").exists()


def test_gzip_with_a_hole_in_it(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "purchases.jsonl.gz"
    packed = bytearray(gzip.compress(random.Random(1).randbytes(50_000).hex().encode()))
    packed[2_000:2_100] = bytes(100)
    path.write_bytes(packed)
    with pytest.raises(InputError, match="the gzip file is cut off or damaged"):
        read(path)


def test_json_nested_deeper_than_anybody_means(read: Read, tmp_path: Path) -> None:
    rows = [
        {
            "customer_id": f"c{n % 3}",
            "order_id": f"o{n}",
            "item_id": f"i{n % 4}",
            "quantity": 1,
            "timestamp": "2026-01-02",
        }
        for n in range(40)
    ]
    path = tmp_path / "purchases.jsonl"
    path.write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}\n" + "".join(json.dumps(row) + "\n" for row in rows))
    assert read(path).report.rows_rejected == 1

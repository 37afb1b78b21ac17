"""Two trainers that publish at once, and flipped bits: is what is published always one of the two, and whole?

python -m benchmarks.faults publishers [--rounds 10]
python -m benchmarks.faults bits [--flips 200]
"""

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.faults.kills import SHOWN, faults_of, small_shop
from benchmarks.faults.trainings import Ended, Training
from models.bundle import open_bundle
from models.errors import BundleError
from models.registry import Registry


def train_at_once(arguments: list[list[str]]) -> list[Ended]:
    """All of these trainings at the same time; how each ended."""
    running = [Training(one) for one in arguments]
    return [training.wait() for training in running]


def faults_of_pair(registry: Registry, ended: list[Ended]) -> list[str]:
    """What is wrong after several trainings at once, of which each must have published or said why it did not."""
    found = [one.said for one in ended if one.code != 0]
    history = [entry.version for entry in registry.history()]
    if history[-1:] != [registry.current()]:
        found.append(f"{registry.current()} is published, and {history[-1:]} is the last in the history")
    if len(set(history)) != len(history):
        found.append(f"published twice: {history}")
    return found + faults_of(registry) + [f"{path} is left" for path in registry.work.iterdir()]


def measure_publishers(options: argparse.Namespace) -> dict[str, Any]:
    """Two trainers, of which one knows less, again and again."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="recsvc-publishers-") as directory:
        folder = Path(directory)
        arguments = small_shop(folder, options.seed)
        registry = Registry(folder / "store")
        for _ in range(options.rounds):
            # Not the same purchases: the same model, sealed within the same second, would have the same name.
            pair = [[*arguments, "--force"], [*arguments, "--force", "--until", "2025-12-25"]]
            failures += faults_of_pair(registry, train_at_once(pair))
            time.sleep(1.1)
        published = len(registry.history())
    return {"rounds": options.rounds, "publications": published, "failures": failures[:SHOWN]}


def measure_bits(options: argparse.Namespace) -> dict[str, Any]:
    """One bit flipped, or the end cut off, at random places of a bundle: each must be found, and named."""
    rng, missed = random.Random(options.seed), []  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="recsvc-bits-") as directory:
        folder = Path(directory)
        ended = Training(small_shop(folder, options.seed)).wait()
        if ended.code != 0:
            return {"failures": [ended.said]}
        registry = Registry(folder / "store")
        version = registry.versions()[0]
        path = registry.path(version)
        files = sorted(path.iterdir())
        for number in range(options.flips):
            file = rng.choice(files)
            sound = file.read_bytes()
            if not sound:
                continue
            done = damage(file, sound, rng, cut=number % 2 == 1)
            try:
                open_bundle(path)
                missed.append(f"{file.name}: {done}")
            except BundleError as error:
                if file.name not in str(error):
                    missed.append(f"{file.name}: {done} is told as {error}")
            if not any(file.name in problem for problem in registry.verify(version)):
                missed.append(f"{file.name}: {done}, and `models verify` does not name it")
            file.write_bytes(sound)
        sound_again = registry.verify(version) == []
        shutil.rmtree(path)
    return {"flips": options.flips, "files": len(files), "sound_again": sound_again, "failures": missed[:SHOWN]}


def damage(file: Path, sound: bytes, rng: random.Random, *, cut: bool) -> str:
    """Write the file with a bit flipped, or without its end; says which."""
    place = rng.randrange(len(sound))
    if cut:
        file.write_bytes(sound[:place])
        return f"cut after {place} bytes"
    flipped = bytearray(sound)
    bit = rng.randrange(8)
    flipped[place] ^= 1 << bit
    file.write_bytes(flipped)
    return f"bit {bit} of byte {place} flipped"

"""From a real grocer's purchases to everybody's lists: what training and recommending cost."""

import tempfile
from pathlib import Path

from benchmarks.cost import RECSVC, cost_of

LIST_LENGTH = 20


def main() -> None:
    """Train on all of The Complete Journey, then write the lists of all its customers."""
    with tempfile.TemporaryDirectory() as folder:
        store, lists = Path(folder) / "store", Path(folder) / "lists.jsonl"
        source = ["--purchases", "completejourney", "--format", "complete-journey"]
        trained = cost_of([RECSVC, "train", *source, "--store", str(store), "--quiet"])
        print(f"train                   {trained}")
        command = [RECSVC, "recommend", "--all", "-n", str(LIST_LENGTH), "--store", str(store), "--out", str(lists)]
        recommended = cost_of(command)
        with lists.open(encoding="utf-8") as lines:
            n_lists = sum(1 for _ in lines)
        print(f"recommend {n_lists:6,} lists  {recommended}")


if __name__ == "__main__":
    main()

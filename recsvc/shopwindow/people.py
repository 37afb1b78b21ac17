"""Invented people for the demo's customer ids: the data names households by a number and nothing else."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

NAMES = (
    "Ada", "Ahmet", "Alba", "Anton", "Aylin", "Beate", "Bruno", "Carla", "Cem", "Clara", "Daniel", "Dora",
    "Elif", "Emil", "Erik", "Esther", "Fatma", "Finn", "Frieda", "Greta", "Hanna", "Henri", "Ida", "Ines",
    "Jakob", "Jana", "Joris", "Juna", "Kaan", "Karla", "Kilian", "Lea", "Leon", "Lina", "Luis", "Maja", "Malik",
    "Marta", "Mats", "Mila", "Mina", "Nele", "Nico", "Nora", "Olga", "Oskar", "Paul", "Pia", "Rosa", "Ruben",
    "Samira", "Selma", "Simon", "Sofia", "Theo", "Tilda", "Tom", "Vera", "Yara", "Zoe",
)  # fmt: skip
COLUMNS = (
    "customer_id", "email", "first_name", "locale", "email_ok", "profiling_ok", "tracking_ok", "tier", "points",
)  # fmt: skip
SALT = b"larder 2349"
TIERS = ("", "", "bronze", "bronze", "silver", "gold")


def write_people(path: Path, customer_ids: Iterable[str]) -> None:
    """A customer file for `recsvc customers import`, the same for the same ids.

    Of each hundred about eighty agree to e-mail and ninety to a profile, half are written to in German; addresses are
    of example.org, which nobody can own.
    """
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(person(customer_id, number) for number, customer_id in enumerate(customer_ids, 1))


def person(customer_id: str, number: int) -> tuple[str, ...]:
    """One row; what it says depends on the id alone, but for the address, which counts."""
    dice = hashlib.blake2b(customer_id.encode(), digest_size=8, salt=SALT).digest()
    flag = ("false", "true")
    name = NAMES[dice[0] % len(NAMES)]
    return (
        customer_id,
        f"{name.lower()}.{number}@example.org",
        name,
        ("en", "de")[dice[1] % 2],
        flag[dice[2] % 10 < 8],
        flag[dice[3] % 10 < 9],
        flag[dice[4] % 10 < 6],
        TIERS[dice[5] % len(TIERS)],
        str(dice[6] * 10),
    )

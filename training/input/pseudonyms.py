"""E-mail addresses become pseudonyms: one address is one customer, and nobody reads it back without the key."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from models.errors import InputError

KEY_VARIABLE = "RECSVC_HMAC_KEY"
KEY_BYTES = 32
SHORTEST_KEY = 16
PREFIX = "hmac:"


def pseudonym(address: str, key: bytes) -> str:
    """'hmac:' and 128 bits of HMAC-SHA256 of the address without outer spaces and capitals."""
    return PREFIX + hmac.new(key, address.strip().lower().encode(), hashlib.sha256).hexdigest()[:32]


def pseudonym_key(path: Path) -> bytes:
    """The key in RECSVC_HMAC_KEY, else the one in the file, which is made (readable to its owner only) when missing."""
    if (given := os.environ.get(KEY_VARIABLE)) is not None:
        if len(given.encode()) < SHORTEST_KEY:
            raise InputError(f"{KEY_VARIABLE} has {len(given.encode())} bytes; expected at least {SHORTEST_KEY}")
        return given.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_text(encoding="ascii", errors="replace").strip()
        if len(key) < SHORTEST_KEY:
            raise InputError(f"{path}: holds no key; remove it to have a new one made, or set {KEY_VARIABLE}") from None
        return key.encode()
    key = secrets.token_hex(KEY_BYTES)
    with os.fdopen(made, "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key.encode()


def with_pseudonyms(engine: Backend, name: str, table: ir.Table, column: str, secret: Callable[[], bytes]) -> ir.Table:
    """The table with each e-mail address in `column` replaced by its pseudonym; other values and nulls stay."""
    cleaned = table.mutate(address=table[column].strip().lower())
    distinct = cleaned.filter(cleaned.address.contains("@")).select("address").distinct().to_pyarrow()["address"]
    key = secret() if len(distinct) else b""
    pairs = {"known": distinct, "pseudonym": pa.array([pseudonym(text.as_py(), key) for text in distinct], pa.string())}
    made = engine.create_table(name, ibis.memtable(pa.table(pairs)))
    joined = cleaned.left_join(made, [("address", "known")])
    return joined.mutate(**{column: ibis.coalesce(joined.pseudonym, joined[column])}).drop(
        "address", "known", "pseudonym"
    )

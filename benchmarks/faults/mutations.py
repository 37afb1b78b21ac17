"""What happens to files on their way from one program to another, and worse."""

import random
from collections.abc import Callable

Mutation = Callable[[random.Random, bytes], bytes]
CELLS = (
    b"", b"null", b"NaN", b"-inf", b"1e400", b"1e308", b"-0", b"0", b"9" * 40, b"0x10", b"1,5", b"1.234.567,89",
    b"2026-02-30", b"31.12.2025", b"0000-00-00", b"9999-12-31T23:59:59Z", b"2026-01-01T25:00:00", b"99999999999999999",
    b'"', b'""', b'"a', b"'", b"=1+1", b"<b>", b"{}", b"[]", b"true", b"\\", b"\\u0000", b"\xff\xfe", b"\xc3(",
    b"\xed\xa0\x80", b"\x00", b"\x1a", b"\x1b[31m", "\u202e\u200b\ufeff".encode(), "\U0001f9c0".encode(), b"a\rb",
    b"x" * 600, b"x" * 70_000, b"%s%n", b"../../etc/passwd", b"'; DROP TABLE rows; --", b"{{7*7}}",
)  # fmt: skip
SEPARATORS = b",;\t|:{}[]\"' \r\n"


def cut(rng: random.Random, data: bytes) -> bytes:
    """The copy broke off."""
    return data[: rng.randrange(len(data) + 1)]


def bit(rng: random.Random, data: bytes) -> bytes:
    """One bit is another."""
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]


def bits(rng: random.Random, data: bytes) -> bytes:
    """A good many bits are others."""
    for _ in range(rng.randrange(2, 60)):
        data = bit(rng, data)
    return data


def garbage(rng: random.Random, data: bytes) -> bytes:
    """Bytes of something else in the middle."""
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.choice((1, 16, 5_000))) + data[place + rng.choice((0, 100)) :]


def zeros(rng: random.Random, data: bytes) -> bytes:
    """A hole, as a file system leaves after a crash."""
    place = rng.randrange(len(data) + 1)
    length = rng.choice((1, 64, 4_096))
    return data[:place] + bytes(length) + data[place + length :]


def separator(rng: random.Random, data: bytes) -> bytes:
    """Some separators become others."""
    old, new = rng.choice(SEPARATORS), rng.choice(SEPARATORS)
    return bytes(new if byte == old and rng.random() < 0.1 else byte for byte in data)


def cell(rng: random.Random, data: bytes) -> bytes:
    """Values that mean something to some program are in the place of others."""
    for _ in range(rng.randrange(1, 6)):
        ends = [place for place, byte in enumerate(data) if byte in b',;\t\n":']
        if len(ends) < 2:
            return data
        start = rng.randrange(len(ends) - 1)
        data = data[: ends[start] + 1] + rng.choice(CELLS) + data[ends[start + 1] :]
    return data


def encoding(rng: random.Random, data: bytes) -> bytes:
    """Saved by a program of another time."""
    text = data.decode("utf-8", "replace").replace("Ware", "Wäre").replace("c1", "Ç1")
    return text.encode(
        rng.choice(("latin-1", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp437", "utf-7")), "replace"
    )


def endings(rng: random.Random, data: bytes) -> bytes:
    """Lines end as on another system, all or some of them."""
    new = rng.choice((b"\r\n", b"\r", b"\n\n", b"\n\r", b"\x0b", b"\x85"))
    lines = data.split(b"\n")
    if rng.random() < 0.5:
        return new.join(lines)
    return b"".join(line + rng.choice((b"\n", new)) for line in lines)


def repeated(rng: random.Random, data: bytes) -> bytes:
    """A line, such as the header, comes again, or a million times the same character."""
    lines = data.split(b"\n")
    if rng.random() < 0.3:
        return data + rng.choice((b"x", b'"', b",", b"[", b"{", b"\n")) * 1_000_000
    lines.insert(rng.randrange(len(lines) + 1), lines[rng.choice((0, -1))])
    return b"\n".join(lines)


def shuffled(rng: random.Random, data: bytes) -> bytes:
    """Lines in any order, the header among them; some are lost."""
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines[: rng.randrange(1, len(lines) + 1)])


def columns(rng: random.Random, data: bytes) -> bytes:
    """The header names other columns: renamed, doubled, empty."""
    head, newline, rest = data.partition(b"\n")
    names = head.split(b",")
    place = rng.randrange(len(names))
    names[place] = rng.choice((b"", b"customer_id", names[0], names[-1].upper(), b"a b", b'"x"', b"_file", b"rowid"))
    return b",".join(names) + newline + rest


def nested(rng: random.Random, data: bytes) -> bytes:
    """A value that goes on inwards."""
    depth = rng.choice((10, 400, 100_000))
    place = data.find(b":", rng.randrange(len(data) + 1))
    deep = rng.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth))
    return data[: place + 1] + deep + data[place + 1 :]


MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        *(cut, bit, bits, garbage, zeros, separator, cell, cell, encoding, endings),
        *(repeated, shuffled, columns, nested),
    )
}

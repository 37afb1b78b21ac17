"""Texts and ids as plain arrays, so that a million of them are mapped from disk and shared by all workers."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

LONGEST_ID = 512  # characters of an id of a customer, an order or an item


@dataclass(frozen=True, eq=False)
class StringTable:
    """n texts: text i is `data[offsets[i]:offsets[i + 1]]` in UTF-8. `data` uint8, `offsets` int64 of n + 1."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "StringTable":
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview]:
        # What a memoryview gives is a number or a slice of Python's own, in a third of numpy's time.
        return self.data.data, self.offsets.data

    def __getitem__(self, index: int) -> str:
        data, offsets = self._views
        return str(data[offsets[index] : offsets[index + 1]], "utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Iterable[int]) -> list[str]:
        return [self[index] for index in indices]

    def is_empty(self) -> NDArray[np.bool_]:
        """Which texts are '', shape (n,)."""
        return np.equal(self.offsets[1:], self.offsets[:-1])

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"data": self.data, "offsets": self.offsets}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "StringTable":
        return cls(arrays["data"], arrays["offsets"])  # type: ignore[arg-type]


def hash_id(text: str) -> int:
    """64 bits of BLAKE2b: the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True, eq=False)
class IdIndex:
    """Outside ids and their inside indices 0 … n − 1; the one owner of that mapping.

    `hashes` (uint64) is sorted and `order[k]` is the index whose id hashes to `hashes[k]`; a look-up is a binary
    search and one comparison, so that nothing is built when a bundle is opened.
    """

    table: StringTable
    hashes: NDArray[np.uint64]
    order: NDArray[np.int32]

    @classmethod
    def of(cls, ids: Sequence[str]) -> "IdIndex":
        """Index the ids in the order given; raises ValueError if one appears twice."""
        if len(set(ids)) != len(ids):
            raise ValueError("ids are not unique")
        hashes = np.fromiter(map(hash_id, ids), np.uint64, len(ids))
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        return cls(StringTable.of(ids), hashes[order], order)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> str:
        return self.table[index]

    def find(self, text: str) -> int:
        """The index of an id, or −1."""
        wanted = np.uint64(hash_id(text))
        place = int(self.hashes.searchsorted(wanted))
        while place < len(self.hashes) and self.hashes[place] == wanted:
            index = int(self.order[place])
            if self.table[index] == text:
                return index
            place += 1
        return -1

    def find_hashed(self, hashes: Iterable[int]) -> NDArray[np.int64]:
        """The indices of the ids with these `hash_id`s, those that are known, in order; each once."""
        wanted = np.fromiter(hashes, np.uint64)
        place = np.minimum(np.searchsorted(self.hashes, wanted), max(len(self.hashes) - 1, 0))
        if not len(self.hashes):
            return np.zeros(0, np.int64)
        return np.unique(self.order[place[self.hashes[place] == wanted]]).astype(np.int64)

    def find_all(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """The index of each id, −1 where it is unknown."""
        return np.fromiter(map(self.find, texts), np.int64)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {**self.table.arrays(), "hashes": self.hashes, "order": self.order}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "IdIndex":
        return cls(StringTable.from_arrays(arrays), arrays["hashes"], arrays["order"])  # type: ignore[arg-type]

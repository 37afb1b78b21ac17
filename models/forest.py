"""Gradient-boosted trees, summed by numpy for many rows at once.

A library walks one row at a time down one tree at a time, and the processor guesses half of the turns wrong. Here every
condition is asked of all rows at once, without a branch: the rows that reach a node are a string of bits, which its two
children share out by the condition's own string. What a row reaches at the end is read off a table, for as many trees
together as fit into one byte.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.trees import Tree, goes_right_when_missing

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
Bits = NDArray[np.uint8]
# Leaves count in whole units: their sums are exact, hence the same in whatever order and company they are added.
UNIT = 2.0**-32
# Rows at a time, so that their strings stay in the processor's cache.
ROWS = 2_048
# numpy copies what it broadcasts into buffers until so many values are together (8,192, unless told): here, the copying
# costs three times the comparing.
BUFFER = 1_024
# Fewer rows than this are compared with all thresholds in one step; more, feature by feature.
FEW = 400
BYTE = 8


@dataclass(frozen=True, eq=False)
class Conditions:
    """Distinct questions "is the value above `threshold`?", sorted by place; `place` names the rows of `used`.

    `used`: the features asked for, once each for those who go left where the value is missing, once for those who go
    right; `right` begins with the first of the latter. `bounds`: each place with its first and last question.
    """

    used: Indices
    right: int
    place: Indices
    threshold: Floats
    bounds: tuple[tuple[int, int, int], ...]

    def met(self, columns: Floats) -> Bits:
        """Each question's answers as bits; `columns` of shape (features, n), the answers (questions, ⌈n / 8⌉)."""
        n_bytes = -(-columns.shape[1] // BYTE)
        # Whole bytes, so that bits are packed in one run; what is beyond the last row means nothing.
        values = np.zeros((len(self.used), n_bytes * BYTE), np.float32)
        columns.take(self.used, axis=0, out=values[:, : columns.shape[1]], mode="clip")
        missing = values[self.right :]
        missing[np.isnan(missing)] = np.inf
        return np.packbits(self._met(values)).reshape(len(self.threshold), n_bytes)

    def _met(self, values: Floats) -> NDArray[np.bool_]:
        if values.shape[1] < FEW:
            return np.greater(values.take(self.place, axis=0), self.threshold)
        met = np.empty((len(self.threshold), values.shape[1]), np.bool_)
        for place, start, end in self.bounds:
            np.greater(values[place], self.threshold[start:end], out=met[start:end])
        return met


@dataclass(frozen=True, eq=False)
class Forest:
    """`levels`: for the inner nodes of each depth, which string of the depth before they take, and their condition;
    the strings of a depth are all left, then all right children... `planes` (leaves, bits, groups): strings whose rows
    have that bit set in the number of their group's leaf; `values`: sums of leaves in UNITs by group and number."""

    conditions: Conditions
    levels: tuple[tuple[Indices, Indices], ...]
    planes: Indices
    offsets: NDArray[np.intp]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, trees: "list[Tree]") -> Self:
        """From trees; they are independent of each other and of their order."""
        numbers, conditions = _numbered(trees)
        levels, leaves = _by_depth(trees, numbers)
        most = max((len(tree.value) for tree in trees), default=1)
        bits = max(1, (most - 1).bit_length())
        together = max(1, BYTE // bits)
        n_groups = -(-len(trees) // together)
        n_strings = 1 + 2 * sum(len(reached) for reached, _ in levels)
        # Room for the leaves that have a bit; what is left over takes the last string, which is empty.
        planes = np.full((1 << (bits - 1), together * bits, n_groups), n_strings, np.intp)
        values = np.zeros((n_groups,) + (1 << bits,) * together)
        for number, tree in enumerate(trees):
            group, part = divmod(number, together)
            for bit in range(bits):
                having = [leaves[number][leaf] for leaf in range(len(tree.value)) if leaf >> bit & 1]
                planes[: len(having), part * bits + bit, group] = having
            table = np.zeros(1 << bits)
            table[: len(tree.value)] = np.rint(tree.value / UNIT)
            # The first tree of a group has the lowest bits of the number: the last axis.
            values[group] += table.reshape((-1,) + (1,) * part)
        offsets = (np.arange(n_groups, dtype=np.intp) << together * bits)[:, None]
        return cls(conditions, levels, planes, offsets, values.ravel())

    def sums(self, columns: Floats) -> NDArray[np.float64]:
        """The sum of all trees for each of n rows; `columns` of shape (features, n)."""
        n_rows = columns.shape[1]
        if not len(self.offsets):
            return np.zeros(n_rows)
        before = np.setbufsize(BUFFER)
        try:
            parts = [self._sums(columns[:, start : start + ROWS]) for start in range(0, n_rows, ROWS)]
        finally:
            np.setbufsize(before)
        return np.concatenate([np.zeros(0), *parts])

    def _sums(self, columns: Floats) -> NDArray[np.float64]:
        above = self.conditions.met(columns)
        strings = np.zeros((self.n_strings + 1, above.shape[1]), np.uint8)
        strings[0] = 255
        here, end = strings[:1], 1
        for reached, condition in self.levels:
            start, middle, end = end, end + len(reached), end + 2 * len(reached)
            parents = here.take(reached, axis=0)
            here = strings[start:end]
            right = np.bitwise_and(parents, above.take(condition, axis=0), out=strings[start:middle])
            np.bitwise_xor(parents, right, out=strings[middle:end])
        planes = np.bitwise_or.reduce(strings.take(self.planes, axis=0), axis=0)
        bits = np.unpackbits(planes).reshape(*planes.shape[:2], -1)
        number = bits[0] if len(bits) <= BYTE else bits[0].astype(np.intp)
        for bit in range(1, len(bits)):
            number |= bits[bit] << bit if len(bits) <= BYTE else bits[bit].astype(np.intp) << bit
        total: NDArray[np.float64] = self.values.take(number + self.offsets).sum(axis=0)
        return total[: columns.shape[1]] * UNIT

    @property
    def n_strings(self) -> int:
        """Strings of bits in all: one a node."""
        return 1 + 2 * sum(len(reached) for reached, _ in self.levels)


def _numbered(trees: "list[Tree]") -> tuple[list[Indices], Conditions]:
    """The number of each inner node's condition, by tree; and the conditions."""
    feature = np.concatenate([np.zeros(0, np.intp), *(tree.feature for tree in trees)]).astype(np.int64)
    threshold = np.concatenate([np.zeros(0), *(tree.threshold for tree in trees)])
    # Values are float32: "above the threshold" is the same as above the greatest float32 that does not exceed it.
    below = threshold.astype(np.float32)
    below = np.where(below > threshold, np.nextafter(below, np.float32(-np.inf)), below)
    right = np.concatenate([np.zeros(0, np.bool_), *(goes_right_when_missing(tree) for tree in trees)])
    order = np.lexsort((below, feature, right))
    key = list(zip(right[order].tolist(), feature[order].tolist(), below[order].tolist(), strict=True))
    first = np.array([at == 0 or key[at] != key[at - 1] for at in range(len(key))], np.bool_)
    number = np.empty(len(key), np.intp)
    number[order] = np.cumsum(first) - 1
    distinct = order[first]
    places, place = np.unique((right[distinct].astype(np.int64) << 32) | feature[distinct], return_inverse=True)
    edges = np.searchsorted(place, np.arange(len(places) + 1)).tolist()
    bounds = tuple((at, edges[at], edges[at + 1]) for at in range(len(places)))
    conditions = Conditions(
        places & 0xFFFFFFFF, int((places >> 32 == 0).sum()), place, below[distinct][:, None].copy(), bounds
    )
    ends = np.cumsum([0, *(len(tree.feature) for tree in trees)])
    return [number[start:end] for start, end in pairwise(ends)], conditions


def _by_depth(
    trees: "list[Tree]", numbers: list[Indices]
) -> tuple[tuple[tuple[Indices, Indices], ...], list[dict[int, int]]]:
    """The levels, and the string of each leaf by tree. All trees share the first string, which has every row."""
    levels: list[tuple[Indices, Indices]] = []
    leaves: list[dict[int, int]] = [{} if len(tree.feature) else {0: 0} for tree in trees]
    nodes = [(number, 0, 0) for number, tree in enumerate(trees) if len(tree.feature)]
    end = 1
    while nodes:
        reached = np.array([string for _, _, string in nodes], np.intp)
        levels.append((reached, np.array([numbers[tree][node] for tree, node, _ in nodes], np.intp)))
        following = []
        for at, (number, node, _) in enumerate(nodes):
            tree = trees[number]
            for child, string in ((tree.right[node], at), (tree.left[node], len(nodes) + at)):
                if child >= 0:
                    following.append((number, int(child), string))
                else:
                    leaves[number][~int(child)] = end + string
        nodes, end = following, end + 2 * len(nodes)
    return tuple(levels), leaves

"""Texts and ids as arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.strings import IdIndex, StringTable


@given(st.lists(st.text(max_size=40)))
def test_a_table_gives_back_its_texts(texts: list[str]) -> None:
    table = StringTable.of(texts)
    assert list(table) == texts
    assert StringTable.from_arrays(table.arrays()).take(range(len(texts))) == texts


def test_empty_texts_are_told_apart() -> None:
    assert StringTable.of(["a", "", "ü"]).is_empty().tolist() == [False, True, False]


@given(st.lists(st.text(max_size=20), unique=True), st.text(max_size=20))
def test_an_index_finds_its_ids_and_no_other(ids: list[str], other: str) -> None:
    index = IdIndex.of(ids)
    assert index.find_all(ids).tolist() == list(range(len(ids)))
    assert index.find(other) == (ids.index(other) if other in ids else -1)


def test_ids_with_equal_hashes_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.strings.hash_id", lambda _: 7)
    index = IdIndex.of(["a", "b", "c"])
    assert [index.find(text) for text in "abcd"] == [0, 1, 2, -1]


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="not unique"):
        IdIndex.of(["a", "a"])


def test_an_index_survives_being_stored() -> None:
    index = IdIndex.of(["900", "0900", "🧀", "x" * 10_000])
    stored = IdIndex.from_arrays({name: np.array(array) for name, array in index.arrays().items()})
    assert stored.find("0900") == 1
    assert stored.find("🧀") == 2
    assert stored[3] == "x" * 10_000

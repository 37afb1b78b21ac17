"""Texts as numbers while figures are computed: eight bytes where an id would take a hundred."""

from collections.abc import Hashable


class Names:
    """Numbers texts, or tuples of them, from 0 in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def of(self, name: Hashable) -> int:
        """The name's number; a new one for a new name."""
        return self.numbers.setdefault(name, len(self.numbers))

    def find(self, name: Hashable) -> int:
        """The name's number, −1 for one that never came."""
        return self.numbers.get(name, -1)


class Book:
    """The numbers that touches, purchases and cohorts share. A subject is a customer's id, or ('', session_id)."""

    def __init__(self) -> None:
        self.subjects, self.items, self.orders = Names(), Names(), Names()

    def subject(self, customer_id: str | None, session_id: str | None) -> int:
        """Who it was; −1 where nobody knows."""
        if customer_id is not None:
            numbers = self.subjects.numbers
            return numbers.setdefault(customer_id, len(numbers))
        return -1 if session_id is None else self.subjects.of(("", session_id))

"""Invented customers: the same for the same ids, and a file that the import takes whole."""

from datetime import UTC, datetime
from pathlib import Path

from recsvc.customers.fields import PARSERS
from recsvc.customers.files import open_customer_file
from recsvc.customers.importing import import_customers
from recsvc.customers.table import find_customers
from recsvc.shopwindow.people import person, write_people
from recsvc.state import open_database


def test_a_person_depends_on_the_id_alone() -> None:
    assert person("900", 3) == ("900", "emil.3@example.org", "Emil", "de", "true", "true", *person("900", 3)[6:])
    assert person("900", 4)[2:] == person("900", 3)[2:]


def test_consent_language_and_tier_differ_among_people() -> None:
    people = [person(str(number), number) for number in range(1000)]
    assert {one[3] for one in people} == {"de", "en"}
    assert 750 < sum(one[4] == "true" for one in people) < 850
    assert 850 < sum(one[5] == "true" for one in people) < 950
    assert {one[7] for one in people} == {"", "bronze", "silver", "gold"}
    assert len({one[1] for one in people}) == 1000


def test_the_import_takes_every_row(tmp_path: Path) -> None:
    ids = ["900", "id, with comma", 'quote"d', "ümlaut", "x" * 400]
    write_people(tmp_path / "people.csv", ids)
    database = open_database(None, tmp_path)
    with open_customer_file(tmp_path / "people.csv", tuple(PARSERS)) as opened:
        summary = import_customers(database, opened, now=datetime(2026, 3, 1, tzinfo=UTC))
    assert (summary.accepted, summary.rejected, summary.ignored_columns) == (5, 0, ())
    known = find_customers(database, ids)
    assert set(known) == set(ids)
    assert known["900"].first_name == "Emil"
    database.dispose()

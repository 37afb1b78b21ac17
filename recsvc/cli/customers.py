"""`recsvc customers`: the table of those who may be written to."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recsvc.cli.talk import progress, say, store_option

if TYPE_CHECKING:
    import sqlalchemy as sa

    from recsvc.customers.suppression import Suppressions


@click.group()
def customers() -> None:
    """Customers with address, language and consent."""


@customers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@store_option
def import_command(file: Path, as_json: bool, quiet: bool, store: Path) -> None:
    """Bring a CSV or Parquet FILE of customers into the table.

    Columns: customer_id (required), email, first_name, locale, email_ok, profiling_ok, tracking_ok, tier, points,
    segment, email_basis, consent_at.
    A consent that is missing or empty is none. A customer already known gets the values of the columns that the
    file has; the rest stays. A row that cannot be used is left out and said.

    \b
    Example:
      recsvc customers import customers.csv
    """
    from recsvc.customers.fields import PARSERS
    from recsvc.customers.files import open_customer_file
    from recsvc.customers.importing import import_customers
    from recsvc.state import open_database

    engine = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    with open_customer_file(file, tuple(PARSERS)) as opened, progress("Customers", opened.total, quiet=quiet) as meter:
        summary = import_customers(engine, opened, now=datetime.now(UTC), advance=meter.advance)
    for column in summary.ignored_columns:
        say(f"column not used: {column}")
    for line, reason in summary.examples:
        say(f"{file}:{line}: {reason}")
    if summary.rejected > len(summary.examples):
        say("… " + "; ".join(f"{count} × {reason}" for reason, count in summary.reasons.most_common()))
    say(f"{summary.accepted} of {summary.rows} rows taken, {summary.rejected} left out")
    if as_json:
        report = {
            "rows": summary.rows,
            "accepted": summary.accepted,
            "rejected": summary.rejected,
            "reasons": dict(summary.reasons.most_common()),
            "ignored_columns": summary.ignored_columns,
        }
        click.echo(json.dumps(report, ensure_ascii=False))


@customers.command("export")
@click.argument("customer_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to stdout.")
@store_option
def export_command(customer_id: str, out: Path | None, store: Path) -> None:
    """Write all that is known of one customer as JSON: for a request under GDPR 15 or 20.

    \b
    Example:
      recsvc customers export 900 --out 900.json
    """
    from models.errors import InputError
    from recsvc.customers.personal import engine_of, export_customer

    database, suppressions = _opened(store)
    known = export_customer(database, engine_of(store), suppressions, customer_id, now=datetime.now(UTC))
    text = json.dumps(known, ensure_ascii=False, indent=2)
    if out is None:
        click.echo(text)
        return
    try:
        out.touch(mode=0o600)
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: {(error.strerror or str(error)).lower()}; choose another --out") from None
    say(f"written: {out}")


@customers.command()
@click.argument("customer_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
def erase(customer_id: str, yes: bool, store: Path) -> None:
    """Forget one customer: rows, live events, and their lists from now on (GDPR 17).

    The address stays suppressed, as a keyed hash. The next training counts their purchases as a guest's. Files that
    were written before (exports, purchase files) are yours to clean.

    \b
    Example:
      recsvc customers erase 900 --yes
    """
    from recsvc.customers.personal import erase_customer

    if not yes:
        click.confirm("This cannot be undone. Erase the customer?", abort=True, err=True)
    database, suppressions = _opened(store)
    gone = erase_customer(database, store, suppressions, customer_id, now=datetime.now(UTC))
    say("erased: " + ", ".join(f"{count} {name}" for name, count in gone.items()))
    say("your own files (purchases, exports) may still name the customer; the next training forgets the purchases")


@customers.command()
@click.argument("addresses", nargs=-1)
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Addresses, one a line.")
@click.option("--reason", default="user_suppressed", show_default=True, help="hard_bounce, spam_complaint …")
@click.option("--lift", is_flag=True, help="Take the addresses off the list instead.")
@store_option
def suppress(addresses: tuple[str, ...], file: Path | None, reason: str, lift: bool, store: Path) -> None:
    """Never write to these ADDRESSES again, whatever an import says: bounces and complaints of your mailing tool.

    \b
    Example:
      recsvc customers suppress --reason hard_bounce --file bounces.txt
    """
    from models.errors import InputError
    from recsvc.customers.fields import is_email
    from recsvc.customers.suppression import REASONS

    if reason not in REASONS:
        raise InputError(f"--reason is {reason!r}; expected one of {', '.join(REASONS)}")
    given = list(addresses)
    if file is not None:
        try:
            given += [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError):
            raise InputError(f"{file} cannot be read as UTF-8 text") from None
    if not given:
        raise click.UsageError("give addresses, or a --file of them")
    wrong = [place for place, address in enumerate(given, 1) if not is_email(address)]
    if wrong:
        raise InputError(f"address {wrong[0]} is no e-mail address; nothing was changed")
    _, suppressions = _opened(store)
    if lift:
        say(f"{sum(suppressions.lift(address) for address in given)} of {len(given)} taken off the list")
    else:
        say(f"{suppressions.add(given, reason, datetime.now(UTC))} of {len(given)} are new on the list")


def _opened(store: Path) -> "tuple[sa.Engine, Suppressions]":
    from recsvc.customers.suppression import Suppressions
    from recsvc.state import open_database

    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    return database, Suppressions.open(database, store, os.environ)

"""`recsvc offers`: check a campaign file, look at one mail, write everybody's offers."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from recsvc.cli.talk import progress, say, store_option
from recsvc.i18n import LANGUAGES

if TYPE_CHECKING:
    from recsvc.offers.run import Run

campaign_argument = click.argument("campaign", type=click.Path(dir_okay=False, path_type=Path))
locale_option = click.option(
    "--locale", type=click.Choice(LANGUAGES), help="Write to everybody in this language, not in the customer's own."
)


@click.group()
def offers() -> None:
    """Personalised e-mail offers from a campaign file (see docs/offers.md)."""


@offers.command()
@campaign_argument
def check(campaign: Path) -> None:
    """Check a CAMPAIGN file, its templates and its links, without a model or customers.

    \b
    Example:
      recsvc offers check campaign.toml
    """
    from recsvc.offers.campaign import load_campaign
    from recsvc.offers.checking import check_campaign

    checked = load_campaign(campaign)
    for note in check_campaign(checked):
        say(f"note: {note}")
    items = sum(slot.n for slot in checked.slots)
    languages = ", ".join(checked.texts)
    click.echo(f"{campaign}: campaign {checked.id} is fine: {len(checked.slots)} slots, {items} items, {languages}")


@offers.command()
@click.argument("name", required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to NAME.toml.")
def init(name: str | None, out: Path | None) -> None:
    """Copy a ready campaign to start from; without a NAME, say which there are.

    \b
    Example:
      recsvc offers init win-back
    """
    from models.errors import InputError
    from recsvc.offers.ready import NAMES, ready_campaign

    if name is None:
        for known in NAMES:
            click.echo(f"{known}: {ready_campaign(known).splitlines()[0].lstrip('# ')}")
        return
    text, place = ready_campaign(name), out or Path(f"{name}.toml")
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{place} is there already; choose another --out") from None
    except OSError as error:
        raise InputError(f"{place}: {(error.strerror or str(error)).lower()}; choose another --out") from None
    say(f"written: {place}; put your shop into [mail] and [link], then: recsvc offers check {place}")


@offers.command()
@campaign_argument
@click.option("--customer", "customer_id", required=True, help="Whose mail.")
@locale_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to stdout.")
@click.option("--text", "as_text", is_flag=True, help="The text part instead of the HTML.")
@store_option
def preview(campaign: Path, customer_id: str, locale: str | None, out: Path | None, as_text: bool, store: Path) -> None:
    """Write the mail that one customer would get. Nothing is sent, and it works without address or consent.

    \b
    Example:
      recsvc offers preview campaign.toml --customer 900 --out mail.html
    """
    from models.errors import InputError
    from recsvc.offers.preview import preview_mail

    mail, notes = preview_mail(_run(campaign, locale, store), customer_id)
    for note in notes:
        say(f"note: {note}")
    say(f"subject: {mail.subject}")
    body = mail.text if as_text else mail.html
    if out is None:
        click.echo(body)
        return
    try:
        out.write_text(body, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: {(error.strerror or str(error)).lower()}; choose another --out") from None
    say(f"written: {out}")


@offers.command()
@campaign_argument
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the files.")
@click.option(
    "--customers", type=click.Path(dir_okay=False, path_type=Path), help="CSV file of ids, not the campaign's."
)
@locale_option
@click.option(
    "--to", "formats", default="csv,jsonl", show_default=True,
    help="csv, jsonl, eml, mailchimp, klaviyo, brevo, sendgrid, ses; several with commas.",
    callback=lambda _context, _option, value: _formats(value),
)  # fmt: skip
@click.option(
    "--record/--no-record", default=True, show_default=True,
    help="Write down who was offered what, which limits, caps and results go by.",
)  # fmt: skip
@click.option("--processes", type=click.IntRange(1, 64), show_default="one a core, at most 4", help="That make offers.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary on stderr.")
@store_option
def export(
    campaign: Path,
    out: Path,
    customers: Path | None,
    locale: str | None,
    formats: tuple[str, ...],
    record: bool,
    processes: int | None,
    as_json: bool,
    quiet: bool,
    store: Path,
) -> None:
    """Write each customer's offer to OUT/<campaign id>.csv and .jsonl, for the mailing tool.

    Only customers of the customer table who agreed to e-mail and have an address are written; those who agreed to no
    profile get what is popular with everybody.

    \b
    Example:
      recsvc offers export campaign.toml --out offers/
    """
    from recsvc.offers.export import export_offers
    from recsvc.offers.processes import default_processes, spare_collections

    run = _run(campaign, locale, store)
    audience = run.audience(customers)
    spare_collections()
    with progress("Offers", audience.size, quiet=quiet) as meter:
        summary = export_offers(
            run, audience, out, formats=formats, record=record, advance=meter.advance,
            processes=processes or default_processes(audience.size), store=store,
        )  # fmt: skip
    if not quiet:
        say(f"{summary.written} offers with {summary.items} items written to {', '.join(map(str, summary.files))}")
        for line in summary.lines():
            say(line)
    if as_json:
        click.echo(orjson.dumps(summary.as_json()))


@offers.command()
@campaign_argument
@click.option(
    "--dry-run/--no-dry-run", default=True, show_default=True, help="Make every mail, but send none and write nothing."
)
@click.option("--rate", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Mails a second; 0: all.")
@click.option("--connections", type=click.IntRange(1, 20), default=2, show_default=True, help="To the mail server.")
@click.option("--retry-unsure", is_flag=True, help="Send again what may have arrived: some may get it twice.")
@click.option(
    "--customers", type=click.Path(dir_okay=False, path_type=Path), help="CSV file of ids, not the campaign's."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary on stderr.")
@store_option
def send(
    campaign: Path,
    dry_run: bool,
    rate: float,
    connections: int,
    retry_unsure: bool,
    customers: Path | None,
    as_json: bool,
    quiet: bool,
    store: Path,
) -> None:
    """Send a CAMPAIGN by SMTP (RECSVC_SMTP_URL): each edition to each customer once, however often it is stopped.

    \b
    Example:
      recsvc offers send campaign.toml                    make every mail, send none
      recsvc offers send campaign.toml --no-dry-run       send; run it again to go on
    """
    from recsvc.offers.ledger import FREE_TO_SEND
    from recsvc.offers.sending.send import SendOptions, send_campaign
    from recsvc.offers.sending.server import ServerSettings

    server = (
        None if dry_run else ServerSettings.parse(os.environ.get("RECSVC_SMTP_URL"), os.environ.get("RECSVC_SMTP_CA"))
    )
    run = _run(campaign, None, store)
    audience = run.audience(customers, free=FREE_TO_SEND)
    options = SendOptions(dry_run=dry_run, rate=rate, connections=connections, retry_unsure=retry_unsure)
    with progress("Mails", audience.size, quiet=quiet) as meter:
        summary = send_campaign(
            run, audience, server, store, options=options, clock=lambda: datetime.now(UTC), advance=meter.advance
        )
    if not quiet:
        told = ", ".join(f"{count} {state}" for state, count in summary.outcomes.most_common()) or "nothing to send"
        say(f"{'dry run, nothing was sent: ' if dry_run else ''}{told}")
        for reason, count in summary.left_out.most_common():
            say(f"left out: {count} ({reason})")
        for problem in summary.problems[:10]:
            say(f"the mail server: {problem}")
        if summary.outcomes["deferred"]:
            say("run it again to send what was deferred")
        if summary.outcomes["unsure"]:
            say("unsure: in flight when the sender or the server stopped; not sent again (--retry-unsure does)")
    if as_json:
        click.echo(orjson.dumps(summary.as_json()))
    if summary.outcomes["deferred"] or summary.outcomes["refused"]:
        raise click.exceptions.Exit(1)


@offers.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@store_option
def redeemed(file: Path, store: Path) -> None:
    """Bring in which benefits were redeemed, and let caps and budgets have back those that ended unredeemed.

    FILE is a CSV with customer_id and benefit_id, a line for each redemption so far.

    \b
    Example:
      recsvc offers redeemed redemptions.csv
    """
    from recsvc.offers.benefits.redeemed import read_redemptions, settle
    from recsvc.state import open_database

    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    settled = settle(database, read_redemptions(file), now=datetime.now(UTC))
    say(f"{settled.redeemed} redemptions are new; {settled.unknown} are of benefits that were not given")
    for name, count in sorted(settled.released.items()):
        say(f"ended unredeemed, free to be given again: {count} × {name}")


@offers.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@store_option
def prices(file: Path | None, store: Path) -> None:
    """Write today's prices of the published catalogue into the price history, or bring in an older one from a FILE.

    Reductions may only be announced against the lowest price of the last 30 days: run it daily.

    \b
    Example:
      recsvc offers prices
      recsvc offers prices history.csv
    """
    from models.remote_registry import open_registry
    from recsvc.engine import Engine
    from recsvc.offers.prices import import_prices, record_prices
    from recsvc.state import open_database

    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    if file is not None:
        say(f"{import_prices(database, file)} prices taken")
        return
    engine = Engine.from_bundle(open_registry(store).open(verify=False))
    say(f"{record_prices(engine, database, datetime.now(UTC))} prices are new or have changed")


@offers.command()
@click.option("--share", type=click.FloatRange(0, 0.5), help="Of all customers; 0 ends it. Without it: what holds now.")
@click.option("--salt", default="", help="Any text; another one draws other people.")
@store_option
def holdout(share: float | None, salt: str, store: Path) -> None:
    """Keep a share of all customers from every campaign, always the same people, to see what all of them bring.

    It holds for each export, sending and preview from then on; `recsvc kpis` compares them with all others.

    \b
    Example:
      recsvc offers holdout --share 0.05
      recsvc offers holdout
    """
    from recsvc.offers.holdout import GlobalHoldout, decide_global_holdout, read_global_holdout
    from recsvc.state import open_database

    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    if share is not None:
        decide_global_holdout(database, GlobalHoldout(share=share, salt=salt, since=datetime.now(UTC)))
    with database.connect() as connection:
        found = read_global_holdout(connection)
    click.echo(f"{found.share:g} of all customers get no campaign, since {found.since:%Y-%m-%d %H:%M} UTC"
               if found.share else "no customer is kept from every campaign")  # fmt: skip


def _run(path: Path, locale: str | None, store: Path) -> "Run":
    from recsvc.offers.run import open_run

    return open_run(path, store, locale=locale)


def _formats(value: str) -> tuple[str, ...]:
    from recsvc.offers.writing import FORMATS

    chosen = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    for name in chosen:
        if name not in FORMATS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(FORMATS)}")
    return chosen

"""`recsvc serve`: answer over HTTP."""

import os
from pathlib import Path

import click

from models.settings import read_section
from recsvc.cli.talk import config_option, say, store_option
from recsvc.events.settings import EventSettings
from recsvc.http.settings import PUBLIC_LIMIT

MOST_WORKERS = 8


def default_workers() -> int:
    """One for each core that this process may use, at most MOST_WORKERS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


@click.command()
@click.option("--host", default="127.0.0.1", envvar="RECSVC_HOST", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    envvar="RECSVC_PORT",
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=default_workers,
    envvar="RECSVC_WORKERS",
    show_default=f"one a core, at most {MOST_WORKERS}",
    help="Processes; they share the model in memory.",
)
@click.option("--access-log", is_flag=True, envvar="RECSVC_ACCESS_LOG", help="Log a line for every request.")
@click.option(
    "--origins",
    default="",
    envvar="RECSVC_ORIGINS",
    metavar="LIST",
    help="Sites whose pages may ask, such as https://shop.example,https://www.shop.example.",
)
@click.option(
    "--rate-limit",
    default=PUBLIC_LIMIT,
    envvar="RECSVC_RATE_LIMIT",
    metavar="RATE",
    show_default=True,
    help="How often one address may ask with a public key; off for no limit.",
)
@click.option(
    "--rate-limit-server",
    default="off",
    envvar="RECSVC_RATE_LIMIT_SERVER",
    metavar="RATE",
    show_default=True,
    help="How often a server key may ask, such as 6000/minute.",
)
@click.option(
    "--proxies",
    type=click.IntRange(0, 10),
    envvar="RECSVC_PROXIES",
    help="Proxies of yours in front, whose X-Forwarded-For counts; by default one, if on a private network.",
)
@click.option(
    "--leave",
    "leave_seconds",
    type=click.FloatRange(0, 600),
    default=0.0,
    envvar="RECSVC_LEAVE_SECONDS",
    show_default=True,
    metavar="SECONDS",
    help="Told to stop, say for so long at /health/ready that a load balancer is to go elsewhere, and still answer.",
)
@config_option
@store_option
def serve(
    host: str,
    port: int,
    workers: int,
    access_log: bool,
    origins: str,
    rate_limit: str,
    rate_limit_server: str,
    proxies: int | None,
    leave_seconds: float,
    config: Path | None,
    store: Path,
) -> None:
    """Answer /recommend over HTTP from the published model.

    A model that is published later is picked up within seconds, while requests go on.

    Others than this machine can only be served once there is an API key (`recsvc keys create`). Logs go to stderr as
    JSON lines. SIGTERM and Ctrl-C finish what is being answered.

    \b
    Example:
      recsvc serve --port 8000
      curl '127.0.0.1:8000/recommend?customer_id=900'
    """
    from recsvc.http.server import run
    from recsvc.http.settings import ServeSettings, parse_origins
    from recsvc.placements import read_config, read_placements

    tables = read_config(config)
    read_placements(config)
    settings = ServeSettings(
        store=store,
        database_url=os.environ.get("RECSVC_DATABASE_URL"),
        secret=os.environ.get("RECSVC_SECRET"),
        previous_secret=os.environ.get("RECSVC_SECRET_PREVIOUS"),
        host=host,
        port=port,
        workers=workers,
        access_log=access_log,
        origins=parse_origins(origins),
        public_limit=rate_limit,
        server_limit=rate_limit_server,
        proxies=proxies,
        leave_seconds=leave_seconds,
        config=config,
        events=read_section(EventSettings, tables.get("events", {}), "events"),
    )
    run(settings, say=say)

"""The mail that one customer would get of a campaign as it is saved."""

import time
from http import HTTPStatus

from flask import request

from recsvc.console.campaign_files import CampaignFiles, digest
from recsvc.console.desk import Desk
from recsvc.http.problems import ProblemError
from recsvc.offers.mail import Mail
from recsvc.offers.preview import preview_mail
from recsvc.offers.run import Run

LONGEST_ID = 512
RUN_SECONDS = 60.0


class Previews:
    """Previews of one desk; the campaign looked at last is kept for a minute."""

    def __init__(self, desk: Desk, files: CampaignFiles) -> None:
        self._desk, self._files = desk, files
        self._runs: dict[tuple[str, str, str], tuple[float, Run]] = {}

    def mail(self, name: str) -> tuple[Mail, list[str]] | None:
        """The mail to the customer of this request, and what to know about it; None where it names none.

        Raises ProblemError for a campaign that is not there or wrong, InputError for one that this model cannot fill.
        """
        customer = request.args.get("customer", "").strip()[:LONGEST_ID]
        return preview_mail(self._run_of(name, request.args.get("locale", "")), customer) if customer else None

    def _run_of(self, name: str, locale: str) -> Run:
        text = self._files.read(name)
        key = (digest(text), self._desk.service.live.current().version, locale)
        known = self._runs.get(key)
        if known is not None and time.monotonic() - known[0] < RUN_SECONDS:
            return known[1]
        campaign = self._files.check(name, text).campaign
        if campaign is None:
            raise ProblemError(HTTPStatus.CONFLICT, self._desk.visitor().words.gettext("Mend the campaign first."))
        service = self._desk.service
        run = Run.of(
            campaign, service.live.current(), service.database, self._desk.secret, now=service.clock(),
            locale=locale or None, recording=False, previous_secret=self._desk.previous_secret,
        )  # fmt: skip
        self._runs.clear()
        self._runs[key] = time.monotonic(), run
        return run
